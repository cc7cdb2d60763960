/*
 * Shared: what one request computes once though several of its methods or targets ask for it: gradients at the base
 * input; and of a method whose variants are the same for every target what the model said of them, and its gradients
 * for all targets.
 *
 * Nothing here changes a result; it is a record of numbers that would come out the same. What was found here counts as
 * `reused`, so that a receipt can say what a result rests on and what was in fact run. Records beyond XAI_SHARED_MOST
 * bytes are not kept.
 */
#ifndef XAI_EXPLAIN_SHARED_H
#define XAI_EXPLAIN_SHARED_H

#include "target.h"

#define XAI_SHARED_MOST ((size_t)256 << 20)

/* Gradients of an aim by one value under one policy; `next` is older. */
typedef struct xai_gradient_record {
    xai_aim aim;
    xai_policy policy;
    const xai_value *by;
    struct xai_gradient_record *next;
    float values[];
} xai_gradient_record;

/* What the aims' tensor held at each variant that one method ran, in the order in which it ran them. */
typedef struct xai_variant_record {
    const xai_value *value; /* the aims' tensor; NULL: nothing is recorded */
    float *data;            /* `count` times its elements */
    size_t count;           /* variants that are recorded */
    size_t room;
    size_t at;              /* the next variant of the method and target that runs now */
} xai_variant_record;

/* What xai_differentiate found for a target that is still to come: a sample's floats after the other's. */
typedef struct xai_sample_record {
    xai_aim aim;
    size_t call; /* which of the method's calls it answers, from 0 */
    size_t count, elements, room; /* samples that are complete; floats of one; bytes of all */
    double *values;               /* the target's */
    float *floats;
    struct xai_sample_record *next;
} xai_sample_record;

typedef struct xai_shared {
    size_t bytes;
    xai_gradient_record *gradients;
    xai_variant_record variants;
    xai_sample_record *samples;
    size_t calls;          /* of xai_differentiate by the method and target that runs now */
    const xai_aim *others; /* the targets that will run the same variants after this one */
    size_t other_count;
} xai_shared;

void xai_shared_deinit(xai_shared *shared);

/* The recorded gradient, or NULL. */
const float *xai_shared_gradient(const xai_shared *shared, const xai_aim *aim, xai_policy policy, const xai_value *by);

/* Records a gradient, if there is room. */
xai_status xai_shared_add_gradient(xai_shared *shared, const xai_aim *aim, xai_policy policy, const xai_value *by,
                                   const float *values, xai_error *err);

/* The base input is another. */
void xai_shared_forget_gradients(xai_shared *shared);

/* A method begins with another target. `again`: with the variants that it has just run for the one before; `others`: the
 * targets that will follow and run the same. */
void xai_shared_next_target(xai_shared *shared, bool again, const xai_aim *others, size_t other_count);

/* What the aims' tensor held at the next `count` variants, a variant's elements after the other's; NULL: they are not
 * recorded, all of them. */
const float *xai_shared_variants(const xai_shared *shared, const xai_value *value, size_t count);

/* Room for what the next `count` variants give; NULL: they are not to be recorded. */
xai_status xai_shared_record(xai_shared *shared, const xai_value *value, size_t count, float **out, xai_error *err);

/* The method has gone past `count` variants, all of which are in the record if there is one. */
void xai_shared_advance(xai_shared *shared, size_t count);

/* The samples that this call of xai_differentiate is to give, all `count` of them; NULL: they are not recorded. */
const xai_sample_record *xai_shared_samples(const xai_shared *shared, const xai_aim *aim, size_t count, size_t elements);

/* Room for the samples that the same call will give for another aim; *out NULL: they are not to be recorded. */
xai_status xai_shared_add_samples(xai_shared *shared, const xai_aim *aim, size_t count, size_t elements,
                                  xai_sample_record **out, xai_error *err);

#endif
