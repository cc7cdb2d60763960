/* Flatten: gray, gray with alpha, RGB or RGBA to plain RGB; alpha is composed over white. */
#ifndef XAI_IMAGE_FLATTEN_H
#define XAI_IMAGE_FLATTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `count` pixels of `channels` 1..4 bytes to 3 bytes each. `opaque`: an alpha channel is padding. */
void xai_flatten_rgb(const uint8_t *pixels, size_t count, int channels, bool opaque, uint8_t *rgb);

#endif
