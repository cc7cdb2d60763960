/*
 * Scattering: a copy of the data in which updates stand at, or are added to, places that are known when the model is
 * loaded. Where updates overwrite each other the last one stays, and the gradient is its own.
 */
#ifndef XAI_OPS_SCATTERING_H
#define XAI_OPS_SCATTERING_H

#include "pick.h"

typedef enum xai_scatter_reduction {
    XAI_SCATTER_NONE,
    XAI_SCATTER_ADD,
    XAI_SCATTER_MUL, /* these three for constants alone: they have no gradient */
    XAI_SCATTER_MAX,
    XAI_SCATTER_MIN
} xai_scatter_reduction;

typedef struct xai_scatter {
    xai_pick to; /* by block of the updates: block of the output; -1: overwritten by a later one */
    const bool *covered; /* by block of the output: an update stands there; NULL: they are joined to what does */
    xai_scatter_reduction reduction;
} xai_scatter;

/* Reads `reduction`, checks types and the number of updates against `to`, which is given; sets the output. */
xai_status xai_scatter_setup(xai_node *node, xai_setup *setup, const xai_pick *to, xai_error *err);
void xai_scatter_forward(const xai_node *node, const xai_exec *exec);
void xai_scatter_backward(const xai_node *node, const xai_exec *exec);

#define XAI_SCATTER_OP(name, type_, setup_, cases_)                                                        \
    const xai_op xai_op_##name = {                                                                         \
        .type = (type_), .min_in = 3, .max_in = 3, .max_out = 1, .state_size = sizeof(xai_scatter),        \
        .setup = (setup_), .forward = xai_scatter_forward, .backward = xai_scatter_backward,               \
        .cases = (cases_),                                                                                 \
    }

/* Setup of ScatterElements, which in opset 9 was called Scatter. */
xai_status xai_scatter_elements_setup(xai_node *node, xai_setup *setup, xai_error *err);

#endif
