/*
 * Evaluate: the target's value on many variants of the input. Every perturbation method goes through here.
 */
#ifndef XAI_EXPLAIN_EVALUATE_H
#define XAI_EXPLAIN_EVALUATE_H

#include "method.h"

/* Writes variant `index` of the model's input (input_count floats); called on compute threads, in any order. */
typedef void (*xai_variant_fn)(const void *user, size_t index, float *input);

typedef struct xai_variants {
    size_t count;
    xai_variant_fn make;
    const void *user;
} xai_variants;

typedef struct xai_scores {
    float *values; /* count: the target's value */
    int32_t *top1; /* count: the class with the highest score; may be NULL, and is where the target is none of a class */
    size_t done;   /* leading variants that are complete */
} xai_scores;

/* Evaluates all variants in batches over the pool. One forward-equivalent each. */
xai_status xai_evaluate(xai_context *context, const xai_aim *aim, const xai_variants *variants,
                        xai_scores *scores, xai_error *err);

/*
 * For methods that can stop anywhere: a deadline that passes after at least `enough` variants is not an error:
 * *partial is set, and scores->done says how far it came.
 */
xai_status xai_evaluate_until(xai_context *context, const xai_aim *aim, const xai_variants *variants,
                              size_t enough, xai_scores *scores, bool *partial, xai_error *err);

#endif
