/*
 * Evaluate: the target's value, and its gradients, on many variants of the input or of one layer's activation. Every
 * method that looks at more than the picture itself goes through here. Of the variants of a layer only what follows
 * the layer is run.
 */
#ifndef XAI_EXPLAIN_EVALUATE_H
#define XAI_EXPLAIN_EVALUATE_H

#include "method.h"

/* Writes variant `index` of the varied tensor, whole: all its elements; called on compute threads, in any order. */
typedef void (*xai_variant_fn)(const void *user, size_t index, float *values);

/* The box of the varied tensor in which variant `index` may differ from the base. */
typedef void (*xai_variant_box_fn)(const void *user, size_t index, xai_box *box);

typedef struct xai_variants {
    size_t count;
    xai_variant_fn make;
    const void *user;
    xai_value *of; /* the tensor that varies, a float32 one of the context's program; NULL: the model's input */
    /* NULL: anywhere. Else the variants are run as changed regions, if by xai_region_share that is less work: a rule
     * of the boxes alone (graph/region.h). For variants of which each changes one part. */
    xai_variant_box_fn changed;
} xai_variants;

typedef struct xai_scores {
    float *values; /* count: the target's value */
    int32_t *top1; /* count: the class with the highest score; NULL: not wanted, or the target is no class's */
    const xai_aim *versus; /* another class of the same tensor, and its value on every variant; NULL: not wanted */
    float *versus_values;
    size_t done;   /* leading variants that are complete */
} xai_scores;

/* Evaluates all variants in batches over the pool. Progress: a forward-equivalent for each variant of the input, and
 * for one of a layer the share of the work that follows it. */
xai_status xai_evaluate(xai_context *context, const xai_aim *aim, const xai_variants *variants,
                        xai_scores *scores, xai_error *err);

/*
 * For methods that can stop anywhere: a deadline that passes after at least `enough` variants is not an error:
 * *partial is set, and scores->done says how far it came.
 */
xai_status xai_evaluate_until(xai_context *context, const xai_aim *aim, const xai_variants *variants,
                              size_t enough, xai_scores *scores, bool *partial, xai_error *err);

/* ---------------------------------------------------------------- with gradients (differentiate.c) */

/* What one variant gave; lives as long as the call of xai_take_fn. Lists have an entry for each wanted value. */
typedef struct xai_sample {
    size_t index;
    double value;                  /* the target's */
    const float *const *gradients; /* d target / d value, in the value's shape; NULL: forward only */
    const float *const *data;      /* what the value was; NULL: not asked for */
} xai_sample;

/* Takes the next `count` samples in the order of their indices, each sample once; how many come at a time must leave
 * no trace in the sums. `par` spreads the taking over threads. Called by the thread that called. */
typedef void (*xai_take_fn)(void *user, const xai_sample *samples, size_t count, const xai_par *par);

typedef struct xai_gradients {
    xai_value *const *by; /* wanted: the varied tensor itself, or what depends on it */
    size_t by_count;
    bool data;         /* samples come with the data of the wanted values */
    bool forward_only; /* and without gradients */
    xai_policy policy; /* of the backward passes */
    xai_take_fn take;
    void *user;
    size_t enough; /* > 0: once so many are taken, a deadline is no error; it sets `partial` */
    bool partial;
    size_t done; /* samples that have been taken */
} xai_gradients;

/* Runs every variant forward and backward, in blocks of bounded memory: what is kept does not grow with their count.
 * `variants->changed` is not looked at. Progress: that of xai_evaluate, three times it with gradients. A method whose
 * variants are of the input has 1 << XAI_PLAN_GRADIENT in its `lanes`. */
xai_status xai_differentiate(xai_context *context, const xai_aim *aim, const xai_variants *variants,
                             xai_gradients *gradients, xai_error *err);

#endif
