/*
 * Grad-CAM: ReLU(sum over channels k of mean(g_k) A_k), A the activations of a layer and g = d target / d A.
 *
 * Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017,
 * arXiv 1610.02391, equations 1 and 2. The map has the layer's own resolution; the definition is that of
 * pytorch-grad-cam, and of Captum's LayerGradCam with relu_attributions.
 */
#include "cam.h"

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

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return 3;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const gradcam_params *p = params;
    const xai_value *layer = xai_program_find(task->context->program, p->layer);
    const int64_t *dim = layer->shape.dim;
    int64_t area = dim[2] * dim[3];
    float *map = XAI_NEW(task->arena, float, (size_t)area);
    double *sums = XAI_NEW(task->arena, double, (size_t)area);
    if (!map || !sums) XAI_NO_MEMORY(err);
    XAI_TRY(xai_task_gradcam(task, layer, sums, err));
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
