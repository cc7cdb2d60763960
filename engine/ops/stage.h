/*
 * Stage: runs a node on other data than its values have.
 *
 * The node is copied, and stand-ins take the place of its values, one for each input and output (a value that is read
 * twice has two), so that any of them can be given other bytes. Tangents and relevance are made of such runs.
 */
#ifndef XAI_OPS_STAGE_H
#define XAI_OPS_STAGE_H

#include "op.h"

typedef struct xai_stage {
    xai_node node;  /* to be run: its values are the stand-ins */
    void **data;    /* of input i at [i], of output k at [node.in_count + k] */
    float **grads;  /* in the same order */
    float *zeros;   /* enough for any input of a linear node, and the first of a bilinear one; only read */
    float *spare;   /* enough for the output of any bilinear node */
    xai_value *values;
    xai_value **in, **out;
} xai_stage;

/* Room for any of these nodes; the stage lives as long as the arena. */
xai_status xai_stage_new(xai_node *const *nodes, int count, xai_arena *arena, xai_stage **out, xai_error *err);

/* Puts the node up: data as in `exec`, no gradients. */
void xai_stage_set(xai_stage *stage, const xai_node *node, const xai_exec *exec);

static inline void xai_stage_leave_out(xai_stage *stage, int input) { stage->in[input] = NULL; }
static inline int xai_stage_out(const xai_stage *stage, int k) { return stage->node.in_count + k; }

/* One pass of the node that is up; threads and scratch as in `exec`. */
void xai_stage_forward(const xai_stage *stage, const xai_exec *exec, bool homogeneous);
void xai_stage_backward(const xai_stage *stage, const xai_exec *exec);

#endif
