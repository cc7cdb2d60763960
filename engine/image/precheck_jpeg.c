/*
 * JPEG before decoding (ITU-T T.81, annex B): a walk over its markers.
 *
 * The walk finds markers by the same rules as stb_image does: bytes before FF are skipped, repeated FF are fill, and
 * coded data ends at any marker but a restart. So a segment that the decoder would read cannot hide from the checks.
 * Invariant: `at <= size`. Thread-safe: no state.
 */
#include "bytes.h"
#include "exif.h"
#include "precheck.h"

#include <string.h>

/* clang-format off */
enum {
    SOF0 = 0xc0, SOF2 = 0xc2, DHT = 0xc4, JPG = 0xc8, DAC = 0xcc, SOF15 = 0xcf, RST0 = 0xd0, RST7 = 0xd7,
    EOI = 0xd9, SOS = 0xda, DQT = 0xdb, DRI = 0xdd, APP0 = 0xe0, APP1 = 0xe1, APP15 = 0xef, COM = 0xfe
};
/* clang-format on */

typedef struct walk {
    const uint8_t *bytes;
    size_t size, at;
    const xai_image_limits *limits;
    xai_image_header *header;
    xai_error *err;
    const uint8_t *body; /* of the segment at hand */
    size_t length;
    int components, scans;
    bool has_orientation;
} walk;

#define HOLDS(condition, w, ...) XAI_CHECK((condition), (w)->err, BAD_IMAGE, "image", __VA_ARGS__)
#define TRUNCATED "the JPEG is truncated: it ends after %zu bytes without an end marker; send it whole"

/* The next marker, or -1 at the end of the file. */
static int next_marker(walk *w)
{
    while (w->at < w->size && w->bytes[w->at] != 0xff) w->at++;
    while (w->at < w->size && w->bytes[w->at] == 0xff) w->at++;
    return w->at < w->size ? w->bytes[w->at++] : -1;
}

/* Past the coded data of a scan, to the marker that ends it. */
static void skip_coded_data(walk *w)
{
    while (w->at < w->size) {
        const uint8_t *ff = memchr(w->bytes + w->at, 0xff, w->size - w->at);
        size_t start = ff ? (size_t)(ff - w->bytes) : w->size;
        w->at = start;
        int marker = next_marker(w);
        if (marker > 0 && !(marker >= RST0 && marker <= RST7)) {
            w->at = start;
            return;
        }
    }
}

static xai_status read_segment(walk *w)
{
    HOLDS(w->size - w->at >= 2, w, TRUNCATED, w->size);
    size_t length = be16(w->bytes + w->at);
    HOLDS(length >= 2, w, "a segment of the JPEG claims a length of %zu bytes", length);
    HOLDS(length <= w->size - w->at, w, TRUNCATED, w->size);
    w->body = w->bytes + w->at + 2;
    w->length = length - 2;
    w->at += length;
    return XAI_OK;
}

/* A table lists 16 counts of codes and then as many values; the decoder has room for 256. */
static xai_status check_huffman(walk *w)
{
    const uint8_t *p = w->body;
    size_t left = w->length;
    while (left > 0) {
        HOLDS(left >= 17, w, "a Huffman table of the JPEG is cut off");
        HOLDS(p[0] >> 4 <= 1 && (p[0] & 15) <= 3, w, "a Huffman table of the JPEG has the number %d", p[0]);
        size_t values = 0;
        for (int i = 1; i <= 16; i++) values += p[i];
        HOLDS(values <= 256, w, "a Huffman table of the JPEG lists %zu codes; 256 are possible", values);
        HOLDS(left - 17 >= values, w, "a Huffman table of the JPEG is cut off");
        p += 17 + values;
        left -= 17 + values;
    }
    return XAI_OK;
}

static xai_status check_quantisation(walk *w)
{
    const uint8_t *p = w->body;
    size_t left = w->length;
    while (left > 0) {
        size_t need = p[0] >> 4 ? 129 : 65;
        HOLDS(p[0] >> 4 <= 1 && (p[0] & 15) <= 3, w, "a quantisation table of the JPEG has the number %d", p[0]);
        HOLDS(left >= need, w, "a quantisation table of the JPEG is cut off");
        p += need;
        left -= need;
    }
    return XAI_OK;
}

