/*
 * Increase in confidence: 1 if the probability is higher when the picture is seen through its map, else 0. High is good;
 * its mean over many pictures is the rate that papers give.
 *
 * Chattopadhay et al., "Grad-CAM++", 2018, arXiv 1710.11063, section 5; pytorch-grad-cam's IncreaseInConfidence. The
 * picture through the map is masked.h's.
 */
#include "masked.h"

typedef struct increase_params {
    XAI_METRIC_COMMON;
    int baseline;
} increase_params;

static const xai_param PARAMS[] = {
    XAI_METRIC_PARAM(increase_params),
    XAI_P_ENUM(increase_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, XAI_MASKED_HELP),
};

static xai_metric_cost cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return (xai_metric_cost){.each = 1};
}

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    (void)state;
    double seen;
    XAI_TRY(xai_masked_value(g, (xai_baseline)((const increase_params *)params)->baseline, map, &seen, err));
    out->value = seen > g->base;
    return XAI_OK;
}

const xai_metric xai_metric_increase = {
    .info = {.id = "increase", .title = "Increase in confidence", .family = "faithfulness",
             .summary = "Whether the probability is higher when the picture is seen through its map: 1 or 0.",
             .paper = "arXiv:1710.11063", .version = 1, .needs = "forward", .cost = "1 forward",
             .better = XAI_BETTER_HIGHER, .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(increase_params),
    .needs = XAI_METRIC_PROBABILITY,
    .lanes = 1U << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .cost = cost,
    .run = run,
};
