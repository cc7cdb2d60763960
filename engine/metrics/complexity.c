/*
 * Complexity: the entropy of the map's magnitudes, in nats. ln(pixels): all the same; 0: one pixel says everything.
 *
 *     H = - sum p ln p,   p = |m| / sum |m|
 *
 * Bhatt et al., "Evaluating and Aggregating Feature-based Model Explanations", 2020, arXiv 2005.00631; as Quantus 0.6 has
 * it (quantus.Complexity with abs).
 */
#include "metric.h"

#include <math.h>

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    (void)params;
    (void)state;
    (void)err;
    size_t n = (size_t)g->height * (size_t)g->width;
    double sum = 0, entropy = 0;
    for (size_t i = 0; i < n; i++) sum += fabs((double)map->values[i]);
    if (sum == 0) { /* nothing is said: no pixel more than another */
        out->value = log((double)n);
        return XAI_OK;
    }
    for (size_t i = 0; i < n; i++) {
        double p = fabs((double)map->values[i]) / sum;
        if (p > 0) entropy -= p * log(p);
    }
    out->value = entropy;
    return XAI_OK;
}

const xai_metric xai_metric_complexity = {
    .info = {.id = "complexity", .title = "Complexity", .family = "complexity",
             .summary = "How many pixels share what the map says: the entropy of its magnitudes, in nats.",
             .paper = "arXiv:2005.00631", .version = 1, .needs = "map", .cost = "none", .better = XAI_BETTER_LOWER,
             .params = XAI_METRIC_PLAIN, .param_count = 1},
    .params_size = sizeof(xai_metric_plain),
    .run = run,
};
