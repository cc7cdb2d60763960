/*
 * Grad-CAM: ReLU(sum over channels k of mean(g_k) A_k), A the activations of a layer and g = d target / d A.
 *
 * Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017,
 * arXiv 1610.02391, equations 1 and 2. The map has the layer's own resolution; the definition is that of
 * pytorch-grad-cam, and of Captum's LayerGradCam with relu_attributions.
 */
#include "cam.h"

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(true), XAI_CAM_SMOOTH};

/* The mean of every channel's gradient, summed in order. */
static xai_status weights(xai_task *task, const xai_cam_layer *layer, const void *params, double *w, xai_error *err)
{
    (void)task;
    (void)params;
    (void)err;
    for (int64_t k = 0; k < layer->channels; k++) {
        const float *g = layer->g + k * layer->area;
        double sum = 0;
        for (int64_t i = 0; i < layer->area; i++) sum += (double)g[i];
        w[k] = sum / (double)layer->area;
    }
    return XAI_OK;
}

static const xai_cam_rule RULE = {.gradients = true, .weights = weights};

xai_status xai_task_gradcam(xai_task *task, const xai_value *layer, double *sums, xai_error *err)
{
    return xai_cam_base(task, &(xai_cam_options){0}, &RULE, layer, sums, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_gradcam = {
    .info = {.id = "gradcam", .title = "Grad-CAM", .family = "cam",
             .summary = "Where the layer's feature maps that speak for the class are active.",
             .paper = "arXiv:1610.02391", .version = 1, .needs = "gradient, layer", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_GRADIENTS,
    .run = run,
};
