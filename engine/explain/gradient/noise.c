/*
 * Noise: four draws from each block of the generator (Box-Muller), addressed by the element. Read-only once made, so
 * any thread may ask for any part.
 */
#include "noise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EMIT_MAX ((size_t)1 << 30)

enum { BLOCK = 4 }; /* elements from one block of the generator: a picture's noise must cost little beside a pass */

/* Elements BLOCK * block ... of a sample, with variance 1. */
static void draw_block(const xai_noise *noise, size_t sample, size_t block, float out[BLOCK])
{
    xai_rng rng = xai_rng_init(noise->seed, sample);
    rng.counter = block;
    for (int i = 0; i < BLOCK; i += 2) {
        float u = ((float)xai_rng_u32(&rng) + 1) * 0x1p-32F, v = (float)(xai_rng_u32(&rng) >> 8) * 0x1p-24F;
        float r = sqrtf(-2 * logf(u)), s, c; /* u in (0, 1] */
        sincosf(6.2831853F * v, &s, &c);
        out[i] = r * c;
        out[i + 1] = r * s;
    }
}

void xai_noise_add(const xai_noise *noise, size_t sample, size_t first, size_t n, float *values)
{
    float draws[BLOCK], sigma = (float)noise->sigma;
    if (noise->given) {
        const float *g = noise->given + sample * noise->elements + first;
        for (size_t i = 0; i < n; i++) values[i] += g[i];
        return;
    }
    for (size_t i = 0; sigma > 0 && i < n; i++) {
        size_t k = first + i;
        if (i == 0 || k % BLOCK == 0) draw_block(noise, sample, k / BLOCK, draws);
        values[i] += sigma * draws[k % BLOCK];
    }
}

double xai_input_range(const xai_context *c)
{
    float low = c->input[0], high = low;
    for (size_t i = 0; i < c->input_count; i++) {
        low = fminf(low, c->input[i]);
        high = fmaxf(high, c->input[i]);
    }
    return (double)high - (double)low;
}

/* ---------------------------------------------------------------- draws */

static xai_status replay(xai_noise *noise, const xai_task *task, const xai_value *in, xai_error *err)
{
    xai_tensor t;
    bool found;
    const int64_t *d = in->shape.dim;
    XAI_TRY(xai_task_use_draws(task, "noise", 4, &t, &found, err));
    if (!found) return XAI_OK;
    XAI_CHECK(t.shape.dim[0] > 0 && t.shape.dim[1] == d[1] && t.shape.dim[2] == d[2] && t.shape.dim[3] == d[3], err,
              BAD_TENSOR, "noise.npy", "noise.npy must have the shape (samples, %d, %d, %d)", (int)d[1], (int)d[2],
              (int)d[3]);
    noise->samples = (size_t)t.shape.dim[0];
    noise->given = t.data;
    return XAI_OK;
}

static xai_status emit(const xai_noise *noise, const xai_task *task, const xai_value *in, xai_error *err)
{
    const int64_t *d = in->shape.dim;
    if (!task->emit_draws || noise->samples > EMIT_MAX / sizeof(float) / noise->elements) return XAI_OK;
    float *all = calloc(noise->samples * noise->elements, sizeof *all);
    if (!all) XAI_NO_MEMORY(err);
    for (size_t s = 0; s < noise->samples; s++) xai_noise_add(noise, s, 0, noise->elements, all + s * noise->elements);
    xai_array a = {.dtype = XAI_F32, .rank = 4, .shape = {(int64_t)noise->samples, d[1], d[2], d[3]}, .data = all};
    xai_status status = xai_task_emit_draws(task, "noise", &a, err);
    free(all);
    return status;
}

xai_status xai_noise_init(xai_noise *noise, xai_task *task, size_t samples, double sigma, xai_error *err)
{
    const xai_context *c = task->context;
    *noise = (xai_noise){samples, c->input_count, task->seed, sigma, NULL};
    XAI_TRY(replay(noise, task, c->in, err));
    return emit(noise, task, c->in, err);
}
