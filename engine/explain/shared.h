/*
 * Shared: what one request computes once though several of its methods or targets ask for it: gradients at the base
 * input, and what the model said of the variants of a method whose variants are the same for every target.
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

typedef struct xai_shared {
    size_t bytes;
    xai_gradient_record *gradients;
    xai_variant_record variants;
    bool recording; /* another target will run the same variants */
} xai_shared;

void xai_shared_deinit(xai_shared *shared);

/* The recorded gradient, or NULL. */
const float *xai_shared_gradient(const xai_shared *shared, const xai_aim *aim, xai_policy policy, const xai_value *by);

/* Records a gradient, if there is room. */
xai_status xai_shared_add_gradient(xai_shared *shared, const xai_aim *aim, xai_policy policy, const xai_value *by,
                                   const float *values, xai_error *err);

/* A method begins with another target. `again`: with the variants that it has just run for the one before; `more`:
 * another target will follow that runs the same. */
void xai_shared_next_target(xai_shared *shared, bool again, bool more);

/* What the aims' tensor held at the next `count` variants, a variant's elements after the other's; NULL: they are not
 * recorded, all of them. */
const float *xai_shared_variants(const xai_shared *shared, const xai_value *value, size_t count);

/* Room for what the next `count` variants give; NULL: they are not to be recorded. */
xai_status xai_shared_record(xai_shared *shared, const xai_value *value, size_t count, float **out, xai_error *err);

/* The method has gone past `count` variants, all of which are in the record if there is one. */
void xai_shared_advance(xai_shared *shared, size_t count);

#endif
