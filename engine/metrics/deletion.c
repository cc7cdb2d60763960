/*
 * Deletion: how fast the target falls when the map's strongest pixels are taken away first. Low is good.
 *
 * RISE's protocol (curve.h): so many pixels a step become the normalised mean (the paper's "0"), area under the curve.
 */
#include "curve.h"

typedef struct deletion_params {
    XAI_METRIC_COMMON;
    int64_t step;
} deletion_params;

static const xai_param PARAMS[] = {
    XAI_METRIC_PARAM(deletion_params),
    XAI_P_INT(deletion_params, step, 224, 1, 1 << 20, "Pixels that are taken away at a time."),
};

static xai_metric_cost cost(const xai_model *model, const void *params)
{
    return xai_change_cost(model, ((const deletion_params *)params)->step);
}

static xai_status prepare(const xai_grading *g, const void *params, void **state, xai_error *err)
{
    (void)params;
    float *mean = XAI_NEW(g->arena, float, g->context->input_count);
    if (!mean) XAI_NO_MEMORY(err);
    *state = mean;
    return xai_context_baseline(g->context, XAI_BASELINE_MEAN, 0, mean, err);
}

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    const deletion_params *p = params;
    out->x_label = "share of the pixels taken away";
    return xai_change_follow(g, &(xai_change){.from = g->context->input, .to = state, .step = p->step}, map, out, err);
}

const xai_metric xai_metric_deletion = {
    .info = {.id = "deletion", .title = "Deletion", .family = "faithfulness",
             .summary = "How fast the score falls when the strongest pixels are taken away first: area under the curve.",
             .paper = "arXiv:1806.07421", .version = 1, .needs = "forward", .cost = "225 forwards",
             .better = XAI_BETTER_LOWER, .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(deletion_params),
    .lanes = 1U << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
