/*
 * Smooth Grad-CAM++: Grad-CAM++ whose powers of the gradient are means over noisy copies of the picture. Over n samples
 * x + e_m with gradients g_m: G2 = mean of g_m^2, G3 = mean of g_m^3, and
 *     w_k = sum over cells of G2 / (2 G2 + sum(G3 A_k) + 1e-8) ReLU(g_n),
 * with A the activations of the picture itself.
 *
 * Omeiza et al., "Smooth Grad-CAM++: An Enhanced Inference Level Visualization Technique for Deep Convolutional Neural
 * Network Models", arXiv 1908.01224. As torch-cam 0.5 computes it, before its ReLU. That has two accidents, which are
 * kept because the numbers are to be the same: g_n is the last sample's gradient, and the weights are applied to the
 * last sample's activations, not to the picture's.
 */
#include "cam.h"

#include "explain/evaluate.h"
#include "explain/gradient/noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct smooth_params {
    xai_cam_options cam;
    int64_t noise_samples;
    double noise_sigma;
} smooth_params;

static const xai_param PARAMS[] = {
    XAI_CAM_PARAMS(false), XAI_CAM_FUSE,
    XAI_P_INT(smooth_params, noise_samples, 4, 1, 1000, "Noisy copies of the picture: more is smoother, and dearer."),
    XAI_P_REAL(smooth_params, noise_sigma, 0.3, 0, 10, "Deviation of the noise, in units of the normalised input."),
};

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    const smooth_params *p = params;
    return xai_cam_cost_with(&p->cam, 3 * (double)p->noise_samples * (double)xai_cam_layers(&p->cam).count);
}

/* What is kept of the samples, each of the layer's size. */
typedef struct sums {
    const xai_context *context;
    xai_noise noise;
    size_t count;
    double *squares, *cubes;
    float *a, *g; /* of the last sample */
} sums;

static void make_variant(const void *user, size_t index, float *values)
{
    const sums *s = user;
    memcpy(values, s->context->input, s->context->input_count * sizeof *values);
    xai_noise_add(&s->noise, index, 0, s->context->input_count, values);
}

static void take(void *user, const xai_sample *samples, size_t count, const xai_par *par)
{
    (void)par;
    sums *s = user;
    for (size_t n = 0; n < count; n++)
        for (size_t i = 0; i < s->count; i++) {
            double g = (double)samples[n].gradients[0][i];
            s->squares[i] += g * g;
            s->cubes[i] += g * g * g;
            s->g[i] = samples[n].gradients[0][i];
            s->a[i] = samples[n].data[0][i];
        }
}

static double weight_of(const sums *s, const float *a, size_t first, size_t cells)
{
    double n = (double)s->noise.samples, shared = 0, weight = 0;
    for (size_t i = first; i < first + cells; i++) shared += s->cubes[i] / n * (double)a[i];
    for (size_t i = first; i < first + cells; i++) {
        double square = s->squares[i] / n;
        weight += square / (2 * square + shared + 1e-8) * fmax((double)s->g[i], 0);
    }
    return weight;
}

static void combine(const sums *s, const xai_cam_layer *layer, double *map)
{
    size_t cells = (size_t)layer->area;
    for (size_t i = 0; i < cells; i++) map[i] = 0;
    for (size_t k = 0; k < (size_t)layer->channels; k++) {
        double weight = weight_of(s, layer->a, k * cells, cells);
        for (size_t i = 0; i < cells; i++) map[i] += weight * (double)s->a[k * cells + i];
    }
}

static xai_status run_samples(xai_task *task, const smooth_params *p, sums *s, xai_value *layer, xai_error *err)
{
    XAI_TRY(xai_noise_init(&s->noise, task, (size_t)p->noise_samples, p->noise_sigma, err));
    xai_variants variants = {.count = s->noise.samples, .make = make_variant, .user = s};
    xai_gradients g = {.by = &layer, .by_count = 1, .data = true, .policy = XAI_POLICY_PLAIN, .take = take, .user = s};
    return xai_differentiate(task->context, &task->aim, &variants, &g, err);
}

static xai_status map_samples(xai_task *task, const xai_cam_layer *layer, const void *params, double *map, xai_error *err)
{
    xai_value *value = xai_program_find(task->context->program, layer->value->name);
    sums s = {.context = task->context, .count = (size_t)(layer->channels * layer->area)};
    s.squares = calloc(2 * s.count, sizeof *s.squares);
    s.a = calloc(2 * s.count, sizeof *s.a);
    xai_status status = s.squares && s.a ? XAI_OK : XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    if (status == XAI_OK) {
        s.cubes = s.squares + s.count;
        s.g = s.a + s.count;
        status = run_samples(task, params, &s, value, err);
    }
    if (status == XAI_OK) combine(&s, layer, map);
    free(s.squares);
    free(s.a);
    return status;
}

static const xai_cam_rule RULE = {.map = map_samples};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_smoothgradcampp = {
    .info = {.id = "smoothgradcam++", .title = "Smooth Grad-CAM++", .family = "cam",
             .summary = "Grad-CAM++ with gradients averaged over noisy copies of the picture.",
             .paper = "arXiv:1908.01224", .version = 1, .needs = "gradient, layer", .cost = "5 forwards, 4 backwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(smooth_params),
    .needs = XAI_NEEDS_GRADIENT | XAI_NEEDS_LAYER,
    .lanes = 1 << XAI_PLAN_GRADIENT,
    .space = XAI_SPACE_LOGIT,
    .check = xai_cam_check,
    .cost = cost,
    .run = run,
};
