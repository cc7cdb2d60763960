/* Pictures seen through maps. Belongs to the thread of the grading. */
#include "masked.h"

#include <string.h>

static const double SIGMA = 10; /* of the blurred baseline, in pixels */

void xai_masked_scale(const xai_grading *g, const float *values, float *scaled)
{
    size_t n = (size_t)g->height * (size_t)g->width;
    float low = values[0], high = values[0];
    for (size_t i = 1; i < n; i++) {
        if (values[i] < low) low = values[i];
        if (values[i] > high) high = values[i];
    }
    double range = (double)high - (double)low;
    for (size_t i = 0; i < n; i++) scaled[i] = range > 0 ? (float)(((double)values[i] - (double)low) / range) : 0;
}

xai_status xai_masked_input(const xai_grading *g, xai_baseline baseline, const float *scaled, float **out, xai_error *err)
{
    const xai_context *c = g->context;
    float *input = XAI_NEW(g->scratch, float, c->input_count);
    if (!input) XAI_NO_MEMORY(err);
    XAI_TRY(xai_context_baseline(c, baseline, SIGMA, input, err));
    for (size_t ch = 0; ch < (size_t)c->channels; ch++)
        for (size_t y = 0; y < (size_t)c->height; y++)
            for (size_t x = 0; x < (size_t)c->width; x++) {
                size_t at = ch * c->channel_stride + y * c->row_stride + x * c->x_stride;
                input[at] += scaled[y * (size_t)c->width + x] * (c->input[at] - input[at]);
            }
    *out = input;
    return XAI_OK;
}

typedef struct copy {
    const float *input;
    size_t count;
} copy;

static void make(const void *user, size_t index, float *values)
{
    (void)index;
    const copy *k = user;
    memcpy(values, k->input, k->count * sizeof *values);
}

const xai_param XAI_MASKED_METRIC_PARAMS[XAI_MASKED_METRIC_PARAM_COUNT] = {
    XAI_METRIC_PARAM(xai_masked_metric_params),
    XAI_P_ENUM(xai_masked_metric_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, XAI_MASKED_HELP),
};

xai_metric_cost xai_masked_metric_cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return (xai_metric_cost){.each = 1};
}

xai_status xai_masked_value(const xai_grading *g, const xai_masked_metric_params *params, const xai_graded *map,
                            double *value, xai_error *err)
{
    float score = 0, *scaled = XAI_NEW(g->scratch, float, (size_t)g->height * (size_t)g->width), *input;
    if (!scaled) XAI_NO_MEMORY(err);
    xai_masked_scale(g, map->values, scaled);
    XAI_TRY(xai_masked_input(g, (xai_baseline)params->baseline, scaled, &input, err));
    copy k = {input, g->context->input_count};
    xai_scores scores = {.values = &score};
    XAI_TRY(xai_evaluate(g->context, &g->aim, &(xai_variants){.count = 1, .make = make, .user = &k}, &scores, err));
    *value = (double)score;
    return XAI_OK;
}
