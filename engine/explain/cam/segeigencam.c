/*
 * Seg-Eigen-CAM: the first principal component of |g| A, turned so that its largest value in magnitude is positive.
 *
 * Chung and Ying, "Seg-Eigen-CAM: Eigen-Value-Based Visual Explanations for Semantic Segmentation Models", Applied
 * Sciences 15(13), 2025, equations 10 to 13. As pytorch-grad-cam computes it.
 */
#include "cam.h"

#include <math.h>

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false), XAI_CAM_FUSE};

static void terms(const xai_cam_layer *layer, int64_t channel, double *out)
{
    const float *a = layer->a + channel * layer->area, *g = layer->g + channel * layer->area;
    for (int64_t i = 0; i < layer->area; i++) out[i] = fabs((double)g[i]) * (double)a[i];
}

static xai_status collapse(const xai_cam_layer *layer, float *all, double *map, xai_error *err)
{
    XAI_TRY(xai_cam_component(layer, all, map, err));
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < layer->area; i++) {
        low = fmin(low, map[i]);
        high = fmax(high, map[i]);
    }
    for (int64_t i = 0; fabs(low) > fabs(high) && i < layer->area; i++) map[i] = -map[i];
    return XAI_OK;
}

static const xai_cam_rule RULE = {.gradients = true, .terms = terms, .collapse = collapse};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_segeigencam = {
    .info = {.id = "segeigencam", .title = "Seg-Eigen-CAM", .family = "cam",
             .summary = "What the activations have most in common where the class depends on them; made for segmentation.",
             .paper = "doi:10.3390/app15137562", .version = 1, .needs = "gradient, layer",
             .cost = "1 forward, 1 backward", .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_GRADIENTS(xai_cam_check),
    .run = run,
};
