/*
 * Grad-CAM: ReLU(sum over channels k of mean(g_k) A_k), A the activations of a layer and g = d target / d A.
 *
 * Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017,
 * arXiv 1610.02391, equations 1 and 2. The map has the layer's own resolution; the definition is that of
 * pytorch-grad-cam, and of Captum's LayerGradCam with relu_attributions.
 */
#include "method.h"

#include <math.h>

typedef struct gradcam_params {
    const char *layer;
    bool relu;
} gradcam_params;

static const xai_param PARAMS[] = {
    XAI_P_LAYER(gradcam_params, layer,
                "Layer whose activations are weighed: a tensor or node with a spatial map; the last one if omitted."),
    XAI_P_BOOL(gradcam_params, relu, true, "Keep only what speaks for the target; off: evidence against it is negative."),
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    return xai_model_check_spatial(model, ((const gradcam_params *)params)->layer, err);
}

/* Mean over n values, summed in order. */
static double mean_of(const float *values, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)values[i];
    return sum / (double)n;
}

/* sum_k mean(g_k) A_k over `area` cells, in the order of the channels. */
static void weigh_channels(const float *a, const float *g, int64_t channels, int64_t area, double *sums)
{
    for (int64_t k = 0; k < channels; k++) {
        double weight = mean_of(g + k * area, area);
        for (int64_t i = 0; i < area; i++) sums[i] += weight * (double)a[k * area + i];
    }
}

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return 3;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const gradcam_params *p = params;
    xai_context *c = task->context;
    const xai_value *layer = xai_program_find(c->program, p->layer);
    const int64_t *dim = layer->shape.dim;
    int64_t channels = dim[1], area = dim[2] * dim[3];
    float *g = XAI_NEW(task->arena, float, (size_t)(channels * area)), *map = XAI_NEW(task->arena, float, (size_t)area);
    double *sums = XAI_NEW(task->arena, double, (size_t)area);
    if (!g || !map || !sums) XAI_NO_MEMORY(err);
    XAI_TRY(xai_task_gradient(task, &(xai_wanted){layer, g}, 1, XAI_POLICY_PLAIN, err));
    xai_session *session;
    XAI_TRY(xai_context_gradient_base(c, &session, err));
    weigh_channels(xai_session_value_data(session, layer), g, channels, area, sums);
    for (int64_t i = 0; i < area; i++) map[i] = (float)(p->relu ? fmax(sums[i], 0) : sums[i]);
    return xai_task_add_map(task, "map", map, dim[2], dim[3], err);
}

const xai_method xai_method_gradcam = {
    .info = {.id = "gradcam", .title = "Grad-CAM", .family = "cam",
             .summary = "Where the layer's feature maps that speak for the class are active.",
             .paper = "arXiv:1610.02391", .version = 1, .needs = "gradient, layer", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(gradcam_params),
    .needs = XAI_NEEDS_GRADIENT | XAI_NEEDS_LAYER,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
