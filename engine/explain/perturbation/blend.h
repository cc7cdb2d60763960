/*
 * Blend: the picture behind a mask. Where the mask is 1 the picture shows, where it is 0 the baseline: b + m (x - b).
 */
#ifndef XAI_EXPLAIN_BLEND_H
#define XAI_EXPLAIN_BLEND_H

#include "explain/context.h"

/* Row y of every channel of `input`; mask[width]. */
static inline void xai_blend_row(const xai_context *c, const float *baseline, int y, const float *mask, float *input)
{
    size_t width = (size_t)c->width, step = c->x_stride;
    for (size_t ch = 0; ch < (size_t)c->channels; ch++) {
        size_t first = ch * c->channel_stride + (size_t)y * c->row_stride;
        const float *picture = c->input + first, *hidden = baseline + first;
        float *out = input + first;
        if (step == 1) /* a loop of its own, which becomes vectors */
            for (size_t x = 0; x < width; x++) out[x] = hidden[x] + mask[x] * (picture[x] - hidden[x]);
        else
            for (size_t x = 0; x < width * step; x += step)
                out[x] = hidden[x] + mask[x / step] * (picture[x] - hidden[x]);
    }
}

#endif
