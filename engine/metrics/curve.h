/*
 * Insertion and deletion curves: pixels change from one picture to another, the map's strongest first, and the target's
 * value is followed. Petsiuk et al., "RISE", 2018, arXiv 1806.07421, section 4.2, as in the authors' CausalMetric.
 */
#ifndef XAI_METRICS_CURVE_H
#define XAI_METRICS_CURVE_H

#include "metric.h"

typedef struct xai_change {
    const float *from, *to; /* whole inputs, in the model's layout */
    int64_t step;           /* pixels that change at a time */
} xai_change;

/* How many times the model is asked: after every step, the last one perhaps shorter, and before the first. */
size_t xai_change_points(const xai_change *change, int height, int width);

/* That, on the model's own input: what a map costs. */
xai_metric_cost xai_change_cost(const xai_model *model, int64_t step);

/* Follows the change in the order of `map`, equal pixels by index: fills out's value, the area under the line by the
 * trapezoid rule with equal steps, 0 to 1 for a probability, and its line. */
xai_status xai_change_follow(const xai_grading *grading, const xai_change *change, const xai_graded *map,
                             xai_finding *out, xai_error *err);

#endif
