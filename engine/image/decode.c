/*
 * Decoding: precheck, stb_image, alpha over white, orientation. The only file that includes stb_image.
 *
 * The decoder's memory has a budget made from the header, so that a small file cannot inflate into gigabytes, and is
 * zeroed, so that a hole in a file shows as black and not as what lay there before. 16-bit samples keep their upper
 * byte. Thread-safe: the budget is the thread's own.
 */
#include "base/error.h"
#include "base/sha256.h"
#include "flatten.h"
#include "orient.h"
#include "palette.h"
#include "precheck.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct budget {
    size_t left;
    bool exceeded;
} budget;

static bool budget_take(size_t size)
{
    if (size > budget.left) {
        budget.exceeded = true;
        return false;
    }
    budget.left -= size;
    return true;
}

static void *budget_malloc(size_t size) { return budget_take(size) ? calloc(1, size) : NULL; }
static void *budget_realloc(void *p, size_t size) { return budget_take(size) ? realloc(p, size) : NULL; }

#define STBI_MALLOC(size)           budget_malloc(size)
#define STBI_REALLOC(pointer, size) budget_realloc((pointer), (size))
#define STBI_FREE(pointer)          free(pointer)
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_GIF
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
/* Declared there, but defined nowhere. */
#define stbi_set_unpremultiply_on_load_thread stbi_set_unpremultiply_on_load
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

/* What decoding may allocate in all. Beside the pixels: copies of the file that grow by doubling, and tables. */
static size_t budget_of(const xai_image_header *header, size_t size)
{
    size_t pixels = (size_t)header->width * (size_t)header->height;
    return ((size_t)4 << 20) + 4 * size + pixels * (size_t)header->working_bytes;
}

static xai_status decoder_failed(const xai_image_header *header, xai_error *err)
{
    static const char *const names[] = {"JPEG", "PNG", "BMP"};
    const char *name = names[header->format];
    XAI_CHECK(!budget.exceeded, err, BAD_IMAGE, "image",
              "the %s unpacks to more than the %d x %d pixels of its header", name, header->width, header->height);
    const char *reason = stbi_failure_reason();
    if (reason && strcmp(reason, "outofmem") == 0) XAI_NO_MEMORY(err);
    XAI_FAIL(err, BAD_IMAGE, "image", "the %s is damaged (%s)", name, reason ? reason : "no reason given");
}

/* Pixels of 1..4 channels as stored; to be released with free(). */
static xai_status decode_stored(const uint8_t *bytes, size_t size, const xai_image_header *header, uint8_t **pixels,
                                int *channels, xai_error *err)
{
    int width, height;
    budget = (struct budget){.left = budget_of(header, size)};
    uint8_t *padded = NULL;
    if (header->palette_missing > 0) {
        XAI_TRY(xai_palette_pad(bytes, size, header, &padded, &size, err));
        bytes = padded;
    }
    *pixels = stbi_load_from_memory(bytes, (int)size, &width, &height, channels, 0);
    free(padded);
    if (!*pixels) return decoder_failed(header, err);
    if (width == header->width && height == header->height) return XAI_OK;
    free(*pixels);
    *pixels = NULL;
    XAI_FAIL(err, BAD_IMAGE, "image", "the image contradicts itself: %d x %d and %d x %d pixels", header->width,
             header->height, width, height);
}

/* Stored pixels become upright RGB; takes `pixels` over. */
static xai_status finish(uint8_t *pixels, int channels, const xai_image_header *header, xai_image *image,
                         xai_error *err)
{
    size_t count = (size_t)header->width * (size_t)header->height;
    if (channels != 3) {
        uint8_t *rgb = malloc(count * 3);
        if (rgb) xai_flatten_rgb(pixels, count, channels, header->opaque, rgb);
        free(pixels);
        pixels = rgb;
    }
    if (pixels && header->orientation != 1) {
        uint8_t *upright = malloc(count * 3);
        if (upright) xai_orient_rgb(pixels, header->width, header->height, header->orientation, upright);
        free(pixels);
        pixels = upright;
    }
    if (!pixels) XAI_NO_MEMORY(err);
    bool swap = xai_orientation_swaps(header->orientation);
    image->width = swap ? header->height : header->width;
    image->height = swap ? header->width : header->height;
    image->orientation = header->orientation;
    image->rgb = pixels;
    return XAI_OK;
}

xai_status xai_image_decode(const void *bytes, size_t size, const xai_image_limits *limits, xai_image **out,
                            xai_error *err)
{
    xai_image_header header;
    uint8_t *pixels = NULL;
    int channels = 0;
    *out = NULL;
    XAI_TRY(xai_image_precheck(bytes, size, limits ? limits : &XAI_IMAGE_LIMITS, &header, err));
    XAI_CHECK(size <= INT_MAX / 2, err, TOO_LARGE, "image", "the file has %zu bytes, more than a decoder can count",
              size);
    xai_image *image = calloc(1, sizeof *image);
    if (!image) XAI_NO_MEMORY(err);
    xai_status status = decode_stored(bytes, size, &header, &pixels, &channels, err);
    if (status == XAI_OK) status = finish(pixels, channels, &header, image, err);
    if (status != XAI_OK) {
        xai_image_free(image);
        return status;
    }
    xai_sha256_hex(bytes, size, image->sha256);
    *out = image;
    return XAI_OK;
}
