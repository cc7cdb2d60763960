/*
 * The anatomy of a metric: one file, one `const xai_metric xai_metric_<id>`, one line in metrics.def.
 *
 * A metric gets a grading (one picture, one target), its parameters as the struct that its table describes, and a map
 * over the model's input; it gives one number, and if it has one a curve. What depends on picture and target alone is
 * found once, by `prepare`, for all maps: those of the methods, and those that the grades are compared with (see
 * yardstick.h). Variants of the picture are run by xai_evaluate (explain/evaluate.h): batches, threads, progress,
 * cancel and deadline are there. A metric that runs the method again, on another picture or other weights, does so by
 * xai_grading_again.
 *
 * What is graded is always a map: one number a place. Methods that know more (a part for each colour) are seen by
 * their map alone, so that all are measured alike.
 */
#ifndef XAI_METRICS_METRIC_H
#define XAI_METRICS_METRIC_H

#include "explain/evaluate.h"

/* Most bytes of what a grading holds, and of what it holds for one map: each is an arena of so many. */
#define XAI_GRADE_MEMORY ((size_t)2 << 30)

/* One picture and one target of it. */
typedef struct xai_grading {
    const xai_request *request;
    xai_context *context; /* of the picture: its input, its base forward, lanes for variants */
    xai_aim aim;          /* the target, in the metric's space unless the request says another */
    double base;          /* its value on the picture */
    uint64_t seed;        /* the request's */
    int height, width;    /* of the model's input, and of every map's values */
    const float *expected; /* height x width: how much of each pixel lies where a person expects the evidence, 0 to 1;
                            * NULL: nobody has said */
    xai_arena *arena;     /* as long as the grading: for what `prepare` finds */
    xai_arena *scratch;   /* as long as one map's grade */
} xai_grading;

/* A map to grade. */
typedef struct xai_graded {
    const float *values; /* height x width of the input: resampled bilinearly with half-pixel centres */
    const float *raw;    /* rows x cols: as it was given */
    int rows, cols;
    const xai_explanation *explanation; /* whose map it is; NULL: one of those that grades are compared with */
    const xai_method_call *call;        /* that made it; NULL: none did, it was given or is compared with */
} xai_graded;

enum { XAI_FINDING_LINES = 4 };

/* A line of a curve: `count` points, in the scratch arena or longer. */
typedef struct xai_line {
    const char *name; /* "insertion"; NULL: the curve has one line */
    const double *x, *y;
    size_t count;
} xai_line;

/* What a metric says of a map. */
typedef struct xai_finding {
    double value;        /* finite */
    const char *refusal; /* why there is none, a sentence for people: then value and lines are not looked at */
    const char *note;    /* what people should know about the value: becomes a warning; NULL: nothing */
    xai_line lines[XAI_FINDING_LINES];
    size_t line_count;
    const char *x_label, *y_label;
} xai_finding;

typedef enum xai_metric_need {
    XAI_METRIC_PROBABILITY = 1, /* the target is a class's probability, whole or inside a box or mask */
    XAI_METRIC_METHOD = 2,      /* it runs the method again: nothing to compare with, no lanes of its own */
    XAI_METRIC_EXPECTED = 4,    /* a person's own region */
} xai_metric_need;

/* Forward-equivalents beside the base forward; a backward counts 2. */
typedef struct xai_metric_cost {
    double once;   /* for a picture and target: what `prepare` runs */
    double each;   /* for each map */
    double reruns; /* how often it runs the method again, for each map of a method */
} xai_metric_cost;

typedef struct xai_metric {
    xai_metric_info info;
    size_t params_size;
    unsigned needs;  /* xai_metric_need bits */
    unsigned lanes;  /* 1 << xai_plan_mode: in which modes it runs variants of the input */
    xai_space space; /* of the target by default */
    /* What the table cannot say: relations between parameters, or with the model. May be NULL. */
    xai_status (*check)(const xai_model *model, const void *params, xai_error *err);
    xai_metric_cost (*cost)(const xai_model *model, const void *params); /* NULL: it runs nothing */
    /* What it needs to know of picture and target, whatever the map: *state goes to every run. May be NULL. */
    xai_status (*prepare)(const xai_grading *grading, const void *params, void **state, xai_error *err);
    xai_status (*run)(const xai_grading *grading, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err);
} xai_metric;

/* The metric of this info, which is its first member. */
static inline const xai_metric *xai_metric_of(const xai_metric_info *info) { return (const xai_metric *)info; }

/* The parameters of every metric begin with this one, XAI_METRIC_COMMON in the struct and XAI_METRIC_PARAM in the table;
 * but for those of XAI_METRIC_METHOD, which compare with nothing. */
#define XAI_METRIC_COMMON int64_t random
#define XAI_METRIC_PARAM(s) \
    XAI_P_INT(s, random, 20, 0, 1000, "Random maps to compare with: the percentile is among them. 0: nothing is compared, the edges neither.")

/* Those of a metric that has no other. */
typedef struct xai_metric_plain {
    XAI_METRIC_COMMON;
} xai_metric_plain;
extern const xai_param XAI_METRIC_PLAIN[1];

/* What is different when a method runs again; NULL: as it was. */
typedef struct xai_rerun {
    const float *input;       /* another one, whole, in the model's layout */
    xai_model *model;         /* another one of the same input and output shapes */
    const xai_target *target; /* another one, checked */
} xai_rerun;

/* The map that its call gives then, with the request's seed. *out, in the scratch arena, has the rows and columns of
 * map->raw, or the error says that it has not. Progress is the method's own. */
xai_status xai_grading_again(const xai_grading *grading, const xai_graded *map, const xai_rerun *rerun, const float **out,
                             xai_error *err);

/* The target's value on another input, for metrics that have no lanes: nothing is held afterwards. */
xai_status xai_grading_value(const xai_grading *grading, const float *input, double *value, xai_error *err);

/* ---- order of pixels */

/* order[count]: the indices of `values` from the largest to the smallest, equal ones by index. */
void xai_order_descending(const float *values, size_t count, uint32_t *order);

#endif
