/*
 * Completeness: how far the parts are from the whole, for methods whose parts shall sum to it (integrated gradients,
 * LRP, DeepLIFT, Shapley values, ...): the error that the method itself reports, relative to the target's value.
 *
 *     |sum of the parts - what they shall sum to| / |y(x)|
 *
 * Sundararajan et al., "Axiomatic Attribution for Deep Networks", 2017, arXiv 1703.01365, proposition 1. The parts are the
 * method's own (features, layers), not the pixels of its map. quantus.Completeness asks for equality to the last bit, and
 * says yes or no.
 */
#include "metric.h"

#include <math.h>
#include <string.h>

static const double *find(const xai_explanation *e, const char *name)
{
    for (size_t i = 0; e && i < e->metric_count; i++)
        if (strcmp(e->metrics[i].name, name) == 0) return &e->metrics[i].value;
    return NULL;
}

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    (void)g;
    (void)params;
    (void)state;
    (void)err;
    const double *error = find(map->explanation, "completeness_error");
    const double *share = find(map->explanation, "conservation_error"); /* of LRP: relative already */
    double whole = map->explanation ? fabs(map->explanation->target_value) : 0;
    if (share) out->value = fabs(*share);
    else if (!error) out->refusal = "This method does not promise that its parts sum to anything.";
    else if (whole == 0) out->refusal = "The target's value is 0: there is nothing to compare with.";
    else out->value = fabs(*error) / whole;
    return XAI_OK;
}

const xai_metric xai_metric_completeness = {
    .info = {.id = "completeness", .title = "Completeness", .family = "faithfulness",
             .summary = "How far the parts are from the whole that they shall sum to, as a share of the score.",
             .paper = "arXiv:1703.01365", .version = 1, .needs = "a method that promises a sum", .cost = "none",
             .better = XAI_BETTER_LOWER, .params = XAI_METRIC_PLAIN, .param_count = 1},
    .params_size = sizeof(xai_metric_plain),
    .run = run,
};
