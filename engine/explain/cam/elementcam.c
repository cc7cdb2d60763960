/*
 * Element-wise Grad-CAM: sum over channels of ReLU(g A): HiResCAM of what speaks for the target alone.
 *
 * pytorch-grad-cam's GradCAMElementWise; Pillai and Pirsiavash, "Explainable Models with Consistent Interpretations",
 * AAAI 2021, use it.
 */
#include "cam.h"

#include <math.h>

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false), XAI_CAM_SMOOTH};

static void terms(const xai_cam_layer *layer, int64_t channel, double *out)
{
    const float *a = layer->a + channel * layer->area, *g = layer->g + channel * layer->area;
    for (int64_t i = 0; i < layer->area; i++) out[i] = fmax((double)g[i] * (double)a[i], 0);
}

static const xai_cam_rule RULE = {.gradients = true, .terms = terms};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_elementcam = {
    .info = {.id = "elementcam", .title = "Grad-CAM, element-wise", .family = "cam",
             .summary = "Like HiResCAM, but a channel that speaks against the class in a cell cannot cancel one "
                        "that speaks for it.",
             .paper = "", .version = 1, .needs = "gradient, layer", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_GRADIENTS,
    .run = run,
};
