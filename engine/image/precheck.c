/*
 * The first look at an image: which format it is, and whether its size is within the limits.
 *
 * Invariant: no byte is read before its offset is compared with the file's size. Thread-safe: no state.
 */
#include "precheck.h"

#include <string.h>

typedef struct foreign {
    size_t offset, length;
    const char *magic, *name;
} foreign;

/* Formats that people do send, so that they are told what they sent. */
static const foreign FOREIGN[] = {
    {0, 4, "GIF8", "GIF"},
    {8, 4, "WEBP", "WebP"},
    {0, 4, "II*\0", "TIFF"},
    {0, 4, "MM\0*", "TIFF"},
    {4, 8, "ftypavif", "AVIF"},
    {4, 8, "ftypavis", "AVIF"},
    {4, 7, "ftyphei", "HEIC"},
    {4, 7, "ftyphev", "HEIC"},
    {4, 8, "ftypmif1", "HEIC or AVIF"},
    {4, 8, "ftypmsf1", "HEIC or AVIF"},
    {4, 4, "ftyp", "a video or HEIF"},
    {4, 4, "JXL ", "JPEG XL"},
    {0, 2, "\xff\x0a", "JPEG XL"},
    {4, 4, "jP  ", "JPEG 2000"},
    {0, 4, "\xff\x4f\xff\x51", "JPEG 2000"},
    {0, 4, "8BPS", "Photoshop"},
    {0, 4, "%PDF", "PDF"},
    {0, 4, "<svg", "SVG"},
};

static bool starts_with(const uint8_t *bytes, size_t size, size_t offset, const char *magic, size_t length)
{
    return size >= offset + length && memcmp(bytes + offset, magic, length) == 0;
}

static xai_status refuse_foreign(const uint8_t *bytes, size_t size, xai_error *err)
{
    for (size_t i = 0; i < sizeof FOREIGN / sizeof FOREIGN[0]; i++) {
        const foreign *f = &FOREIGN[i];
        if (starts_with(bytes, size, f->offset, f->magic, f->length))
            XAI_FAIL(err, UNSUPPORTED_IMAGE, "image", "this is %s; send the picture as JPEG, PNG or BMP", f->name);
    }
    XAI_FAIL(err, BAD_IMAGE, "image", "these %zu bytes are no image: they begin like neither JPEG, PNG nor BMP",
             size);
}

xai_status xai_precheck_size(int64_t width, int64_t height, const xai_image_limits *limits, xai_image_header *header,
                             xai_error *err)
{
    XAI_CHECK(width > 0 && height > 0, err, BAD_IMAGE, "image", "the header claims a size of %lld x %lld pixels",
              (long long)width, (long long)height);
    XAI_CHECK(width <= limits->max_side && height <= limits->max_side, err, TOO_LARGE, "image",
              "the image is %lld x %lld pixels; at most %d a side are accepted: scale it down", (long long)width,
              (long long)height, limits->max_side);
    /* Both are now at most INT_MAX, so the product fits. */
    XAI_CHECK(width * height <= limits->max_pixels, err, TOO_LARGE, "image",
              "the image has %lld pixels; at most %lld are accepted: scale it down", (long long)(width * height),
              (long long)limits->max_pixels);
    header->width = (int)width;
    header->height = (int)height;
    return XAI_OK;
}

xai_status xai_image_precheck(const uint8_t *bytes, size_t size, const xai_image_limits *limits,
                              xai_image_header *header, xai_error *err)
{
    *header = (xai_image_header){.orientation = 1};
    XAI_CHECK(size > 0, err, BAD_IMAGE, "image", "the image is empty");
    XAI_CHECK(size <= limits->max_bytes, err, TOO_LARGE, "image", "the file has %zu bytes; at most %zu are accepted",
              size, limits->max_bytes);
    if (starts_with(bytes, size, 0, "\xff\xd8\xff", 3)) return xai_precheck_jpeg(bytes, size, limits, header, err);
    if (starts_with(bytes, size, 0, "\x89PNG\r\n\x1a\n", 8))
        return xai_precheck_png(bytes, size, limits, header, err);
    if (starts_with(bytes, size, 0, "BM", 2)) return xai_precheck_bmp(bytes, size, limits, header, err);
    return refuse_foreign(bytes, size, err);
}
