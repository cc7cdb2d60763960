/*
 * Intersection over union of the person's own region with the map's strongest pixels, as many as the region has. Of equally
 * strong pixels the first count.
 *
 * The share of them that lies inside is the relevance rank accuracy of Arras et al., 2020, arXiv 2003.07258
 * (quantus.RelevanceRankAccuracy): r / (2 - r) is the same as the overlap.
 */
#include "expected.h"

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    (void)params;
    (void)state;
    size_t n = (size_t)g->height * (size_t)g->width, common = 0;
    bool *inside = XAI_NEW(g->scratch, bool, n);
    uint32_t *order = XAI_NEW(g->scratch, uint32_t, n);
    if (!inside || !order) XAI_NO_MEMORY(err);
    size_t count = xai_expected_pixels(g, inside);
    if (!count) {
        out->refusal = "The region is smaller than a pixel of the model's input.";
        return XAI_OK;
    }
    xai_order_descending(map->values, n, order);
    for (size_t i = 0; i < count; i++) common += inside[order[i]];
    out->value = (double)common / (double)(2 * count - common);
    return XAI_OK;
}

const xai_metric xai_metric_iou = {
    .info = {.id = "iou", .title = "Overlap (IoU)", .family = "localisation",
             .summary = "How far the strongest pixels, as many as are expected, are the expected ones: intersection over "
                        "union.",
             .paper = "arXiv:2003.07258", .version = 1, .needs = "expected", .cost = "none", .better = XAI_BETTER_HIGHER,
             .params = XAI_METRIC_PLAIN, .param_count = 1},
    .params_size = sizeof(xai_metric_plain),
    .needs = XAI_METRIC_EXPECTED,
    .run = run,
};
