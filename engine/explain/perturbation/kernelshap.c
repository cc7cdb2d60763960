/*
 * Kernel SHAP: Shapley values of the features as the coefficients of a weighted linear fit.
 *
 * Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", 2017, arXiv 1705.07874, theorem 2. Sampled as
 * Captum's KernelShap does it: after the full and the empty set, sizes k are drawn by (M - 1) / (k (M - k)), then k of
 * the M features, each set with weight 1; the two ends weigh 1e6, which constrains the fit to them. With at most 11
 * features every set is run, and the values are the exact Shapley values instead.
 */
#include "exact.h"
#include "surrogate.h"

#include <math.h>

#define END_WEIGHT 1e6

typedef struct kernelshap_params {
    xai_feature_params features;
    int64_t samples;
} kernelshap_params;

static const xai_param PARAMS[] = {
    XAI_FEATURE_PARAMS(XAI_FEATURES_GRID, XAI_BASELINE_MEAN),
    XAI_P_INT(kernelshap_params, samples, 1000, 3, 100000,
              "Sets of features that are tried: more is steadier and slower. With up to 11 features all are."),
};

static double cost(const xai_model *model, const void *params)
{
    const kernelshap_params *p = params;
    double features = xai_features_expected(model, &p->features);
    return features <= XAI_EXACT_FEATURES ? exp2(features) : (double)p->samples;
}

/* A size from 1 to n - 1. */
static size_t draw_size(xai_rng *rng, size_t n)
{
    double total = 0, at = 0;
    for (size_t k = 1; k < n; k++) total += 1 / ((double)k * (double)(n - k));
    double u = xai_rng_uniform(rng) * total;
    for (size_t k = 1; k < n; k++) {
        at += 1 / ((double)k * (double)(n - k));
        if (u < at) return k;
    }
    return n - 1;
}

/* k of n: each of the remaining is taken with the probability that fills the set. */
static void draw_members(xai_rng *rng, size_t n, size_t k, uint64_t *row)
{
    for (size_t i = 0; i < n && k > 0; i++)
        if (xai_rng_below(rng, (uint32_t)(n - i)) < k) {
            xai_coalition_put(row, i);
            k--;
        }
}

static xai_status draw(xai_coalitions *c, const xai_features *features, size_t samples, xai_task *task,
                       xai_error *err)
{
    size_t n = features->count;
    XAI_TRY(xai_coalitions_init(c, features, samples, task, err));
    for (size_t i = 0; i < samples; i++) {
        xai_rng rng = xai_rng_init(task->seed, i);
        uint64_t row[XAI_MOST_FEATURES / 64] = {0};
        draw_members(&rng, n, i == 0 ? n : i == 1 ? 0 : draw_size(&rng, n), row);
        xai_coalitions_add(c, row);
    }
    return XAI_OK;
}

static xai_status fit(const xai_coalitions *c, size_t count, xai_task *task, xai_surrogate *s, xai_error *err)
{
    double *weights = XAI_NEW(task->arena, double, count);
    if (!weights) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < count; i++) {
        size_t size = xai_coalition_size(c, xai_coalition_row(c, i));
        weights[i] = size == 0 || size == c->features->count ? END_WEIGHT : 1;
    }
    XAI_TRY(xai_surrogate_fit(c, count, weights, 0, task, s, err));
    if (s->rank == c->features->count) return XAI_OK;
    return xai_task_warn(task, err, "%zu samples do not determine %zu features: of the values that fit, these are the "
                         "smallest. Raise samples.", count, c->features->count);
}

/* The value of the empty set if it was run, else what the fit says of it. */
static double empty_value(const xai_coalitions *c, size_t count, const xai_surrogate *s)
{
    for (size_t i = 0; i < count; i++)
        if (xai_coalition_size(c, xai_coalition_row(c, i)) == 0) return xai_coalition_value(c, i);
    return s->intercept;
}

static xai_status sample(const xai_features *features, const kernelshap_params *p, xai_task *task, double *values,
                         double *empty, xai_error *err)
{
    xai_coalitions c;
    xai_surrogate s;
    size_t done;
    if (xai_task_has_draws(task, "coalitions")) XAI_TRY(xai_coalitions_replay(&c, features, false, task, err));
    else XAI_TRY(draw(&c, features, (size_t)p->samples, task, err));
    XAI_TRY(xai_coalitions_emit(&c, task, err));
    XAI_TRY(xai_coalitions_evaluate(&c, task, features->count + 2, &done, err));
    XAI_TRY(fit(&c, done, task, &s, err));
    for (size_t i = 0; i < features->count; i++) values[i] = s.coefficients[i];
    *empty = empty_value(&c, done, &s);
    return XAI_OK;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const kernelshap_params *p = params;
    xai_features features;
    XAI_TRY(xai_features_init(&features, task, &p->features, err));
    double *values = XAI_NEW(task->arena, double, features.count), empty;
    if (!values) XAI_NO_MEMORY(err);
    bool exact = features.count <= XAI_EXACT_FEATURES && !xai_task_has_draws(task, "coalitions");
    if (exact) XAI_TRY(xai_coalitions_exact(&features, task, values, &empty, err));
    else XAI_TRY(sample(&features, p, task, values, &empty, err));
    return xai_features_add_shares(&features, task, values, NULL, empty, err);
}

const xai_method xai_method_kernelshap = {
    .info = {.id = "kernelshap", .title = "Kernel SHAP", .family = "perturbation",
             .summary = "Each part's fair share of the score, estimated by a weighted fit over random sets of parts.",
             .paper = "arXiv:1705.07874", .version = 1, .needs = "forward", .cost = "1000 forwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(kernelshap_params),
    .steady = true,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .check = xai_features_check,
    .cost = cost,
    .run = run,
};
