/*
 * Score-CAM: ReLU(sum over channels k of w_k A_k), w_k the softmax of the scores that the picture has when each
 * channel is its mask (masked.h).
 *
 * Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", CVPR workshops
 * 2020, arXiv 1910.01279, equations 5 to 7, by default on the class's probability. The libraries' dialects multiply
 * the normalised input by the mask, which hides with the mean colour in place of black, and explain the logit:
 * pytorch-grad-cam enlarges by the corners' centres and scales what is enlarged, torch-cam scales first.
 */
#include "masked.h"

typedef struct scorecam_params {
    xai_cam_options cam;
    int64_t channels;
    int dialect;
} scorecam_params;

static const xai_param PARAMS[] = {
    XAI_CAM_PARAMS(true),
    XAI_CAM_SMOOTH,
    XAI_CAM_FUSE,
    XAI_P_CHANNELS(scorecam_params, channels),
    XAI_P_ENUM(scorecam_params, dialect, XAI_MASK_PAPER, "paper|grad-cam|torchcam",
               "Whose details: the paper's (hides with black, explains the probability), or a library's (hides with "
               "the mean colour, explains the logit)."),
};

static xai_space space_of(const void *params)
{
    return ((const scorecam_params *)params)->dialect == XAI_MASK_PAPER ? XAI_SPACE_PROBABILITY : XAI_SPACE_LOGIT;
}

static double cost(const xai_model *model, const void *params)
{
    const scorecam_params *p = params;
    return xai_masked_cost(model, &p->cam, p->channels, 1);
}

static xai_status weights(xai_task *task, const xai_cam_layer *layer, const void *params, double *w, xai_error *err)
{
    const scorecam_params *p = params;
    xai_masked masked = {.rule = (xai_mask_rule)p->dialect, .samples = 1};
    return xai_masked_weights(task, layer, p->channels, &masked, w, err);
}

static const xai_cam_rule RULE = {.weights = weights};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_scorecam = {
    .info = {.id = "scorecam", .title = "Score-CAM", .family = "cam",
             .summary = "Each of the layer's feature maps counts with the score of the picture seen through it.",
             .paper = "arXiv:1910.01279", .version = 1, .needs = "layer",
             .cost = "1 forward, and 1 for each channel of the layer",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(scorecam_params),
    .needs = XAI_NEEDS_LAYER,
    .steady = true,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .space_of = space_of,
    .check = xai_cam_check,
    .cost = cost,
    .run = run,
};
