/* Masked scores: the masks as variants of the input, made on compute threads from what is only read. */
#include "masked.h"

#include "explain/evaluate.h"
#include "image/upsample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EMIT_MAX ((size_t)1 << 30)
#define SMALL 1e-8 /* beside the range, so that a channel that is the same everywhere hides all */

typedef struct job {
    const xai_context *context;
    const xai_cam_layer *layer;
    const xai_channel_list *list;
    const xai_masked *masked;
    const float *baseline;
    const float *noise; /* samples x all channels x height x width, from a file; NULL: drawn */
    uint64_t seed;
    size_t pixels;
} job;

/* ---------------------------------------------------------------- masks */

typedef struct range {
    float low, high;
} range;

static range range_of(const float *values, size_t n)
{
    range r = {values[0], values[0]};
    for (size_t i = 1; i < n; i++) {
        r.low = values[i] < r.low ? values[i] : r.low;
        r.high = values[i] > r.high ? values[i] : r.high;
    }
    return r;
}

/* Enlarging is linear: it may come before the scaling, whose range is the channel's own, or the enlarged one's. */
static void fill_mask(const job *j, size_t channel, float *mask)
{
    const xai_cam_layer *l = j->layer;
    const float *a = xai_channel(l, channel);
    bool corners = j->masked->rule == XAI_MASK_GRAD_CAM;
    range own = range_of(a, (size_t)l->area);
    if (own.low == own.high) {
        memset(mask, 0, j->pixels * sizeof *mask);
        return;
    }
    xai_upsample_bilinear(a, (int)l->height, (int)l->width, mask, j->context->height, j->context->width, corners);
    range r = corners ? range_of(mask, j->pixels) : own;
    float factor = (float)(1 / ((double)r.high - (double)r.low + SMALL));
    for (size_t i = 0; i < j->pixels; i++) mask[i] = (mask[i] - r.low) * factor;
}

/* Of one sample of one channel, as the seed or a file has it. */
static void add_noise(const job *j, size_t sample, size_t channel, float *mask)
{
    size_t at = sample * (size_t)j->layer->channels + channel;
    if (j->noise) {
        for (size_t i = 0; i < j->pixels; i++) mask[i] += j->noise[at * j->pixels + i];
        return;
    }
    xai_rng rng = xai_rng_init(j->seed, at);
    for (size_t i = 0; i < j->pixels; i++) mask[i] += (float)(j->masked->sigma * xai_rng_normal(&rng));
}

/* values = b + factor mask (x - b), where the mask lies in the first plane of `values`: that one is written last. */
static void blend_planes(const job *j, float factor, float *values)
{
    const float *x = j->context->input, *b = j->baseline;
    for (size_t plane = (size_t)j->context->channels; plane-- > 0;)
        for (size_t i = 0, at = plane * j->pixels; i < j->pixels; i++, at++)
            values[at] = b[at] + factor * values[i] * (x[at] - b[at]);
}

/* The same where the channels lie last: from the end, so that a mask's pixel is read before its place is taken. */
static void blend_pixels(const job *j, float factor, float *values)
{
    const float *x = j->context->input, *b = j->baseline;
    size_t channels = (size_t)j->context->channels;
    for (size_t i = j->pixels; i-- > 0;) {
        float mask = factor * values[i];
        for (size_t at = i * channels; at < (i + 1) * channels; at++) values[at] = b[at] + mask * (x[at] - b[at]);
    }
}

static void apply_mask(const void *user, size_t index, float *values)
{
    const job *j = user;
    const xai_masked *m = j->masked;
    size_t channel = j->list->order[index / m->samples], sample = index % m->samples;
    fill_mask(j, channel, values);
    if (m->sigma > 0) add_noise(j, sample, channel, values);
    float factor = m->factors ? (float)m->factors[sample] : 1;
    if (j->context->x_stride == 1 && j->context->channels > 1) blend_planes(j, factor, values);
    else blend_pixels(j, factor, values);
}

/* ---------------------------------------------------------------- noise to and from files */

static xai_status replay_noise(job *j, const xai_task *task, xai_error *err)
{
    int64_t channels = j->layer->channels;
    xai_tensor t;
    bool found;
    XAI_TRY(xai_task_use_draws(task, "noise", 4, &t, &found, err));
    if (!found) return XAI_OK;
    const int64_t *d = t.shape.dim;
    XAI_CHECK((size_t)d[0] == j->masked->samples && d[1] == channels && d[2] == j->context->height &&
                  d[3] == j->context->width,
              err, BAD_TENSOR, "noise.npy", "noise.npy must be samples, channels, height, width: (%zu, %lld, %d, %d)",
              j->masked->samples, (long long)channels, j->context->height, j->context->width);
    j->noise = t.data;
    return XAI_OK;
}

