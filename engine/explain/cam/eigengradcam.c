/*
 * Eigen-Grad-CAM: the first principal component of g A (Eigen-CAM with the activations weighted by their gradients).
 *
 * As pytorch-grad-cam 1.5 computes it (of g A, not of its magnitude), up to the sign of the component, which an SVD
 * leaves open: here the map correlates positively with the mean activation. After Muhammad and Yeasin,
 * arXiv 2008.00299.
 */
#include "cam.h"

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false)};

static void terms(const xai_cam_layer *layer, int64_t channel, double *out)
{
    const float *a = layer->a + channel * layer->area, *g = layer->g + channel * layer->area;
    for (int64_t i = 0; i < layer->area; i++) out[i] = (double)g[i] * (double)a[i];
}

static const xai_cam_rule RULE = {.gradients = true, .terms = terms, .collapse = xai_cam_component};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_eigengradcam = {
    .info = {.id = "eigengradcam", .title = "Eigen-Grad-CAM", .family = "cam",
             .summary = "What gradient times activation has most in common over the channels: Eigen-CAM for one "
                        "class.",
             .paper = "arXiv:2008.00299", .version = 1, .needs = "gradient, layer", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_GRADIENTS,
    .run = run,
};
