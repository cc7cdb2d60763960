/*
 * Average drop: what share of the probability is lost when the picture is seen through its map. Low is good; a map that
 * hides nothing has it too.
 *
 *     max(0, y(x) - y(m)) / y(x)
 *
 * Chattopadhay et al., "Grad-CAM++", 2018, arXiv 1710.11063, section 5; named so for its mean over many pictures. The
 * picture through the map is masked.h's, the multiplied normalised input of pytorch-grad-cam (DropInConfidence, which does
 * not divide) and of ADCC's authors; openvino_xai multiplies the pixels: baseline black.
 */
#include "masked.h"

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    (void)state;
    double seen;
    XAI_TRY(xai_masked_value(g, params, map, &seen, err));
    if (g->base > 0) out->value = seen < g->base ? (g->base - seen) / g->base : 0;
    else out->refusal = "The probability is 0 on the picture itself: there is nothing to lose.";
    return XAI_OK;
}

const xai_metric xai_metric_averagedrop = {
    .info = {.id = "averagedrop", .title = "Average drop", .family = "faithfulness",
             .summary = "What share of the probability is lost when the picture is seen through its map.",
             .paper = "arXiv:1710.11063", .version = 1, .needs = "forward", .cost = "1 forward",
             .better = XAI_BETTER_LOWER, .params = XAI_MASKED_METRIC_PARAMS,
             .param_count = XAI_MASKED_METRIC_PARAM_COUNT},
    .params_size = sizeof(xai_masked_metric_params),
    .needs = XAI_METRIC_PROBABILITY,
    .lanes = 1U << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .cost = xai_masked_metric_cost,
    .run = run,
};
