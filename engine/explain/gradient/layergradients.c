/*
 * Layer gradients: how the score depends on the activations A of a layer, summed over its channels, in its resolution.
 *
 *     gradient                  d f / d A
 *     gradientxactivation       A * d f / d A
 *     internal_influence        integral over alpha of d f / d A at b + alpha (x - b)
 *     layer_integratedgradients (A(x) - A(b)) * integral of d f / d A at A(b) + alpha (A(x) - A(b))
 *     conductance               sum over steps of (A_t+1 - A_t) * d f / d A at step t, on the way from b to x
 *
 * Internal influence: Leino et al., "Influence-Directed Explanations for Deep Convolutional Networks", 2018, arXiv
 * 1802.03788. Conductance: Dhamdhere, Sundararajan and Yan, "How Important Is a Neuron?", 2018, arXiv 1805.12233. As
 * Captum's LayerGradientXActivation, InternalInfluence, LayerIntegratedGradients and LayerConductance, without its
 * factor of the activations for `gradient`. Captum's conductance is a left Riemann sum on the points of its rule for one
 * step more, whose weights it does not use; so it covers the way from the first to the last point only, and its sum
 * misses a little of f(x) - f(b). The gradients of one neuron by the picture are saliency and its kin with that neuron
 * as target; what the score owes to the picture through one neuron is neuronconductance.
 */
#include "tunnel.h"

#include <string.h>

enum { GRADIENT, GRADIENT_X_ACTIVATION, INTERNAL_INFLUENCE, LAYER_INTEGRATED, CONDUCTANCE };
enum { RANGE = 4096 }; /* elements that one thread takes at a time */

static const xai_param PARAMS[] = {
    XAI_P_LAYER(xai_gradient_params, layer,
                "Layer to look at: a tensor or node with a spatial map; the last one if omitted."),
    XAI_P_ENUM(xai_gradient_params, which, CONDUCTANCE,
               "gradient|gradientxactivation|internal_influence|layer_integratedgradients|conductance",
               "What is measured: the slope, what the activation adds to the score, or the same along a path."),
    XAI_GRADIENT_BASELINE,
    XAI_GRADIENT_PATH,
    XAI_GRADIENT_ABSOLUTE(false),
    XAI_GRADIENT_COLOURS(XAI_FOLD_SUM),
    XAI_GRADIENT_NOISE,
};

static bool has_path(const xai_gradient_params *p) { return p->which >= INTERNAL_INFLUENCE; }
static bool is_noisy(const xai_gradient_params *p) { return p->noise != XAI_NOISE_NONE; }
static bool varies(const void *params) { return has_path(params) || is_noisy(params); }
static bool is_complete(const xai_gradient_params *p)
{
    return p->which >= LAYER_INTEGRATED && xai_gradient_is_complete(p);
}

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const xai_gradient_params *p = params;
    if (has_path(p)) XAI_TRY(xai_path_check(p, err));
    return xai_model_check_spatial(model, p->layer, err);
}

static double cost(const xai_model *model, const void *params)
{
    const xai_gradient_params *p = params;
    double steps = (double)p->steps;
    switch (p->which) {
    case INTERNAL_INFLUENCE: return xai_tunnel_cost(p, 3 * steps);
    case LAYER_INTEGRATED:
        return 1 + xai_tunnel_cost(p, is_noisy(p) + 3 * steps * xai_model_share_after(model, p->layer));
    case CONDUCTANCE: return xai_tunnel_cost(p, 3 * (steps + 1)) + is_complete(p);
    default: return xai_tunnel_cost(p, is_noisy(p) ? 3 : 2);
    }
}

