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

typedef struct averagedrop_params {
    XAI_METRIC_COMMON;
    int baseline;
} averagedrop_params;

static const xai_param PARAMS[] = {
    XAI_METRIC_PARAM(averagedrop_params),
    XAI_P_ENUM(averagedrop_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, XAI_MASKED_HELP),
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
    XAI_TRY(xai_masked_value(g, (xai_baseline)((const averagedrop_params *)params)->baseline, map, &seen, err));
    if (g->base > 0) out->value = seen < g->base ? (g->base - seen) / g->base : 0;
    else out->refusal = "The probability is 0 on the picture itself: there is nothing to lose.";
    return XAI_OK;
}

const xai_metric xai_metric_averagedrop = {
    .info = {.id = "averagedrop", .title = "Average drop", .family = "faithfulness",
             .summary = "What share of the probability is lost when the picture is seen through its map.",
             .paper = "arXiv:1710.11063", .version = 1, .needs = "forward", .cost = "1 forward",
             .better = XAI_BETTER_LOWER, .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(averagedrop_params),
    .needs = XAI_METRIC_PROBABILITY,
    .lanes = 1U << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .cost = cost,
    .run = run,
};
