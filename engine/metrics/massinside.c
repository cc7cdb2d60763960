/*
 * Mass inside: what share of the map's positive values lies in the person's own region.
 *
 *     sum over the region of max(m, 0) / sum of max(m, 0);   0 where nothing is positive
 *
 * Arras et al., "CLEVR-XAI", 2020, arXiv 2003.07258 (relevance mass accuracy); quantus.AttributionLocalisation, which adds
 * 1e-9 to the sum.
 */
#include "expected.h"

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    (void)params;
    (void)state;
    size_t n = (size_t)g->height * (size_t)g->width;
    bool *inside = XAI_NEW(g->scratch, bool, n);
    double sum = 0, within = 0;
    if (!inside) XAI_NO_MEMORY(err);
    xai_expected_pixels(g, inside);
    for (size_t i = 0; i < n; i++) {
        double m = map->values[i] > 0 ? (double)map->values[i] : 0;
        sum += m;
        if (inside[i]) within += m;
    }
    out->value = sum > 0 ? within / sum : 0;
    return XAI_OK;
}

const xai_metric xai_metric_massinside = {
    .info = {.id = "massinside", .title = "Mass inside", .family = "localisation",
             .summary = "What share of what the map says lies where it is expected.",
             .paper = "arXiv:2003.07258", .version = 1, .needs = "expected", .cost = "none", .better = XAI_BETTER_HIGHER,
             .params = XAI_METRIC_PLAIN, .param_count = 1},
    .params_size = sizeof(xai_metric_plain),
    .needs = XAI_METRIC_EXPECTED,
    .run = run,
};
