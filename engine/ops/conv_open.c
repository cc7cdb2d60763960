/*
 * Convolution with an open weight: one that changes between runs (trained, or replaced by a stage), so that nothing
 * can be packed before. Every run packs for itself, into the scratch that all threads share, and takes the way of
 * conv_gemm.c; depthwise weights too.
 *
 * The weight's gradient is a product of matrices, image by image and group by group: the output's gradient, one row a
 * channel, times the input's pixels under every tap. Positions are taken in bands of whole rows, so that the pixels of
 * a band stay in the cache; the bands follow from the shape alone.
 */
#include "conv_plan.h"
#include "matrix.h"

enum { BAND_FLOATS = 1 << 18 };

/* Pixels under the taps: one row for each (input channel of a group, tap), one column a position of a band. */
typedef struct sizes {
    int64_t rows, channels; /* of the weight's matrix: output channels of a group, input channels of a group */
    int64_t taps, terms;    /* terms: channels * taps */
    int64_t band;           /* rows of the output in a band */
} sizes;

static sizes sizes_of(const xai_conv *conv)
{
    sizes s = {.rows = conv->channels / conv->group, .channels = conv->plan->in.c / conv->group};
    s.taps = conv->window.kernel[0] * conv->window.kernel[1];
    s.terms = s.channels * s.taps;
    s.band = BAND_FLOATS / s.terms / conv->plan->out.w;
    if (s.band < 1) s.band = 1;
    if (s.band > conv->plan->out.h) s.band = conv->plan->out.h;
    return s;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

xai_status xai_conv_open_reserve(xai_node *node, bool backward, const xai_conv_part *parts, int count,
                                 xai_error *err)
{
    const xai_conv *conv = node->state;
    for (int i = 0; i < count; i++) {
        size_t floats = xai_conv_gemm_packed(conv, backward, &parts[i].lattice);
        if (!floats) XAI_NO_MEMORY(err);
        node->shared = larger(node->shared, floats * sizeof(float));
    }
    node->scratch = larger(node->scratch, xai_conv_gemm_scratch(conv));
    return XAI_OK;
}

xai_status xai_conv_open_reserve_gradient(xai_node *node, xai_error *err)
{
    const xai_conv *conv = node->state;
    const xai_plane *out = &conv->plan->out;
    sizes s = sizes_of(conv);
    int64_t floats = 0;
    bool fits = !__builtin_mul_overflow(s.terms, s.band * out->w, &floats) && floats < INT64_MAX / 8;
    XAI_NODE_CHECK(fits, node, TOO_LARGE, err, "the gradient of its weight needs too much memory");
    node->shared = larger(node->shared, (size_t)floats * sizeof(float));
    node->scratch = larger(node->scratch, xai_matrix_scratch(s.rows, s.terms, s.band * out->w));
    return XAI_OK;
}

void xai_conv_open_run(const xai_conv_run *run, const float *weight)
{
    float *packed = (float *)(void *)run->exec->shared;
    for (int i = 0; i < run->part_count; i++) {
        xai_conv_part part = {.lattice = run->parts[i].lattice, .packed = packed};
        xai_conv_run one = *run;
        xai_conv_gemm_pack_into(run->conv, weight, run->backward, &part.lattice, packed);
        one.parts = &part;
        one.part_count = 1;
        xai_conv_gemm_run(&one);
    }
}

/* ---------------------------------------------------------------- the weight's gradient */

typedef struct unroll {
    const xai_conv *conv;
    sizes size;
    const float *x; /* the group's first plane */
    float *out;
    int64_t first, count; /* rows of the output in this band */
} unroll;

/* One row of the matrix: the pixels of one channel under one tap; 0 in the padding. */
static void unroll_row(void *context, size_t index, int thread)
{
    (void)thread;
    const unroll *u = context;
    const xai_window *w = &u->conv->window;
    const xai_plane *in = &u->conv->plan->in, *out = &u->conv->plan->out;
    int64_t channel = (int64_t)index / u->size.taps, tap = (int64_t)index % u->size.taps;
    int64_t dy = tap / w->kernel[1] * w->dilation[0] - w->pads[0];
    int64_t dx = tap % w->kernel[1] * w->dilation[1] - w->pads[1];
    float *to = u->out + (int64_t)index * u->count * out->w;
    for (int64_t oy = u->first; oy < u->first + u->count; oy++) {
        int64_t iy = oy * w->stride[0] + dy;
        const float *row = iy >= 0 && iy < in->h ? u->x + (channel * in->h + iy) * in->w : NULL;
        for (int64_t ox = 0; ox < out->w; ox++) {
            int64_t ix = ox * w->stride[1] + dx;
            *to++ = row && ix >= 0 && ix < in->w ? row[ix] : 0;
        }
    }
}

/* gw += gy * pixels^T for one band of one group of one image; gy is the group's first plane. */
static void add_band(const unroll *u, const xai_exec *exec, const float *gy, float *gw)
{
    const xai_plane *out = &u->conv->plan->out;
    const sizes *s = &u->size;
    int64_t columns = u->count * out->w;
    xai_par_for(exec->par, (size_t)s->terms, unroll_row, (void *)(uintptr_t)u);
    float *band = (float *)(uintptr_t)(gy + u->first * out->w); /* only read */
    xai_matrix_product(exec, 1, (xai_matrix){band, s->rows, columns, out->h * out->w, 1},
                       (xai_matrix){u->out, columns, s->terms, 1, columns},
                       (xai_matrix){gw, s->rows, s->terms, s->terms, 1});
}

void xai_conv_open_weight_gradient(const xai_conv *conv, const xai_exec *exec, const float *x, const float *gy,
                                   float *gw)
{
    const xai_plane *in = &conv->plan->in, *out = &conv->plan->out;
    unroll u = {.conv = conv, .size = sizes_of(conv), .out = (float *)(void *)exec->shared};
    const sizes *s = &u.size;
    for (int64_t n = 0; n < in->n * conv->group; n++) {
        int64_t group = n % conv->group;
        u.x = x + n * s->channels * in->h * in->w;
        for (u.first = 0; u.first < out->h; u.first += u.count) {
            u.count = out->h - u.first < s->band ? out->h - u.first : s->band;
            add_band(&u, exec, gy + n * s->rows * out->h * out->w, gw + group * s->rows * s->terms);
        }
    }
}

void xai_conv_open_bias_gradient(const xai_plane *out, const float *gy, float *gb)
{
    int64_t plane = out->h * out->w;
    for (int64_t c = 0; c < out->c; c++) {
        double sum = 0;
        for (int64_t n = 0; n < out->n; n++)
            for (int64_t i = 0; i < plane; i++) sum += (double)gy[(n * out->c + c) * plane + i];
        gb[c] += (float)sum;
    }
}
