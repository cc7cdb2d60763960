/*
 * Channels last: vectors run along the channels of a pixel, so that no plane is too small for them, a filter's window
 * is read where it lies, and neither edges nor strides need copies.
 */
#include "vector.h"

enum { WORDS = 1 };
typedef vec panel_x, panel_w;

static inline panel_x x_set(const float *x) { return v_set(*x); }
static inline panel_w w_load(const float *w) { return v_load(w); }
static inline vec x_fma(panel_x x, panel_w w, vec s) { return v_fma(x, w, s); }

#include "panel_template.h"

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
