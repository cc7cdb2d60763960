/*
 * Max sensitivity: how far the map moves, relative to its own length, when the input moves by as little as `radius`
 * in every number; the largest of `samples` draws.
 *
 *     max over draws of |E(x + e) - E(x)| / |E(x)|,   e ~ U(-radius, radius);   |E(x)| = 0 counts as 1
 *
 * Yeh et al., "On the (In)fidelity and Sensitivity of Explanations", 2019, arXiv 1901.09392; as
 * captum.metrics.sensitivity_max 0.9 has it, of the maps (quantus.MaxSensitivity besides leaves out draws that change
 * the top class). The target stays that of the unchanged picture, and so does a method's own seed.
 *
 * --use-draws: sensitivity-noise.npy, samples x channels x height x width of u in [0, 1]: e = (2 u - 1) radius.
 */
#include "base/rng.h"
#include "explain/method.h"
#include "metric.h"

#include <math.h>
#include <string.h>

#define NOISE "sensitivity-noise"

typedef struct sensitivity_params {
    double radius;
    int64_t samples;
} sensitivity_params;

static const xai_param PARAMS[] = {
    XAI_P_REAL(sensitivity_params, radius, 0.02, 0, 10, "By how much a number of the normalised input is moved at most."),
    XAI_P_INT(sensitivity_params, samples, 10, 1, 1000, "Draws, of which the one that moves the map most counts."),
};

static xai_metric_cost cost(const xai_model *model, const void *params)
{
    (void)model;
    return (xai_metric_cost){.reruns = (double)((const sensitivity_params *)params)->samples};
}

/* The number that moves one of the input's; given: of all draws, or NULL. */
static double next_draw(const float **given, xai_rng *rng)
{
    return *given ? (double)*(*given)++ : (double)(float)xai_rng_uniform(rng);
}

static xai_status emit(const xai_grading *g, const xai_task *task, int64_t samples, xai_error *err)
{
    const xai_context *c = g->context;
    size_t n = c->input_count;
    if (!task->emit_draws) return XAI_OK;
    float *all = XAI_NEW(g->arena, float, (size_t)samples * n);
    if (!all) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < (size_t)samples; i++) {
        xai_rng rng = xai_rng_init(g->seed, i);
        const float *none = NULL;
        for (size_t k = 0; k < n; k++) all[i * n + k] = (float)next_draw(&none, &rng);
    }
    return xai_task_emit_draws(task, NOISE, &(xai_array){.dtype = XAI_F32, .rank = 4, .data = all,
                                                         .shape = {samples, c->channels, c->height, c->width}}, err);
}

/* The draws that are given, if any. */
static xai_status prepare(const xai_grading *g, const void *params, void **state, xai_error *err)
{
    const sensitivity_params *p = params;
    const xai_context *c = g->context;
    xai_task task = {.context = g->context, .arena = g->arena, .use_draws = g->request->use_draws,
                     .emit_draws = g->request->emit_draws};
    xai_tensor given;
    bool found = false;
    if (xai_task_has_draws(&task, NOISE)) XAI_TRY(xai_task_use_draws(&task, NOISE, 4, &given, &found, err));
    if (!found) return emit(g, &task, p->samples, err);
    xai_shape wanted = xai_shape_4d(p->samples, c->channels, c->height, c->width);
    XAI_CHECK(xai_shape_equal(&given.shape, &wanted), err, BAD_TENSOR, NOISE,
              "the draws must be samples x channels x height x width");
    *state = given.data;
    return XAI_OK;
}

/* The picture moved by draw `index`; given: of all draws, or NULL. */
static void move(const xai_grading *g, const sensitivity_params *p, const float *given, size_t index, float *input)
{
    const xai_context *c = g->context;
    xai_rng rng = xai_rng_init(g->seed, index);
    const float *u = given ? given + index * c->input_count : NULL;
    for (size_t ch = 0; ch < (size_t)c->channels; ch++)
        for (size_t y = 0; y < (size_t)c->height; y++)
            for (size_t x = 0; x < (size_t)c->width; x++) {
                size_t at = ch * c->channel_stride + y * c->row_stride + x * c->x_stride;
                input[at] = c->input[at] + (float)((2 * next_draw(&u, &rng) - 1) * p->radius);
            }
}

/* |a - b| and |a|. */
static void distances(const xai_graded *map, const float *other, double *apart, double *length)
{
    double d = 0, l = 0;
    for (size_t i = 0; i < (size_t)map->rows * (size_t)map->cols; i++) {
        double a = (double)map->raw[i], b = (double)other[i];
        d += (a - b) * (a - b);
        l += a * a;
    }
    *apart = sqrt(d);
    *length = l > 0 ? sqrt(l) : 1;
}

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    const sensitivity_params *p = params;
    float *input = XAI_NEW(g->scratch, float, g->context->input_count);
    if (!input) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < (size_t)p->samples; i++) {
        const float *other;
        double apart, length;
        move(g, p, state, i, input);
        XAI_TRY(xai_grading_again(g, map, &(xai_rerun){.input = input}, &other, err));
        distances(map, other, &apart, &length);
        out->value = fmax(out->value, apart / length);
    }
    return XAI_OK;
}

const xai_metric xai_metric_sensitivity = {
    .info = {.id = "sensitivity", .title = "Max sensitivity", .family = "robustness",
             .summary = "How far the map moves, relative to its length, when the picture is moved by what nobody sees.",
             .paper = "arXiv:1901.09392", .version = 1, .needs = "method", .cost = "10 times the method's",
             .better = XAI_BETTER_LOWER, .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(sensitivity_params),
    .needs = XAI_METRIC_METHOD,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
