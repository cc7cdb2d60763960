/*
 * Eigen-CAM: the first principal component of the layer's activations, whatever the class: with the cells as rows and
 * the channels, centred, as columns, each cell's projection on the first right singular vector.
 *
 * Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", IJCNN 2020, arXiv 2008.00299. As
 * pytorch-grad-cam computes it, up to the sign, which an SVD leaves open: here the map correlates positively with the
 * mean activation.
 */
#include "cam.h"

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false)};


static const xai_cam_rule RULE = {.collapse = xai_cam_component};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_eigencam = {
    .info = {.id = "eigencam", .title = "Eigen-CAM", .family = "cam",
             .summary = "What the layer's feature maps have most in common, whatever the class.",
             .paper = "arXiv:2008.00299", .version = 1, .needs = "layer", .cost = "1 forward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_ACTIVATIONS,
    .run = run,
};
