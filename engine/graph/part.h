/*
 * Part: the nodes of a program that depend on one of its values, the cut, and what they read from before it.
 *
 * A session of a part has buffers for that part alone. Its inputs are the cut, which is given anew for every run, and
 * the border: values that are made before the cut and read after it (skip connections around it), as a base run left
 * them. So many variants of one layer's activation share everything before it, which is run once.
 */
#ifndef XAI_GRAPH_PART_H
#define XAI_GRAPH_PART_H

#include "program.h"

typedef struct xai_part {
    xai_node *const *nodes; /* in order of execution */
    int node_count;
    xai_value *const *inputs; /* the cut, then the border */
    int input_count;
} xai_part;

/* The part of the program after `cut`, as far as the `wanted` values need it; in the arena. */
xai_status xai_part_after(const xai_program *program, xai_value *cut, xai_value *const *wanted, size_t wanted_count,
                          xai_arena *arena, xai_part *out, xai_error *err);

/* The first node that runs several samples at once (xai_op.forward_slots); node_count: there is none. */
int xai_part_first_shared(const xai_part *part);

/* The whole program as a part. */
static inline xai_part xai_part_whole(const xai_program *p)
{
    return (xai_part){p->nodes, p->node_count, p->inputs, p->input_count};
}

#endif
