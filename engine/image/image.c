/* Images as values: the default limits, copies and the end. Thread-safe: no state. */
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

const xai_image_limits XAI_IMAGE_LIMITS = {
    .max_bytes = 20u << 20,
    .max_pixels = 40000000,
    .max_side = 8192,
    .max_scans = 64,
};

xai_status xai_image_from_rgb(const uint8_t *rgb, int width, int height, int orientation, xai_image **out,
                              xai_error *err)
{
    *out = NULL;
    XAI_CHECK(width > 0 && height > 0, err, BAD_IMAGE, "image", "the size is %d x %d pixels", width, height);
    XAI_CHECK(orientation >= 1 && orientation <= 8, err, BAD_IMAGE, "image", "the orientation is %d; it is 1..8",
              orientation);
    size_t bytes;
    if (__builtin_mul_overflow((size_t)width * 3, (size_t)height, &bytes)) XAI_NO_MEMORY(err);
    xai_image *image = calloc(1, sizeof *image);
    uint8_t *copy = malloc(bytes);
    if (!image || !copy) {
        free(image);
        free(copy);
        XAI_NO_MEMORY(err);
    }
    image->width = width;
    image->height = height;
    image->orientation = orientation;
    image->rgb = memcpy(copy, rgb, bytes);
    *out = image;
    return XAI_OK;
}

void xai_image_free(xai_image *image)
{
    if (!image) return;
    free(image->rgb);
    free(image);
}
