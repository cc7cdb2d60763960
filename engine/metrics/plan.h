/* The metrics of a request, read and checked: what is run, and what it costs. */
#ifndef XAI_METRICS_PLAN_H
#define XAI_METRICS_PLAN_H

#include "metric.h"

/* One metric of the request. */
typedef struct xai_metric_item {
    const xai_metric *metric;
    void *params;     /* defaults filled in */
    int64_t random;   /* random maps to compare with, if it is compared */
    bool compared;    /* with random maps and the picture's edges */
    const char *name; /* its id, or id-2, id-3 when it is asked for again */
    xai_metric_cost cost;
} xai_metric_item;

typedef struct xai_metric_plan {
    const xai_request *request;
    xai_metric_item *items;
    size_t count;
    size_t target_count;  /* at least 1 */
    unsigned lanes;       /* of all items together */
} xai_metric_plan;

/* Everything is in the arena. Errors: UNKNOWN_METRIC, BAD_PARAM, UNSUPPORTED. */
xai_status xai_metric_plan_make(xai_metric_plan *plan, const xai_request *request, xai_arena *arena, xai_error *err);

/* What the grades of `maps` maps on one target cost, of which there are `grids` different sizes. `method`: what one map
 * cost its method. */
double xai_metric_item_cost(const xai_metric_item *item, size_t maps, size_t grids, double method);

#endif
