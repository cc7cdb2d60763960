/* Orientation: pixels turned and mirrored so that the picture stands upright. */
#ifndef XAI_IMAGE_ORIENT_H
#define XAI_IMAGE_ORIENT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether an orientation (1..8) exchanges width and height. */
bool xai_orientation_swaps(int orientation);

/* RGB pixels, `width` x `height` as stored, to `out` of the same number of bytes. */
void xai_orient_rgb(const uint8_t *rgb, int width, int height, int orientation, uint8_t *out);

#endif
