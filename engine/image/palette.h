/* Palette: a PNG's palette made as long as its pixels can count. */
#ifndef XAI_IMAGE_PALETTE_H
#define XAI_IMAGE_PALETTE_H

#include "precheck.h"

/*
 * A copy of the PNG with `header->palette_missing` black entries after its palette; *out is released with free().
 * The decoder shows leftovers of its stack for a pixel that names a colour beyond the palette; libpng shows black.
 */
xai_status xai_palette_pad(const uint8_t *png, size_t size, const xai_image_header *header, uint8_t **out,
                           size_t *out_size, xai_error *err);

#endif
