/*
 * PNG before decoding (W3C PNG, third edition): a walk over its chunks.
 *
 * Checksums are not verified: neither does the decoder, and a broken one harms nobody. Invariant: `at <= size`.
 * Thread-safe: no state.
 */
#include "bytes.h"
#include "exif.h"
#include "precheck.h"

#include <string.h>

#define TRUNCATED "the PNG is truncated after %zu bytes; send the whole file"

typedef struct chunk {
    char type[5];
    const uint8_t *data;
    size_t length, at; /* `at`: offset of the chunk in the file */
} chunk;

typedef struct walk {
    const uint8_t *bytes;
    size_t size, at;
    xai_image_header *header;
    xai_error *err;
    int depth, colour;
    bool has_data;
} walk;

enum { GRAY = 0, PALETTE = 3, COLOUR_BIT = 2, ALPHA_BIT = 4 };

static xai_status next_chunk(walk *w, chunk *c)
{
    XAI_CHECK(w->size - w->at >= 12, w->err, BAD_IMAGE, "image", TRUNCATED, w->size);
    const uint8_t *p = w->bytes + w->at;
    *c = (chunk){.data = p + 8, .length = be32(p), .at = w->at};
    memcpy(c->type, p + 4, 4);
    for (int i = 0; i < 4; i++) {
        bool letter = (c->type[i] >= 'A' && c->type[i] <= 'Z') || (c->type[i] >= 'a' && c->type[i] <= 'z');
        XAI_CHECK(letter, w->err, BAD_IMAGE, "image", "the PNG has a chunk without a name at byte %zu", w->at);
    }
    XAI_CHECK(c->length <= w->size - w->at - 12, w->err, BAD_IMAGE, "image", TRUNCATED, w->size);
    w->at += 12 + c->length;
    return XAI_OK;
}

/* Which depths go with which colour type: table 11.1 of the standard, as bits. */
static bool depth_fits(int depth, int colour)
{
    static const int depths[7] = {1 | 2 | 4 | 8 | 16, 0, 8 | 16, 1 | 2 | 4 | 8, 8 | 16, 0, 8 | 16};
    bool power = depth > 0 && depth <= 16 && (depth & (depth - 1)) == 0;
    return power && colour <= 6 && (depths[colour] & depth);
}

static xai_status read_header(walk *w, const xai_image_limits *limits)
{
    chunk c;
    XAI_TRY(next_chunk(w, &c));
    XAI_CHECK(strcmp(c.type, "CgBI") != 0, w->err, UNSUPPORTED_IMAGE, "image",
              "this is Apple's variant of PNG (CgBI); save it as an ordinary PNG");
    XAI_CHECK(strcmp(c.type, "IHDR") == 0 && c.length == 13, w->err, BAD_IMAGE, "image",
              "the PNG does not begin with its header");
    w->depth = c.data[8];
    w->colour = c.data[9];
    XAI_CHECK(depth_fits(w->depth, w->colour), w->err, BAD_IMAGE, "image", "the PNG claims %d bits of colour type %d",
              w->depth, w->colour);
    XAI_CHECK(c.data[10] == 0 && c.data[11] == 0 && c.data[12] <= 1, w->err, BAD_IMAGE, "image",
              "the PNG's header names an unknown compression, filter or interlacing");
    return xai_precheck_size(be32(c.data), be32(c.data + 4), limits, w->header, w->err);
}

/* Inflated rows, rows put together, passes and a narrowed copy: six times a pixel with an alpha channel. */
static int working_bytes(const walk *w)
{
    int channels = w->colour == PALETTE ? 4 : (w->colour & COLOUR_BIT ? 4 : 2);
    return 6 * channels * (w->depth == 16 ? 2 : 1);
}

static xai_status check_chunk(walk *w, const chunk *c)
{
    bool critical = c->type[0] >= 'A' && c->type[0] <= 'Z';
    if (strcmp(c->type, "IDAT") == 0) {
        w->has_data = true;
    } else if (strcmp(c->type, "PLTE") == 0) {
        XAI_CHECK(!w->has_data && !w->header->palette_at && c->length > 0 && c->length <= 768 && c->length % 3 == 0,
                  w->err, BAD_IMAGE, "image", "the PNG's palette is broken");
        w->header->palette_at = c->at;
        if (w->colour == PALETTE) w->header->palette_missing = (1 << w->depth) - (int)(c->length / 3);
    } else if (strcmp(c->type, "eXIf") == 0) {
        int orientation = xai_exif_orientation(c->data, c->length);
        if (orientation) w->header->orientation = orientation;
    } else {
        XAI_CHECK(!critical, w->err, BAD_IMAGE, "image", "the PNG has an unexpected chunk, %s", c->type);
    }
    return XAI_OK;
}

xai_status xai_precheck_png(const uint8_t *bytes, size_t size, const xai_image_limits *limits,
                            xai_image_header *header, xai_error *err)
{
    walk w = {.bytes = bytes, .size = size, .at = 8, .header = header, .err = err};
    header->format = XAI_IMAGE_PNG;
    XAI_TRY(read_header(&w, limits));
    header->working_bytes = working_bytes(&w);
    for (;;) {
        chunk c;
        XAI_TRY(next_chunk(&w, &c));
        if (strcmp(c.type, "IEND") == 0) break;
        XAI_TRY(check_chunk(&w, &c));
    }
    XAI_CHECK(w.has_data, err, BAD_IMAGE, "image", "the PNG has no picture in it");
    XAI_CHECK(w.colour != PALETTE || header->palette_at, err, BAD_IMAGE, "image", "the PNG has no palette");
    return XAI_OK;
}