typedef struct layer {
    xai_task *task;
    const xai_gradient_params *params;
    xai_value *value;
    size_t count;           /* elements */
    double *alphas, *weights;
    xai_attribution path;   /* from the baseline to the picture */
    const float *base;      /* the activations of the picture */
    float *start;           /* LAYER_INTEGRATED: those of the baseline */
    double at_start;        /* the target's value there */
    double *sums;           /* what comes out */
    float *data, *gradient; /* of a noisy picture; CONDUCTANCE: of the step before */
    const xai_sample *samples;
    size_t taken;
} layer;

/* ---------------------------------------------------------------- taking */

static void take_step(const layer *l, const xai_sample *s, size_t first, size_t n)
{
    const float *g = s->gradients[0] + first;
    double *sum = l->sums + first;
    if (l->params->which != CONDUCTANCE) {
        for (size_t i = 0; i < n; i++) sum[i] += l->weights[s->index] * (double)g[i];
        return;
    }
    const float *a = s->data[0] + first;
    float *before = l->data + first, *slope = l->gradient + first;
    for (size_t i = 0; s->index > 0 && i < n; i++) sum[i] += ((double)a[i] - (double)before[i]) * (double)slope[i];
    memcpy(before, a, n * sizeof *a);
    memcpy(slope, g, n * sizeof *g);
}

static void take_range(void *context, size_t index, int thread)
{
    (void)thread;
    const layer *l = context;
    size_t first = index * RANGE, n = l->count - first < RANGE ? l->count - first : RANGE;
    for (size_t k = 0; k < l->taken; k++) take_step(l, &l->samples[k], first, n);
}

static void take(void *user, const xai_sample *samples, size_t count, const xai_par *par)
{
    layer *l = user;
    l->samples = samples;
    l->taken = count;
    xai_par_for(par, (l->count + RANGE - 1) / RANGE, take_range, l);
}

/* ---------------------------------------------------------------- the ways */

/* At the picture itself activations and gradients come from the base run, which other methods share. */
static xai_status at_picture(layer *l, const float *input, xai_error *err)
{
    bool times = l->params->which == GRADIENT_X_ACTIVATION;
    const float *a = l->base;
    if (input == l->task->context->input) {
        XAI_TRY(xai_task_gradient(l->task, &(xai_wanted){l->value, l->gradient}, 1, XAI_POLICY_PLAIN, err));
    } else {
        xai_look look = {.of = l->value, .data = l->data, .gradient = l->gradient};
        XAI_TRY(xai_task_look(l->task, input, &look, err));
        a = l->data;
    }
    for (size_t i = 0; i < l->count; i++) l->sums[i] = (double)l->gradient[i] * (times ? (double)a[i] : 1);
    return XAI_OK;
}

/* Variants of the input, on the way from the baseline. */
static xai_status along_input(layer *l, const float *input, xai_error *err)
{
    bool conductance = l->params->which == CONDUCTANCE;
    xai_gradients g = {.by = &l->value, .by_count = 1, .data = conductance, .take = take, .user = l};
    l->path.input = input;
    return xai_attribution_differentiate(&l->path, l->task, &g, err);
}

typedef struct way {
    const layer *layer;
    const float *end;
} way;

static void make_activation(const void *user, size_t index, float *values)
{
    const way *w = user;
    const layer *l = w->layer;
    for (size_t i = 0; i < l->count; i++)
        values[i] = (float)((double)l->start[i] + l->alphas[index] * ((double)w->end[i] - (double)l->start[i]));
}

/* Variants of the layer itself: only what follows it is run. */
static xai_status along_layer(layer *l, const float *input, xai_error *err)
{
    way w = {l, l->base};
    if (input != l->task->context->input) {
        xai_look look = {.of = l->value, .data = l->data};
        XAI_TRY(xai_task_look(l->task, input, &look, err));
        w.end = l->data;
    }
    xai_variants variants = {.count = l->path.steps, .make = make_activation, .user = &w, .of = l->value};
    xai_gradients g = {.by = &l->value, .by_count = 1, .take = take, .user = l};
    XAI_TRY(xai_differentiate(l->task->context, &l->task->aim, &variants, &g, err));
    for (size_t i = 0; i < l->count; i++) l->sums[i] *= (double)w.end[i] - (double)l->start[i];
    return XAI_OK;
}

