/*
 * Guided Grad-CAM: guided backpropagation, channel by channel, times the ReLU of Grad-CAM, enlarged to the picture.
 *
 * Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017,
 * arXiv 1610.02391, section 3.2. As Captum's GuidedGradCam, which enlarges by taking the nearest cell (the paper:
 * bilinear). With noise, each noisy picture has a Grad-CAM of its own. Rectifiers: see guidedbackprop.c.
 */
#include "attribution.h"
#include "explain/cam/cam.h"

#include <math.h>

static const xai_param PARAMS[] = {
    XAI_P_LAYER(xai_gradient_params, layer,
                "Layer of the Grad-CAM: a tensor or node with a spatial map; the last one if omitted."),
    XAI_GRADIENT_ABSOLUTE(false),
    XAI_GRADIENT_COLOURS(XAI_FOLD_SUM),
    XAI_GRADIENT_NOISE,
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    return xai_model_check_spatial(model, ((const xai_gradient_params *)params)->layer, err);
}

/* To the layer, then guided; the base forward once. */
static double cost(const xai_model *model, const void *params)
{
    return 2 * xai_gradient_cost(model, params) - 1;
}

typedef struct gates {
    const xai_value *layer;
    double *sums;  /* of one sample, rows x cols */
    float *values; /* samples x rows x cols */
    size_t area;
} gates;

static void store(const gates *g, size_t sample)
{
    for (size_t i = 0; i < g->area; i++) g->values[sample * g->area + i] = (float)fmax(g->sums[i], 0);
}

/* Grad-CAM of samples: the feature maps, each weighed with its mean gradient. */
static void take(void *user, const xai_sample *samples, size_t count, const xai_par *par)
{
    (void)par;
    const gates *g = user;
    size_t channels = (size_t)g->layer->shape.dim[1];
    for (size_t s = 0; s < count; s++) {
        for (size_t i = 0; i < g->area; i++) g->sums[i] = 0;
        for (size_t k = 0; k < channels; k++) {
            const float *gradient = samples[s].gradients[0] + k * g->area, *data = samples[s].data[0] + k * g->area;
            double weight = 0;
            for (size_t i = 0; i < g->area; i++) weight += (double)gradient[i];
            weight /= (double)g->area;
            for (size_t i = 0; i < g->area; i++) g->sums[i] += weight * (double)data[i];
        }
        store(g, samples[s].index);
    }
}

static xai_status set_gates(xai_attribution *a, xai_task *task, xai_error *err)
{
    xai_value *layer = xai_program_find(task->context->program, a->params->layer);
    const int64_t *dim = layer->shape.dim;
    gates g = {.layer = layer, .area = (size_t)(dim[2] * dim[3])};
    g.sums = XAI_NEW(task->arena, double, g.area);
    g.values = XAI_NEW(task->arena, float, a->noise.samples * g.area);
    if (!g.sums || !g.values) XAI_NO_MEMORY(err);
    if (a->params->noise == XAI_NOISE_NONE) {
        XAI_TRY(xai_task_gradcam(task, layer, g.sums, err));
        store(&g, 0);
    } else {
        xai_gradients passes = {.by = &layer, .by_count = 1, .data = true, .take = take, .user = &g};
        XAI_TRY(xai_attribution_differentiate(a, task, &passes, err));
    }
    a->gates = g.values;
    a->rows = (int)dim[2];
    a->cols = (int)dim[3];
    return XAI_OK;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    xai_attribution a;
    XAI_TRY(xai_attribution_init(&a, task, params, err));
    XAI_TRY(set_gates(&a, task, err));
    a.policy = XAI_POLICY_GUIDED;
    XAI_TRY(xai_attribution_run(&a, task, err));
    return xai_attribution_add_map(&a, task, err);
}

const xai_method xai_method_guidedgradcam = {
    .info = {.id = "guidedgradcam", .title = "Guided Grad-CAM", .family = "gradient",
             .summary = "The crisp picture of guided backpropagation, kept only where Grad-CAM sees the class.",
             .paper = "arXiv:1610.02391", .version = 1, .needs = "gradient, layer", .cost = "1 forward, 2 backwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_gradient_params),
    .needs = XAI_NEEDS_GRADIENT | XAI_NEEDS_LAYER | XAI_NEEDS_INPUT,
    .lanes = 1 << XAI_PLAN_GRADIENT,
    .varies = xai_gradient_varies,
    .steady = true,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
