/*
 * Pointing game: 1 if the map's strongest pixel lies in the person's own region or at most `tolerance` pixels from it,
 * else 0. Of equally strong pixels the first counts.
 *
 * Zhang et al., "Top-down Neural Attention by Excitation Backprop", 2016, arXiv 1608.00507, section 4.1 (15 pixels);
 * TorchRay's PointingGame. Quantus's has no tolerance, and hits if any of the strongest pixels does.
 */
#include "expected.h"

typedef struct pointing_params {
    XAI_METRIC_COMMON;
    int64_t tolerance;
} pointing_params;

static const xai_param PARAMS[] = {
    XAI_METRIC_PARAM(pointing_params),
    XAI_P_INT(pointing_params, tolerance, 15, 0, 1024, "Pixels that the strongest one may lie outside."),
};

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    (void)state;
    const pointing_params *p = params;
    int64_t width = g->width, at = 0, far = p->tolerance * p->tolerance;
    bool *inside = XAI_NEW(g->scratch, bool, (size_t)g->height * (size_t)g->width);
    if (!inside) XAI_NO_MEMORY(err);
    xai_expected_pixels(g, inside);
    for (int64_t i = 1; i < (int64_t)g->height * width; i++)
        if (map->values[i] > map->values[at]) at = i;
    for (int64_t i = 0; i < (int64_t)g->height * width && out->value == 0; i++) {
        int64_t dy = i / width - at / width, dx = i % width - at % width;
        if (inside[i] && dy * dy + dx * dx <= far) out->value = 1;
    }
    return XAI_OK;
}

const xai_metric xai_metric_pointing = {
    .info = {.id = "pointing", .title = "Pointing game", .family = "localisation",
             .summary = "Whether the strongest pixel lies where it is expected, or near it: 1 or 0.",
             .paper = "arXiv:1608.00507", .version = 1, .needs = "expected", .cost = "none", .better = XAI_BETTER_HIGHER,
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(pointing_params),
    .needs = XAI_METRIC_EXPECTED,
    .run = run,
};
