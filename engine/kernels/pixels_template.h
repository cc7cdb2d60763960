/*
 * Channels last: vectors run along the channels of a pixel, so that no plane is too small for them, a filter's window
 * is read where it lies, and neither edges nor strides need copies.
 *
 * The dense kernel holds tiles of PIXEL_ROWS pixels x up to three vectors of output channels: a vector of weights is
 * used for seven pixels, an input for three vectors, and the loads stay well below the two a cycle that a core can do.
 * Seven divides the planes of nearly all classifiers (7, 14, 28, 56, 112).
 */
#include "vector.h"

#if WIDTH == 16
enum { PIXEL_ROWS = 7 };
#else
enum { PIXEL_ROWS = 4 }; /* 12 sums, 3 weights and an input: 16 registers */
#endif

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
    const float *w = p->w;
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++) acc[r][v] = v_zero();
    for (size_t t = 0; t < p->taps; t++) {
        const float *x[PIXEL_ROWS];
        for (int r = 0; r < rows; r++) x[r] = p->x[t * p->x_pitch + row + (size_t)r] + p->x_at;
        for (size_t k = 0; k < p->k; k++, w += vecs * WIDTH) {
            vec weight[XAI_PIXEL_VECS];
            for (int v = 0; v < vecs; v++) weight[v] = v_load(w + v * WIDTH);
            for (int r = 0; r < rows; r++) {
                vec in = v_set(x[r][k]);
                for (int v = 0; v < vecs; v++) acc[r][v] = v_fma(in, weight[v], acc[r][v]);
            }
        }
    }
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

/* ---- every channel by itself */

INLINE void taps_tile(const xai_pixel_taps *p, size_t pixel, const int rows, size_t c, size_t n)
{
    vec acc[PIXEL_ROWS];
    float *y = p->y + pixel * p->y_step + c;
    vec bias = p->bias ? v_load_part(p->bias + c, n) : v_zero();
    for (int r = 0; r < rows; r++) acc[r] = p->accumulate ? v_load_part(y + (size_t)r * p->y_step, n) : bias;
    for (size_t t = 0; t < p->taps; t++) {
        const float *x = p->x[t] + pixel * p->x_step + c;
        vec weight = n == WIDTH ? v_load(p->w[t] + c) : v_load_part(p->w[t] + c, n);
        for (int r = 0; r < rows; r++) {
            const float *at = x + (size_t)r * p->x_step;
            acc[r] = v_fma(n == WIDTH ? v_load(at) : v_load_part(at, n), weight, acc[r]);
        }
    }
    vec lo = v_set(p->clamp.lo), hi = v_set(p->clamp.hi);
    for (int r = 0; r < rows; r++) v_store_part(y + (size_t)r * p->y_step, v_clamp(acc[r], lo, hi), n);
}

INLINE void taps_channels(const xai_pixel_taps *p, size_t pixel, const int rows)
{
    size_t c = 0;
    for (; c + WIDTH <= p->channels; c += WIDTH) taps_tile(p, pixel, rows, c, WIDTH);
    if (c < p->channels) taps_tile(p, pixel, rows, c, p->channels - c);
}

static void pixel_taps(const xai_pixel_taps *p)
{
    size_t i = 0;
    for (; i + PIXEL_ROWS <= p->count; i += PIXEL_ROWS) taps_channels(p, i, PIXEL_ROWS);
    for (; i < p->count; i++) taps_channels(p, i, 1);
}
