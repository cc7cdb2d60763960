/*
 * Surrogate: the linear function of a coalition's members that comes nearest to what the network says of it.
 *
 *     minimise  sum_i w_i (v_i - b0 - sum_j b_j x_ij)^2 + ridge sum_j b_j^2
 *
 * The intercept b0 is free. Without ridge and with too few samples for one answer: the shortest b.
 */
#ifndef XAI_EXPLAIN_PERTURBATION_SURROGATE_H
#define XAI_EXPLAIN_PERTURBATION_SURROGATE_H

#include "coalitions.h"

typedef struct xai_surrogate {
    double *coefficients; /* a feature's; in the task's arena */
    double intercept;
    double r2;   /* weighted: 1 is a perfect fit; 1 where nothing varies and that is met, else 0 */
    size_t rank; /* of the normal equations: fewer than features, and the answer is one of many */
} xai_surrogate;

/* Of the first `count` samples; weights[count]. */
xai_status xai_surrogate_fit(const xai_coalitions *c, size_t count, const double *weights, double ridge,
                             xai_task *task, xai_surrogate *out, xai_error *err);

#endif
