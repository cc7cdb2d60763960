/*
 * Increase in confidence: 1 if the probability is higher when the picture is seen through its map, else 0. High is good;
 * its mean over many pictures is the rate that papers give.
 *
 * Chattopadhay et al., "Grad-CAM++", 2018, arXiv 1710.11063, section 5; pytorch-grad-cam's IncreaseInConfidence. The
 * picture through the map is masked.h's.
 */
#include "masked.h"

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    (void)state;
    double seen;
    XAI_TRY(xai_masked_value(g, params, map, &seen, err));
    out->value = seen > g->base;
    return XAI_OK;
}

const xai_metric xai_metric_increase = {
    .info = {.id = "increase", .title = "Increase in confidence", .family = "faithfulness",
             .summary = "Whether the probability is higher when the picture is seen through its map: 1 or 0.",
             .paper = "arXiv:1710.11063", .version = 1, .needs = "forward", .cost = "1 forward",
             .better = XAI_BETTER_HIGHER, .params = XAI_MASKED_METRIC_PARAMS,
             .param_count = XAI_MASKED_METRIC_PARAM_COUNT},
    .params_size = sizeof(xai_masked_metric_params),
    .needs = XAI_METRIC_PROBABILITY,
    .lanes = 1U << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .cost = xai_masked_metric_cost,
    .run = run,
};
