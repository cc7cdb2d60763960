/*
 * Sparseness: the Gini index of the map's magnitudes. 0: every pixel counts the same; near 1: all is said by a few.
 *
 *     G = sum over i = 1..n of (2 i - n - 1) |m|_(i) / (n sum |m|),   |m|_(1) <= |m|_(2) <= ...
 *
 * Chalasani et al., "Concise Explanations of Neural Networks using Adversarial Training", 2018, arXiv 1810.06583; as
 * Quantus 0.6 has it (quantus.Sparseness with abs): it divides by the largest magnitude and adds 1e-7 to each, which
 * pulls the index of a map of few pixels towards 0, and gives 0 for a map of zeros.
 */
#include "metric.h"

#include <math.h>

static const double ADDED = 1e-7;

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    (void)params;
    (void)state;
    size_t n = (size_t)g->height * (size_t)g->width;
    float *magnitude = XAI_NEW(g->scratch, float, n);
    uint32_t *order = XAI_NEW(g->scratch, uint32_t, n);
    if (!magnitude || !order) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) magnitude[i] = fabsf(map->values[i]);
    xai_order_descending(magnitude, n, order);
    double weighted = 0, sum = 0, largest = magnitude[order[0]] > 0 ? (double)magnitude[order[0]] : 1;
    for (size_t i = 0; i < n; i++) {
        double m = (double)magnitude[order[n - 1 - i]] / largest + ADDED; /* ascending */
        weighted += (2 * (double)(i + 1) - (double)n - 1) * m;
        sum += m;
    }
    out->value = weighted / ((double)n * sum);
    return XAI_OK;
}

const xai_metric xai_metric_sparseness = {
    .info = {.id = "sparseness", .title = "Sparseness", .family = "complexity",
             .summary = "How much of the map is said by a few pixels: the Gini index of its magnitudes, 0 to 1.",
             .paper = "arXiv:1810.06583", .version = 1, .needs = "map", .cost = "none", .better = XAI_BETTER_HIGHER,
             .params = XAI_METRIC_PLAIN, .param_count = 1},
    .params_size = sizeof(xai_metric_plain),
    .run = run,
};
