/*
 * Picking: every block of the output is a block of the input, or zeros. Which one is known when the model is loaded.
 * The gradient of a block that is picked several times is summed in the order of the output.
 */
#ifndef XAI_OPS_PICK_H
#define XAI_OPS_PICK_H

#include "op.h"

typedef struct xai_pick {
    int64_t count, block; /* blocks of the output; elements of each */
    const int64_t *from;  /* by block of the output: block of the input, or -1: zeros */
} xai_pick;

/* Forward and backward of operators whose state begins with an xai_pick. Any type; gradients for float32. */
void xai_pick_forward(const xai_node *node, const xai_exec *exec);
void xai_pick_backward(const xai_node *node, const xai_exec *exec);

/* Element i of constant integers as an index of an axis of n, negative ones from the end; -1: out of range. */
int64_t xai_pick_index(const xai_tensor *indices, int64_t i, int64_t n);

/* Input i as constant int32 or int64 indices. */
xai_status xai_pick_indices(const xai_node *node, int i, const xai_tensor **out, xai_error *err);

/*
 * For each element of `indices`, taken as coordinate of `axis`, its other coordinates being its own: the place in a
 * dense tensor of the shape `data`. Every other axis of `indices` must be as long as that of data, or shorter.
 */
xai_status xai_pick_elements(const xai_node *node, xai_setup *setup, const xai_shape *data, const xai_tensor *indices,
                             int axis, const int64_t **out, xai_error *err);

/*
 * For each row of the last axis of `indices`, taken as coordinates of the axes of `data` behind the first `batch`,
 * which both share: the number of the block that they name. Writes the number of rows and the size of a block.
 */
xai_status xai_pick_rows(const xai_node *node, xai_setup *setup, const xai_shape *data, const xai_tensor *indices,
                         int batch, xai_pick *out, xai_error *err);

#endif
