/*
 * Pillow's precompute_coeffs and normalize_coeffs_8bpc (Resample.c), in the same order of operations: the rounding of
 * every intermediate decides whether the bytes agree.
 *
 * Thread-safe: no state.
 */
#include "weights.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

typedef struct kernel {
    double (*shape)(double);
    double support, scale, stretch; /* scale: source elements per output; stretch: of the shape */
} kernel;

static int32_t to_fixed(double weight)
{
    return (int32_t)(weight * (1 << XAI_WEIGHT_BITS) + (weight < 0 ? -0.5 : 0.5));
}

/* The weights of one output, whose index in the whole output is `index`; `scratch` holds `stride` doubles. */
static void weigh(const kernel *k, int length, int index, int *first, int *taps, int32_t *weight, double *scratch)
{
    double center = (index + 0.5) * k->scale, inverse = 1.0 / k->stretch, sum = 0.0;
    int begin = (int)(center - k->support + 0.5), end = (int)(center + k->support + 0.5);
    if (begin < 0) begin = 0;
    if (end > length) end = length;
    for (int i = begin; i < end; i++) {
        scratch[i - begin] = k->shape((i - center + 0.5) * inverse);
        sum += scratch[i - begin];
    }
    for (int i = 0; i < end - begin; i++) weight[i] = to_fixed(sum != 0.0 ? scratch[i] / sum : scratch[i]);
    *first = begin;
    *taps = end - begin;
}

xai_status xai_weights_init(xai_weights *weights, xai_filter filter, bool antialias, int length, int out_length,
                            int from, int count, xai_error *err)
{
    assert(filter != XAI_FILTER_NEAREST && length > 0 && from >= 0 && count > 0 && from + count <= out_length);
    kernel k = {.shape = filter == XAI_FILTER_BILINEAR ? triangle : cubic, .scale = (double)length / out_length};
    k.stretch = antialias && k.scale > 1.0 ? k.scale : 1.0;
    k.support = (filter == XAI_FILTER_BILINEAR ? 1.0 : 2.0) * k.stretch;
    int stride = (int)ceil(k.support) * 2 + 1;
    *weights = (xai_weights){.count = count, .stride = stride};
    weights->first = calloc((size_t)count, sizeof(int));
    weights->taps = calloc((size_t)count, sizeof(int));
    weights->weight = calloc((size_t)count * (size_t)stride, sizeof(int32_t));
    double *scratch = calloc((size_t)stride, sizeof(double));
    if (!weights->first || !weights->taps || !weights->weight || !scratch) {
        xai_weights_deinit(weights);
        free(scratch);
        XAI_NO_MEMORY(err);
    }
    for (int i = 0; i < count; i++)
        weigh(&k, length, from + i, &weights->first[i], &weights->taps[i],
              weights->weight + (size_t)i * (size_t)stride, scratch);
    free(scratch);
    return XAI_OK;
}

void xai_weights_deinit(xai_weights *weights)
{
    free(weights->first);
    free(weights->taps);
    free(weights->weight);
    *weights = (xai_weights){0};
}
