/*
 * The tiles of a pixel panel (kernels.h, xai_pixel_panel), whatever its products are. The including file includes
 * vector.h and defines
 *
 *     WORDS                                   floats of an input as it lies in memory
 *     panel_x, x_set(const float *x)          one input, for all lanes
 *     panel_w, w_load(const float *w)         WIDTH weights
 *     vec x_fma(panel_x x, panel_w w, vec s)  their products added to s
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

/*
 * What a tile prefetches while it runs, a vector a step: its share of the weights that lie behind those of the panel,
 * since the next panel is most likely theirs. The first `vecs` tiles share them; the others look at what is there
 * already. Measured: an eighth of the time of ResNet-50, a twelfth of Lite0's.
 */
INLINE const float *panel_ahead(const xai_pixel_panel *p, size_t row, const int vecs)
{
    size_t tile = row / PIXEL_ROWS, steps = p->taps * p->k;
    return p->w + (tile < (size_t)vecs ? ((size_t)vecs + tile) * steps * WIDTH : 0);
}

INLINE void panel_products(const xai_pixel_panel *p, size_t row, const int rows, const int vecs,
                           vec acc[PIXEL_ROWS][XAI_PIXEL_VECS])
{
    const float *w = p->w, *ahead = panel_ahead(p, row, vecs);
    for (size_t t = 0; t < p->taps; t++) {
        const float *x[PIXEL_ROWS];
        for (int r = 0; r < rows; r++) x[r] = p->x[t * p->x_pitch + row + (size_t)r] + p->x_at;
        for (size_t k = 0; k < p->k; k++, w += vecs * WIDTH, ahead += WIDTH) {
            __builtin_prefetch(ahead, 0, 2);
            panel_w weight[XAI_PIXEL_VECS];
            for (int v = 0; v < vecs; v++) weight[v] = w_load(w + v * WIDTH);
            for (int r = 0; r < rows; r++) {
                panel_x in = x_set(x[r] + k * WORDS);
                for (int v = 0; v < vecs; v++) acc[r][v] = x_fma(in, weight[v], acc[r][v]);
            }
        }
    }
}

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
