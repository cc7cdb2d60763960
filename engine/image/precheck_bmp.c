/*
 * BMP before decoding: sizes, the supported subset, and pixels that name colours beyond the palette (the decoder
 * would show what happened to lie there in memory).
 *
 * Thread-safe: no state.
 */
#include "bytes.h"
#include "precheck.h"

enum { FILE_HEADER = 14, CORE = 12, INFO = 40, INFO_V3 = 56, INFO_V4 = 108, INFO_V5 = 124, RGB = 0, BITFIELDS = 3 };

typedef struct bmp {
    const uint8_t *bytes;
    size_t size, offset, header_size, stride;
    int64_t width, height;
    int bits, compression;
} bmp;

static xai_status read_header(bmp *b, xai_error *err)
{
    const char *truncated = "the BMP is truncated in its header; send the whole file";
    XAI_CHECK(b->size >= FILE_HEADER + CORE, err, BAD_IMAGE, "image", "%s", truncated);
    b->offset = le32(b->bytes + 10);
    b->header_size = le32(b->bytes + 14);
    size_t n = b->header_size;
    XAI_CHECK(n == CORE || n == INFO || n == INFO_V3 || n == INFO_V4 || n == INFO_V5, err, UNSUPPORTED_IMAGE, "image",
              "the BMP has a header of %zu bytes, an unsupported variant; send a PNG", n);
    XAI_CHECK(b->size >= FILE_HEADER + n, err, BAD_IMAGE, "image", "%s", truncated);
    const uint8_t *p = b->bytes + FILE_HEADER + 4;
    if (n == CORE) {
        b->width = le16(p), b->height = le16(p + 2), b->bits = (int)le16(p + 6);
        return XAI_OK;
    }
    b->width = (int32_t)le32(p);
    b->height = (int32_t)le32(p + 4);
    if (b->height < 0) b->height = -b->height; /* rows from top to bottom */
    b->bits = (int)le16(p + 10);
    b->compression = (int)(le32(p + 12) & 0x7fffffff);
    return XAI_OK;
}

static xai_status check_variant(const bmp *b, xai_error *err)
{
    bool bits = b->bits == 1 || b->bits == 4 || b->bits == 8 || b->bits == 16 || b->bits == 24 || b->bits == 32;
    XAI_CHECK(bits, err, BAD_IMAGE, "image", "the BMP claims %d bits a pixel", b->bits);
    bool masks = b->compression == BITFIELDS && (b->bits == 16 || b->bits == 32);
    XAI_CHECK(b->compression == RGB || masks, err, UNSUPPORTED_IMAGE, "image",
              "the BMP is compressed (type %d); save it uncompressed, or as PNG", b->compression);
    return XAI_OK;
}

static xai_status check_extent(bmp *b, xai_error *err)
{
    b->stride = ((size_t)b->width * (size_t)b->bits + 31) / 32 * 4;
    size_t need;
    bool overflow =
        __builtin_mul_overflow(b->stride, (size_t)b->height, &need) || __builtin_add_overflow(need, b->offset, &need);
    XAI_CHECK(b->offset >= FILE_HEADER + b->header_size && !overflow && need <= b->size, err, BAD_IMAGE, "image",
              "the BMP is truncated: its pixels do not fit into its %zu bytes", b->size);
    return XAI_OK;
}

static int pixel_index(const uint8_t *row, int64_t x, int bits)
{
    if (bits == 8) return row[x];
    return bits == 4 ? row[x / 2] >> (x % 2 ? 0 : 4) & 15 : row[x / 8] >> (7 - x % 8) & 1;
}

/* Rows are checked as they lie in the file, so their order does not matter. */
static xai_status check_palette(const bmp *b, xai_error *err)
{
    size_t entry = b->header_size == CORE ? 3 : 4, before = FILE_HEADER + b->header_size;
    /* The decoder counts a core header's palette from 24 bytes further on. */
    if (b->header_size == CORE) before += 12;
    size_t colours = b->offset > before ? (b->offset - before) / entry : 0;
    XAI_CHECK(colours > 0 && colours <= 256, err, BAD_IMAGE, "image", "the BMP's palette has %zu colours", colours);
    for (int64_t y = 0; y < b->height; y++) {
        const uint8_t *row = b->bytes + b->offset + b->stride * (size_t)y;
        for (int64_t x = 0; x < b->width; x++)
            XAI_CHECK((size_t)pixel_index(row, x, b->bits) < colours, err, BAD_IMAGE, "image",
                      "a pixel of the BMP names a colour beyond its palette of %zu", colours);
    }
    return XAI_OK;
}

xai_status xai_precheck_bmp(const uint8_t *bytes, size_t size, const xai_image_limits *limits,
                            xai_image_header *header, xai_error *err)
{
    bmp b = {.bytes = bytes, .size = size};
    header->format = XAI_IMAGE_BMP;
    header->working_bytes = 8;
    XAI_TRY(read_header(&b, err));
    XAI_TRY(check_variant(&b, err));
    XAI_TRY(xai_precheck_size(b.width, b.height, limits, header, err));
    XAI_TRY(check_extent(&b, err));
    header->opaque = b.compression == RGB;
    return b.bits <= 8 ? check_palette(&b, err) : XAI_OK;
}
