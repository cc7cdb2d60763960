/*
 * Score-CAM: ReLU(sum over channels k of w_k A_k), w_k the softmax of the scores that the picture has when each
 * channel is its mask (masked.h).
 *
 * Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", CVPR workshops 2020,
 * arXiv 1910.01279, equations 5 to 7, by default on the class's probability. The libraries' dialects multiply the
 * normalised input by the mask, which hides with the mean colour in place of black, and explain the logit:
 * pytorch-grad-cam enlarges by the corners' centres and scales what is enlarged, torch-cam scales first.
 */
#include "masked.h"

typedef struct scorecam_params {
    const char *layer;
    int64_t channels;
    int dialect;
    bool relu;
} scorecam_params;

static const xai_param PARAMS[] = {
    XAI_P_LAYER(scorecam_params, layer,
                "Layer whose channels are the masks: a tensor or node with a spatial map; the last one if omitted."),
    XAI_P_CHANNELS(scorecam_params, channels),
    XAI_P_ENUM(scorecam_params, dialect, XAI_MASK_PAPER, "paper|grad-cam|torch-cam",
               "Whose details: the paper's (hides with black, explains the probability), or a library's (mean colour, logit)."),
    XAI_P_BOOL(scorecam_params, relu, true, "Keep only what is active above zero; off: negative activations show."),
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    return xai_model_check_spatial(model, ((const scorecam_params *)params)->layer, err);
}

static xai_space space_of(const void *params)
{
    return ((const scorecam_params *)params)->dialect == XAI_MASK_PAPER ? XAI_SPACE_PROBABILITY : XAI_SPACE_LOGIT;
}

static double cost(const xai_model *model, const void *params)
{
    const scorecam_params *p = params;
    return xai_masked_cost(model, p->layer, p->channels, 1);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const scorecam_params *p = params;
    xai_masked masked = {.rule = (xai_mask_rule)p->dialect, .samples = 1};
    return xai_masked_run(task, p->layer, p->channels, &masked, p->relu, err);
}

const xai_method xai_method_scorecam = {
    .info = {.id = "scorecam", .title = "Score-CAM", .family = "cam",
             .summary = "Each of the layer's feature maps counts with the score of the picture seen through it.",
             .paper = "arXiv:1910.01279", .version = 1, .needs = "forward, layer",
             .cost = "1 forward, and 1 for each channel of the layer",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(scorecam_params),
    .needs = XAI_NEEDS_LAYER,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .space_of = space_of,
    .check = check,
    .cost = cost,
    .run = run,
};
