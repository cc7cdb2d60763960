/*
 * The picture seen through the map: each pixel faded towards a baseline, by the map scaled to 0..1.
 *
 *     b + s (x - b),   s = (m - min m) / (max m - min m);  a map that is the same everywhere shows nothing: s = 0
 */
#ifndef XAI_METRICS_MASKED_H
#define XAI_METRICS_MASKED_H

#include "metric.h"

#define XAI_MASKED_HELP "What the picture fades to where the map is low; mean: 0 in the normalised input."

/* scaled[height * width] = s. */
void xai_masked_scale(const xai_grading *grading, const float *values, float *scaled);

/* A whole input, in the scratch arena. */
xai_status xai_masked_input(const xai_grading *grading, xai_baseline baseline, const float *scaled, float **out,
                            xai_error *err);

/* ---- metrics that look at the target's value on it */

typedef struct xai_masked_metric_params {
    XAI_METRIC_COMMON;
    int baseline;
} xai_masked_metric_params;

enum { XAI_MASKED_METRIC_PARAM_COUNT = 2 };
extern const xai_param XAI_MASKED_METRIC_PARAMS[XAI_MASKED_METRIC_PARAM_COUNT];

/* One forward for every map. */
xai_metric_cost xai_masked_metric_cost(const xai_model *model, const void *params);

/* That value, by the context's lanes. */
xai_status xai_masked_value(const xai_grading *grading, const xai_masked_metric_params *params,
                            const xai_graded *map, double *value, xai_error *err);

#endif
