/*
 * Palette: up to 256 colours that stand for all those of a picture, for formats that have no more.
 *
 * Colours are told apart to 5 bits a channel. The set of all is split in two again and again: the part with the largest
 * sum of squared distances to its mean is cut at the mean, across the channel in which it is widest, as Wan, Wong and
 * Prusinkiewicz do ("An algorithm for multidimensional data clustering", ACM TOMS 14, 1988). Each part's mean is a
 * colour of the palette. Deterministic.
 */
#ifndef XAI_RENDER_PALETTE_H
#define XAI_RENDER_PALETTE_H

#include "base/arena.h"

enum { XAI_PALETTE_CELLS = 1 << 15 };

typedef struct xai_palette {
    int count;                           /* 1 to 256 */
    uint8_t rgb[256][3];
    uint8_t index[XAI_PALETTE_CELLS];    /* of the colour for each cell of 5 bits a channel */
} xai_palette;

/* Of `count` >= 1 pixels, 3 bytes each. Cells that hold no pixel get the nearest colour. NO_MEMORY. */
xai_status xai_palette_make(const uint8_t *rgb, size_t count, xai_arena *arena, xai_palette *out, xai_error *err);

static inline uint8_t xai_palette_index(const xai_palette *palette, const uint8_t *rgb)
{
    return palette->index[(rgb[0] >> 3) << 10 | (rgb[1] >> 3) << 5 | rgb[2] >> 3];
}

#endif
