/*
 * Channels last, pixel by pixel: tensors joined along their channels, with a line of its own for every channel, and a
 * clamp. So Concat and BatchNormalization run by themselves, and [Concat ->] BatchNormalization [-> Relu | Clip] as one
 * where nobody keeps what lies between (graph/chain.c): dense blocks are made of these.
 */
#ifndef XAI_OPS_PIXEL_JOIN_H
#define XAI_OPS_PIXEL_JOIN_H

#include "op.h"

typedef struct xai_pixel_join {
    const xai_node *node; /* whose inputs are joined */
    int inputs;           /* the first of them */
    const float *scale, *shift; /* by channel of the output; NULL: the inputs as they are, without a clamp */
    xai_clamp clamp;
    float *out;
} xai_pixel_join;

void xai_pixel_join_run(const xai_pixel_join *join, const xai_exec *exec);

/* Whether b can run with a, whose output is its input; and `count` such nodes as one. After prepare. */
bool xai_pixel_join_chains(const xai_node *a, const xai_node *b);
void xai_pixel_join_chain_run(xai_node *const *nodes, int count, const xai_exec *exec);

#endif
