/*
 * The tiles of a pixel panel (kernels.h, xai_pixel_panel), whatever its products are: the including file defines
 * panel_products, which adds the products of pixels row to row + rows to the sums.
 *
 * A tile is PIXEL_ROWS pixels x up to three vectors of output channels: a vector of weights is used for seven pixels,
 * an input for three vectors, and the loads stay well below the two a cycle that a core can do. Seven divides the
 * planes of nearly all classifiers (7, 14, 28, 56, 112).
 */
#include "vector.h"

#if WIDTH == 16
enum { PIXEL_ROWS = 7 };
#else
enum { PIXEL_ROWS = 4 }; /* 12 sums, 3 weights and an input: 16 registers */
#endif

INLINE void panel_products(const xai_pixel_panel *p, size_t row, const int rows, const int vecs,
                           vec acc[PIXEL_ROWS][XAI_PIXEL_VECS]);

INLINE size_t pixel_lanes(const xai_pixel_panel *p, int v)
{
    size_t first = (size_t)v * WIDTH;
    return p->lanes <= first ? 0 : p->lanes - first < WIDTH ? p->lanes - first : WIDTH;
}

INLINE void pixel_finish(const xai_pixel_panel *p, size_t row, const int rows, const int vecs,
                         vec acc[PIXEL_ROWS][XAI_PIXEL_VECS])
{
    vec lo = v_set(p->clamp.lo), hi = v_set(p->clamp.hi);
    bool whole = p->lanes == (size_t)vecs * WIDTH;
    for (int r = 0; r < rows; r++) {
        float *y = p->y[row + (size_t)r] + p->y_at;
        const float *add = p->add ? p->add[row + (size_t)r] + p->y_at : NULL;
        for (int v = 0; v < vecs; v++) {
            size_t at = (size_t)v * WIDTH, n = whole ? WIDTH : pixel_lanes(p, v);
            vec start = p->accumulate ? (whole ? v_load(y + at) : v_load_part(y + at, n))
                        : p->bias     ? v_load(p->bias + at)
                                      : v_zero();
            vec sum = v_add(start, acc[r][v]);
            if (add) sum = v_add(sum, whole ? v_load(add + at) : v_load_part(add + at, n));
            sum = v_clamp(sum, lo, hi);
            if (whole) v_store(y + at, sum);
            else v_store_part(y + at, sum, n);
        }
    }
}

INLINE void pixel_tile(const xai_pixel_panel *p, size_t row, const int rows, const int vecs)
{
    vec acc[PIXEL_ROWS][XAI_PIXEL_VECS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++) acc[r][v] = v_zero();
    panel_products(p, row, rows, vecs, acc);
    pixel_finish(p, row, rows, vecs, acc);
}

INLINE void pixel_rest(const xai_pixel_panel *p, size_t row, const int vecs)
{
    switch (p->count - row) {
    case 1: pixel_tile(p, row, 1, vecs); break;
    case 2: pixel_tile(p, row, 2, vecs); break;
    case 3: pixel_tile(p, row, 3, vecs); break;
#if WIDTH == 16
    case 4: pixel_tile(p, row, 4, vecs); break;
    case 5: pixel_tile(p, row, 5, vecs); break;
    case 6: pixel_tile(p, row, 6, vecs); break;
#endif
    default: break;
    }
}

INLINE void pixel_tiles(const xai_pixel_panel *p, const int vecs)
{
    size_t row = 0;
    for (; row + PIXEL_ROWS <= p->count; row += PIXEL_ROWS) pixel_tile(p, row, PIXEL_ROWS, vecs);
    pixel_rest(p, row, vecs);
}

static void pixel_panel(const xai_pixel_panel *p)
{
    if (p->vecs == 3) pixel_tiles(p, 3);
    else if (p->vecs == 2) pixel_tiles(p, 2);
    else pixel_tiles(p, 1);
}
