/*
 * CAM: sum over channels k of w_k A_k, where the score is a linear function of the channels' means and w_k its
 * coefficient: the map's mean is the score without its bias.
 *
 * Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, arXiv 1512.04150. As torch-cam's
 * CAM computes it, before its normalisation. Networks with anything but a global average pool and linear operators
 * between layer and score are refused.
 */
#include "head.h"

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false), XAI_CAM_SMOOTH};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &xai_cam_head_rule, err);
}

const xai_method xai_method_cam = {
    .info = {.id = "cam", .title = "CAM", .family = "cam",
             .summary = "The feature maps weighted by the head's own weights: what each cell adds to the class score.",
             .paper = "arXiv:1512.04150", .version = 1, .needs = "gradient, layer, linear head",
             .cost = "1 forward, 1 backward", .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_GRADIENTS(xai_cam_check),
    .serves = xai_cam_find_head,
    .check_target = xai_cam_check_head,
    .run = run,
};
