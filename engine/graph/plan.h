/*
 * Plan: where every activation and every gradient of a session lives. Lifetimes become offsets in one block, so that
 * a run allocates nothing. Views share the bytes of what they view.
 */
#ifndef XAI_GRAPH_PLAN_H
#define XAI_GRAPH_PLAN_H

#include "part.h"

typedef enum xai_plan_mode {
    XAI_PLAN_FORWARD,  /* activations reuse each other's bytes; only kept ones survive the run */
    XAI_PLAN_GRADIENT, /* every activation survives; gradients reuse each other's bytes */
    XAI_PLAN_KEEP,     /* every activation survives; no gradients */
    XAI_PLAN_MODES
} xai_plan_mode;

typedef struct xai_plan {
    size_t bytes;         /* of the whole block */
    size_t slots;         /* samples side by side; of one value they lie `xai_plan_step` bytes apart */
    size_t *data_offset;  /* by value id; SIZE_MAX: constant, or no value of the part */
    size_t *grad_offset;  /* by value id; SIZE_MAX: no gradient; for GRADIENT mode */
} xai_plan;

/* Bytes from one slot of a value to the next. */
size_t xai_plan_step(const xai_value *value);

/* A plan for a part of the program, whose inputs survive every run, with as many slots as the caller has set in
 * out->slots. `kept` by value id; `together` by position in the part: how many nodes run as one from there on (0:
 * within such); what lies between those has no place. The arrays of the plan live in the arena. TOO_LARGE beyond the
 * memory limit. */
xai_status xai_plan_make(const xai_program *program, const xai_part *part, xai_plan_mode mode, const bool *kept,
                         const int *together, xai_arena *arena, xai_plan *out, xai_error *err);

#endif
