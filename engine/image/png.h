/* PNG out: pictures for results, small and fast to make, the same bytes for the same pixels. */
#ifndef XAI_IMAGE_PNG_H
#define XAI_IMAGE_PNG_H

#include "base/arena.h"

/* `rgb`: height * width * 3 bytes. *out: *size bytes of a PNG in the arena. BAD_PARAM for a size below 1 or above
 * 32768 a side; NO_MEMORY. */
xai_status xai_png_encode_rgb(xai_arena *arena, const uint8_t *rgb, int width, int height, const uint8_t **out,
                              size_t *size, xai_error *err);

/* The same of height * width bytes, 8 bits of gray a pixel. */
xai_status xai_png_encode_gray(xai_arena *arena, const uint8_t *gray, int width, int height, const uint8_t **out,
                               size_t *size, xai_error *err);

#endif
