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

/* ---- lines */

INLINE void lines_part(const xai_pixel_lines *p, const float *in, float *out, size_t c, size_t n)
{
    if (!p->scale) {
        v_store_part(out + c, v_load_part(in + c, n), n);
        return;
    }
    vec sum = v_fma(v_load_part(p->scale + c, n), v_load_part(in + c, n), v_load_part(p->shift + c, n));
    v_store_part(out + c, v_clamp(sum, v_set(p->clamp.lo), v_set(p->clamp.hi)), n);
}

static void pixel_lines(const xai_pixel_lines *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const float *in = p->in + i * p->channels;
        float *out = p->out + i * p->out_step;
        size_t c = 0;
        for (; c + WIDTH <= p->channels; c += WIDTH) lines_part(p, in, out, c, WIDTH);
        if (c < p->channels) lines_part(p, in, out, c, p->channels - c);
    }
}
