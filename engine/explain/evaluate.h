/*
 * Evaluate: the target's value, and its gradients, on many variants of the input or of one layer's activation. Every
 * perturbation method goes through here. Of the variants of a layer only what follows the layer is run.
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
    float *gradients; /* count x elements of the varied tensor: d target / d tensor at each variant; may be NULL */
    xai_policy policy; /* of the gradients */
    size_t done;   /* leading variants that are complete */
} xai_scores;

/* Evaluates all variants in batches over the pool. Progress: a forward-equivalent for each variant of the input, and
 * for one of a layer the share of the work that follows it; three times that with gradients. */
xai_status xai_evaluate(xai_context *context, const xai_aim *aim, const xai_variants *variants,
                        xai_scores *scores, xai_error *err);

/*
 * For methods that can stop anywhere: a deadline that passes after at least `enough` variants is not an error:
 * *partial is set, and scores->done says how far it came.
 */
xai_status xai_evaluate_until(xai_context *context, const xai_aim *aim, const xai_variants *variants,
                              size_t enough, xai_scores *scores, bool *partial, xai_error *err);

#endif
