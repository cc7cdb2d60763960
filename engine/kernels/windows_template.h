/*
 * Channels last, every channel by itself (kernels.h, xai_pixel_windows). A vector of channels passes all rows of the
 * grid before the next one does: its weights and the few source rows under the window then stay in the first-level
 * cache. Of a single row all channels of a tile are taken one after the other, as they come from memory. A tile is up
 * to seven neighbouring outputs; where the window is one of those that networks have, a source pixel is loaded once
 * for all outputs of the tile that it reaches.
 *
 * An output's sum is the start and then its taps row by row, column by column, in every tile; a tap outside the source
 * is left out.
 */
#include "vector.h"

enum { WINDOW_TILE = 7 };

INLINE vec window_load(const float *p, size_t n) { return n == WIDTH ? v_load(p) : v_load_part(p, n); }

/* One row of the window: `wide` columns of taps, neighbours in the source, and outputs `step` columns apart. The first
 * tap of the first output is in column `first` of the source row x. */
INLINE void window_row(const xai_pixel_windows *p, const float *x, const float *w, int first, const int pixels,
                       const int wide, const int step, vec acc[WINDOW_TILE])
{
    vec weight[WINDOW_TILE];
    for (int k = 0; k < wide; k++) weight[k] = v_load(w + (size_t)k * p->w_tap);
#pragma GCC unroll 32
    for (int j = 0; j < (pixels - 1) * step + wide; j++) {
        if (first + j < 0 || first + j >= p->wide) continue;
        vec in = v_load(x + (size_t)(first + j) * p->x_pixel);
#pragma GCC unroll 8
        for (int i = 0; i < pixels; i++)
            if (j >= i * step && j - i * step < wide) acc[i] = v_fma(in, weight[j - i * step], acc[i]);
    }
}

/* The same for any window, and for a part of a vector. */
INLINE void window_any_row(const xai_pixel_windows *p, const float *x, const float *w, int first, const int pixels,
                           size_t n, vec acc[WINDOW_TILE])
{
    for (int k = 0; k < p->taps[1]; k++, first += p->gap[1]) {
        vec weight = window_load(w + (size_t)k * p->w_tap, n);
        for (int i = 0; i < pixels; i++) {
            int column = first + i * p->step[1];
            if (column < 0 || column >= p->wide) continue;
            acc[i] = v_fma(window_load(x + (size_t)column * p->x_pixel, n), weight, acc[i]);
        }
    }
}

/* `pixels` outputs from (row, col) on, the n channels from c on; wide 0: any window. */
INLINE void window_tile(const xai_pixel_windows *p, int row, int col, size_t c, size_t n, const int pixels,
                        const int wide, const int step)
{
    vec acc[WINDOW_TILE];
    float *y = p->y + (size_t)row * p->y_row + (size_t)col * p->y_pixel + c;
    vec bias = p->bias ? window_load(p->bias + c, n) : v_zero();
    for (int i = 0; i < pixels; i++) acc[i] = p->accumulate ? window_load(y + (size_t)i * p->y_pixel, n) : bias;
    int high = p->first[0] + row * p->step[0], first = p->first[1] + col * p->step[1];
    for (int r = 0; r < p->taps[0]; r++, high += p->gap[0]) {
        if (high < 0 || high >= p->high) continue;
        const float *x = p->x + (size_t)(high - p->top) * p->x_row + c;
        const float *w = p->w + (size_t)(r * p->taps[1]) * p->w_tap + c;
        if (wide) window_row(p, x, w, first, pixels, wide, step, acc);
        else window_any_row(p, x, w, first, pixels, n, acc);
    }
    vec lo = v_set(p->clamp.lo), hi = v_set(p->clamp.hi);
    for (int i = 0; i < pixels; i++) v_store_part(y + (size_t)i * p->y_pixel, v_clamp(acc[i], lo, hi), n);
}

/* The channels from c to below `end`: whole vectors, or a part of one. */
INLINE void window_vectors(const xai_pixel_windows *p, int row, int col, size_t c, size_t end, const int pixels,
                           const int wide, const int step)
{
    for (; c < end; c += WIDTH)
        window_tile(p, row, col, c, wide || end - c > WIDTH ? WIDTH : end - c, pixels, wide, step);
}

INLINE void window_line(const xai_pixel_windows *p, int row, size_t c, size_t end, const int wide, const int step)
{
    int col = 0;
    for (; col + WINDOW_TILE <= p->cols; col += WINDOW_TILE)
        window_vectors(p, row, col, c, end, WINDOW_TILE, wide, step);
    for (; col + 4 <= p->cols; col += 4) window_vectors(p, row, col, c, end, 4, wide, step);
    for (; col + 2 <= p->cols; col += 2) window_vectors(p, row, col, c, end, 2, wide, step);
    if (col < p->cols) window_vectors(p, row, col, c, end, 1, wide, step);
}

/* A single row is taken as it lies in memory. */
INLINE void window_planes(const xai_pixel_windows *p, size_t c, size_t end, const int wide, const int step)
{
    size_t width = p->rows == 1 ? end - c : WIDTH;
    for (; c < end; c += width)
        for (int row = 0; row < p->rows; row++) window_line(p, row, c, c + width < end ? c + width : end, wide, step);
}

static void pixel_windows(const xai_pixel_windows *p)
{
    size_t whole = p->channels / WIDTH * WIDTH;
    bool close = p->taps[1] == 1 || p->gap[1] == 1;
    switch (close ? p->taps[1] * 4 + p->step[1] : 0) {
    case 1 * 4 + 1: window_planes(p, 0, whole, 1, 1); break;
    case 2 * 4 + 1: window_planes(p, 0, whole, 2, 1); break;
    case 3 * 4 + 1: window_planes(p, 0, whole, 3, 1); break;
    case 5 * 4 + 1: window_planes(p, 0, whole, 5, 1); break;
    case 7 * 4 + 1: window_planes(p, 0, whole, 7, 1); break;
    case 3 * 4 + 2: window_planes(p, 0, whole, 3, 2); break;
    case 5 * 4 + 2: window_planes(p, 0, whole, 5, 2); break;
    default: whole = 0; break;
    }
    window_planes(p, whole, p->channels, 0, 0);
}
