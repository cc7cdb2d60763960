/*
 * ADCC: one number of three: how little of the probability is lost when the picture is seen through its map (average
 * drop), how alike the map is when that picture is explained (coherency), and how little of the picture the map shows
 * (complexity). Their harmonic mean, 0 to 1; high is good.
 *
 *     3 / (1 / coherency + 1 / (1 - complexity) + 1 / (1 - drop)),   0 if one of the three is 0
 *     coherency = (r + 1) / 2 with Pearson's r of both scaled maps, complexity = mean of the scaled map
 *
 * Poppi et al., "Revisiting the Evaluation of Class Activation Mapping for Explainability", 2021, arXiv 2104.10252; as
 * openvino_xai 1.1 has it, with two differences: it leaves a map alone that lies within 0..1 already, where here every map
 * is scaled to span it; and it multiplies the pixels, which is baseline black (the authors multiply the normalised input:
 * mean, the default). A constant map has no r: it counts as 0.
 */
#include "masked.h"
#include "similarity.h"

#include "image/upsample.h"

typedef struct adcc_params {
    int baseline;
} adcc_params;

static const xai_param PARAMS[] = {
    XAI_P_ENUM(adcc_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, XAI_MASKED_HELP),
};

static xai_metric_cost cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return (xai_metric_cost){.once = 1, .each = 1, .reruns = 1};
}

static double *in_doubles(const float *values, size_t n, xai_arena *arena)
{
    double *out = XAI_NEW(arena, double, n);
    for (size_t i = 0; out && i < n; i++) out[i] = (double)values[i];
    return out;
}

static double mean(const float *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)values[i];
    return sum / (double)n;
}

static double harmonic(double a, double b, double c) { return a > 0 && b > 0 && c > 0 ? 3 / (1 / a + 1 / b + 1 / c) : 0; }

/* The target's value on the picture itself. */
static xai_status prepare(const xai_grading *g, const void *params, void **state, xai_error *err)
{
    (void)params;
    double *value = XAI_NEW(g->arena, double, 1);
    if (!value) XAI_NO_MEMORY(err);
    *state = value;
    return xai_grading_value(g, g->context->input, value, err);
}

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    size_t n = (size_t)g->height * (size_t)g->width;
    float *scaled = XAI_NEW(g->scratch, float, n), *again = XAI_NEW(g->scratch, float, n), *input;
    double seen, whole = *(const double *)state;
    const float *raw;
    if (!scaled || !again) XAI_NO_MEMORY(err);
    if (whole <= 0) {
        out->refusal = "The probability is 0 on the picture itself: there is nothing to lose.";
        return XAI_OK;
    }
    xai_masked_scale(g, map->values, scaled);
    XAI_TRY(xai_masked_input(g, (xai_baseline)((const adcc_params *)params)->baseline, scaled, &input, err));
    XAI_TRY(xai_grading_value(g, input, &seen, err));
    XAI_TRY(xai_grading_again(g, map, &(xai_rerun){.input = input}, &raw, err));
    xai_upsample_bilinear(raw, map->rows, map->cols, again, g->height, g->width, false);
    double *a = in_doubles(scaled, n, g->scratch), *b = in_doubles(again, n, g->scratch);
    if (!a || !b) XAI_NO_MEMORY(err);
    double kept = seen < whole ? seen / whole : 1, coherency = (xai_similarity_linear(a, b, n, NULL) + 1) / 2;
    out->value = harmonic(coherency, 1 - mean(scaled, n), kept);
    return XAI_OK;
}

const xai_metric xai_metric_adcc = {
    .info = {.id = "adcc", .title = "ADCC", .family = "faithfulness",
             .summary = "Average drop, coherency of the map of what it shows, and complexity in one number, 0 to 1.",
             .paper = "arXiv:2104.10252", .version = 1, .needs = "method", .cost = "1 forward, and the method's once more",
             .better = XAI_BETTER_HIGHER, .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(adcc_params),
    .needs = XAI_METRIC_PROBABILITY | XAI_METRIC_METHOD,
    .space = XAI_SPACE_PROBABILITY,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
