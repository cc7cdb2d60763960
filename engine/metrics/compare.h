/* One metric on one target: the yardsticks' values, found once for all maps of a size, and the grade of a map. */
#ifndef XAI_METRICS_COMPARE_H
#define XAI_METRICS_COMPARE_H

#include "plan.h"

/* A curve that is kept: the first line of a finding; count 0: there is none. */
typedef struct xai_kept_line {
    double *x, *y;
    size_t count;
} xai_kept_line;

/* What random maps of one size got. */
typedef struct xai_random_grades {
    int rows, cols;
    double *values; /* item->random */
    size_t count;   /* less where the metric refuses some */
    xai_kept_line mean;
    struct xai_random_grades *next;
} xai_random_grades;

typedef struct xai_comparison {
    const xai_metric_item *item;
    xai_grading *grading; /* its scratch is made anew for every map */
    void *state;
    bool edges_known;
    double edges; /* NaN: refused */
    xai_kept_line edge_line;
    xai_random_grades *random;
} xai_comparison;

/* Runs the metric's preparation. */
xai_status xai_comparison_init(xai_comparison *comparison, const xai_metric_item *item, xai_grading *grading,
                               xai_error *err);

/* Grades a map: fills *out, and adds number and curve to the explanation; both live in the arena. */
xai_status xai_comparison_grade(xai_comparison *comparison, const xai_graded *map, xai_explanation *explanation,
                                xai_arena *arena, xai_grade *out, xai_error *err);

#endif
