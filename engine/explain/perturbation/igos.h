/*
 * I-GOS: the search for the mask, for the method `igos` and for whoever wants the mask itself as an order of cells.
 */
#ifndef XAI_EXPLAIN_IGOS_H
#define XAI_EXPLAIN_IGOS_H

#include "explain/method.h"

typedef enum xai_igos_dialect { XAI_IGOS_ORIGINAL, XAI_IGOS_PLAIN, XAI_IGOS_P, XAI_IGOS_PP } xai_igos_dialect;
#define XAI_IGOS_DIALECTS "original|igos|igosp|igospp"
typedef enum xai_igos_search { XAI_IGOS_ARMIJO, XAI_IGOS_NESTEROV } xai_igos_search;

/* The parameters of `igos`, as its table in igos.c describes them. */
typedef struct xai_igos_params {
    int dialect, search, baseline; /* the latter: xai_baseline */
    int64_t grid, iterations, steps, kernel;
    double l1, tv, rate, sigma, noise_sigma;
} xai_igos_params;

/* What the descent came to. */
typedef struct xai_igos_result {
    const double *mask; /* grid * grid, in the task's arena: 1 is shown, 0 shows the baseline */
    float *baseline;    /* as model input */
    int64_t iterations; /* that were complete: fewer where the deadline came, which has marked the result partial */
    double step;        /* of the last iteration */
} xai_igos_result;

/* BAD_PARAM for a grid finer than the model's input. */
xai_status xai_igos_check(const xai_model *model, const void *params, xai_error *err);
/* Forward-equivalents, the base forward not included. */
double xai_igos_cost(const xai_igos_params *params);

/* The method that calls has XAI_PLAN_FORWARD and XAI_PLAN_GRADIENT among its lanes. */
xai_status xai_igos_descend(xai_task *task, const xai_igos_params *params, xai_igos_result *out, xai_error *err);

#endif