static xai_status check_sampling(walk *w)
{
    int h_max = 1, v_max = 1;
    for (int i = 0; i < w->components; i++) {
        int h = w->body[7 + 3 * i] >> 4, v = w->body[7 + 3 * i] & 15;
        HOLDS(h >= 1 && h <= 4 && v >= 1 && v <= 4, w, "the JPEG's sampling factors are %d x %d", h, v);
        h_max = h > h_max ? h : h_max;
        v_max = v > v_max ? v : v_max;
    }
    for (int i = 0; i < w->components; i++) {
        int h = w->body[7 + 3 * i] >> 4, v = w->body[7 + 3 * i] & 15;
        XAI_CHECK(h_max % h == 0 && v_max % v == 0, w->err, UNSUPPORTED_IMAGE, "image",
                  "the JPEG's components are sampled at fractional ratios; save it again as an ordinary JPEG");
    }
    return XAI_OK;
}

static xai_status check_frame(walk *w, int marker)
{
    XAI_CHECK(marker <= SOF2, w->err, UNSUPPORTED_IMAGE, "image",
              "the JPEG is lossless, hierarchical or arithmetic (SOF%d); save it as baseline or progressive",
              marker - SOF0);
    HOLDS(w->components == 0, w, "the JPEG has two frames");
    HOLDS(w->length >= 6, w, "the JPEG's frame header is cut off");
    XAI_CHECK(w->body[0] == 8, w->err, UNSUPPORTED_IMAGE, "image", "the JPEG has %d bits a sample; 8 are supported",
              w->body[0]);
    int components = w->body[5];
    XAI_CHECK(components != 4, w->err, UNSUPPORTED_IMAGE, "image",
              "the JPEG has four colour components (CMYK); convert it to RGB");
    HOLDS(components == 1 || components == 3, w, "the JPEG has %d colour components", components);
    HOLDS(w->length == 6 + 3 * (size_t)components, w, "the JPEG's frame header has a wrong length");
    w->components = components;
    XAI_TRY(xai_precheck_size(be16(w->body + 3), be16(w->body + 1), w->limits, w->header, w->err));
    return check_sampling(w);
}

static xai_status check_scan(walk *w)
{
    HOLDS(w->components > 0, w, "the JPEG has a scan before its frame header");
    HOLDS(w->length >= 1 && w->length == 4 + 2 * (size_t)w->body[0], w, "a scan header of the JPEG is broken");
    w->scans++;
    XAI_CHECK(w->scans <= w->limits->max_scans, w->err, TOO_LARGE, "image",
              "the JPEG has more than %d scans; save it as an ordinary JPEG", w->limits->max_scans);
    skip_coded_data(w);
    return XAI_OK;
}

/* The first Exif segment that knows an orientation counts. */
static void read_exif(walk *w)
{
    if (w->has_orientation || w->length < 6 || memcmp(w->body, "Exif\0\0", 6) != 0) return;
    int orientation = xai_exif_orientation(w->body + 6, w->length - 6);
    w->has_orientation = orientation != 0;
    if (orientation) w->header->orientation = orientation;
}

static xai_status check_segment(walk *w, int marker)
{
    XAI_TRY(read_segment(w));
    if (marker == DHT) return check_huffman(w);
    if (marker == DQT) return check_quantisation(w);
    if (marker == SOS) return check_scan(w);
    if (marker == DRI) {
        HOLDS(w->length == 2, w, "the JPEG's restart interval has a wrong length");
        return XAI_OK;
    }
    if (marker >= SOF0 && marker <= SOF15 && marker != JPG && marker != DAC) return check_frame(w, marker);
    if (marker == APP1) read_exif(w);
    HOLDS((marker >= APP0 && marker <= APP15) || marker == COM, w, "the JPEG has an unexpected marker (FF%02X)",
          marker);
    return XAI_OK;
}

xai_status xai_precheck_jpeg(const uint8_t *bytes, size_t size, const xai_image_limits *limits,
                             xai_image_header *header, xai_error *err)
{
    walk w = {.bytes = bytes, .size = size, .at = 2, .limits = limits, .header = header, .err = err};
    header->format = XAI_IMAGE_JPEG;
    /* Planes and output, 3 bytes each; the coefficients of a progressive file, 6; blocks reach beyond the edges. */
    header->working_bytes = 16;
    for (;;) {
        int marker = next_marker(&w);
        HOLDS(marker >= 0, &w, TRUNCATED, size);
        if (marker == EOI) break;
        XAI_TRY(check_segment(&w, marker));
    }
    HOLDS(w.scans > 0, &w, "the JPEG has no picture in it");
    return XAI_OK;
}