static xai_status emit_noise(const job *j, xai_task *task, xai_error *err)
{
    size_t channels = (size_t)j->layer->channels, planes = j->masked->samples * channels;
    if (!task->emit_draws) return XAI_OK;
    if (planes > EMIT_MAX / sizeof(float) / j->pixels)
        return xai_task_warn(task, err, "The noise is not written: it would take more than %zu MiB.", EMIT_MAX >> 20);
    float *all = calloc(planes * j->pixels, sizeof *all);
    if (!all) XAI_NO_MEMORY(err);
    for (size_t at = 0; at < planes; at++)
        add_noise(j, at / channels, at % channels, all + at * j->pixels);
    xai_array a = {.dtype = XAI_F32, .rank = 4, .data = all,
                   .shape = {(int64_t)j->masked->samples, (int64_t)channels, j->context->height, j->context->width}};
    xai_status status = xai_task_emit_draws(task, "noise", &a, err);
    free(all);
    return status;
}

/* ---------------------------------------------------------------- weights */

/* How many channels are run: the last for all that are silent too. */
static size_t tried(const job *j)
{
    bool alike = j->masked->sigma <= 0 && j->list->active < j->list->count;
    return alike ? j->list->active + 1 : j->list->count;
}

/* The softmax over the first `count` channels of the list of the mean over the samples. */
static void weigh(const job *j, const float *scores, size_t count, double *weights)
{
    size_t samples = j->masked->samples, last = tried(j) - 1;
    const size_t *order = j->list->order;
    double top = -INFINITY, sum = 0;
    for (size_t i = 0; i < count; i++) {
        double *w = &weights[order[i]];
        const float *own = scores + (i < last ? i : last) * samples;
        for (size_t s = 0; s < samples; s++) *w += (double)own[s];
        *w /= (double)samples;
        top = fmax(top, *w);
    }
    for (size_t i = 0; i < count; i++) sum += weights[order[i]] = exp(weights[order[i]] - top);
    for (size_t i = 0; i < count; i++) weights[order[i]] /= sum;
}

static xai_status set_up(job *j, xai_task *task, xai_error *err)
{
    const xai_context *c = j->context;
    float *baseline = XAI_NEW(task->arena, float, c->input_count);
    if (!baseline) XAI_NO_MEMORY(err);
    xai_baseline kind = j->masked->rule == XAI_MASK_PAPER ? XAI_BASELINE_BLACK : XAI_BASELINE_MEAN;
    XAI_TRY(xai_context_baseline(c, kind, 0, baseline, err));
    j->baseline = baseline;
    if (j->masked->sigma <= 0) return XAI_OK;
    XAI_TRY(replay_noise(j, task, err));
    return emit_noise(j, task, err);
}

xai_status xai_masked_weights(xai_task *task, const xai_cam_layer *layer, int64_t channels, const xai_masked *masked,
                              double *weights, xai_error *err)
{
    xai_context *c = task->context;
    xai_channel_list list;
    XAI_TRY(xai_channel_list_make(task, layer, channels, &list, err));
    job j = {.context = c, .layer = layer, .list = &list, .masked = masked, .seed = task->seed,
             .pixels = (size_t)c->height * (size_t)c->width};
    XAI_TRY(set_up(&j, task, err));
    size_t channels_run = tried(&j), count = channels_run * masked->samples;
    xai_scores scores = {.values = XAI_NEW(task->arena, float, count)};
    if (!scores.values) XAI_NO_MEMORY(err);
    xai_variants variants = {.count = count, .make = apply_mask, .user = &j};
    bool partial;
    XAI_TRY(xai_evaluate_until(c, &task->aim, &variants, masked->samples, &scores, &partial, err));
    size_t done = scores.done / masked->samples;
    if (partial) XAI_TRY(xai_channel_list_stop(task, &list, done, err));
    xai_token_advance(c->token, (double)((list.count - channels_run) * masked->samples));
    weigh(&j, scores.values, done < channels_run ? done : list.count, weights);
    return XAI_OK;
}

double xai_masked_cost(const xai_model *model, const xai_cam_options *options, int64_t channels, int64_t samples)
{
    xai_layer_list list = xai_cam_layers(options);
    double tried = 0;
    for (size_t i = 0; i < list.count; i++) tried += (double)xai_channel_list_count(model, list.names[i], channels);
    return xai_cam_cost_with(options, tried * (double)samples);
}