static xai_status attribute(void *user, const float *input, double *out, xai_error *err)
{
    layer *l = user;
    l->sums = out;
    for (size_t i = 0; i < l->count; i++) out[i] = 0;
    if (!has_path(l->params)) return at_picture(l, input, err);
    return l->params->which == LAYER_INTEGRATED ? along_layer(l, input, err) : along_input(l, input, err);
}

/* ---------------------------------------------------------------- the result */

static xai_status open_path(layer *l, xai_error *err)
{
    size_t n = (size_t)l->params->steps + (l->params->which == CONDUCTANCE);
    l->alphas = XAI_NEW(l->task->arena, double, n);
    l->weights = XAI_NEW(l->task->arena, double, n);
    if (!l->alphas || !l->weights) XAI_NO_MEMORY(err);
    xai_path_points((xai_path_rule)l->params->rule, n, l->alphas, l->weights);
    xai_attribution_plain(&l->path, l->task, l->params);
    XAI_TRY(xai_attribution_set_baseline(&l->path, l->task, err));
    l->path.steps = n;
    l->path.alphas = l->alphas;
    if (l->params->which != LAYER_INTEGRATED) return XAI_OK;
    if (!(l->start = XAI_NEW(l->task->arena, float, l->count))) XAI_NO_MEMORY(err);
    xai_look look = {.of = l->value, .data = l->start};
    XAI_TRY(xai_task_look(l->task, l->path.baselines[0], &look, err));
    l->at_start = look.value;
    return XAI_OK;
}

static xai_status open_layer(layer *l, xai_task *task, const xai_gradient_params *p, xai_error *err)
{
    xai_session *session;
    *l = (layer){.task = task, .params = p, .value = xai_program_find(task->context->program, p->layer)};
    l->count = (size_t)xai_value_count(l->value);
    l->data = XAI_NEW(task->arena, float, l->count);
    l->gradient = XAI_NEW(task->arena, float, l->count);
    if (!l->data || !l->gradient) XAI_NO_MEMORY(err);
    XAI_TRY(xai_context_kept_base(task->context, &session, err));
    l->base = xai_session_value_data(session, l->value);
    return has_path(p) ? open_path(l, err) : XAI_OK;
}

static xai_status add_completeness(const layer *l, const double *sums, xai_error *err)
{
    double sum = 0;
    if (!is_complete(l->params)) return XAI_OK;
    if (!l->start) return xai_task_add_completeness(l->task, sums, l->count, l->path.baselines[0], err);
    for (size_t i = 0; i < l->count; i++) sum += sums[i];
    return xai_task_add_metric(l->task, "completeness_error", sum - (l->task->base - l->at_start), err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const xai_gradient_params *p = params;
    layer l;
    XAI_TRY(open_layer(&l, task, p, err));
    double *sums = XAI_NEW(task->arena, double, l.count);
    if (!sums) XAI_NO_MEMORY(err);
    XAI_TRY(xai_tunnel_run(task, p, attribute, &l, sums, l.count, err));
    XAI_TRY(add_completeness(&l, sums, err));
    return xai_task_add_folded_sums(task, "map", sums, l.value, (xai_fold)p->channels, false, err);
}

const xai_method xai_method_layergradients = {
    .info = {.id = "layergradients", .title = "Layer gradients", .family = "gradient",
             .summary = "Where in a layer the score comes from: conductance, internal influence and their kin.",
             .paper = "arXiv:1805.12233", .version = 1, .needs = "gradient, layer",
             .cost = "53 forwards, 51 backwards", .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_gradient_params),
    .needs = XAI_NEEDS_GRADIENT | XAI_NEEDS_LAYER,
    .lanes = 1 << XAI_PLAN_GRADIENT,
    .varies = varies,
    .steady = true,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
