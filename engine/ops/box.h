/*
 * Box: a part of a tensor, an interval on every axis. By boxes a change is followed through the graph: which part of
 * an output depends on a part of an input (xai_op.reach), and how to compute no more than that (xai_op.forward_box).
 */
#ifndef XAI_OPS_BOX_H
#define XAI_OPS_BOX_H

#include "tensor/tensor.h"

typedef struct xai_box {
    int64_t low[XAI_MAX_RANK], end[XAI_MAX_RANK]; /* `end` is behind the last; empty where an end is not above its low */
} xai_box;

xai_box xai_box_whole(const xai_shape *shape);
int64_t xai_box_count(const xai_box *box, int rank); /* elements; 0: empty */
/* The smallest box that holds both; an empty one adds nothing. */
void xai_box_join(xai_box *box, const xai_box *other, int rank);
/* Cuts off what lies outside the shape. */
void xai_box_clip(xai_box *box, const xai_shape *shape);

/* A 4-D tensor that lies channels last, as its bytes lie: N, H, W, C. */
xai_box xai_box_turned(const xai_box *box);
xai_shape xai_shape_turned(const xai_shape *shape);

/* A row along the last axis: `index` says where it begins, `at` is its first element in the tensor. */
typedef void (*xai_box_row)(void *context, const int64_t *index, int64_t at, int64_t n);

/* Calls `row` for every row of the box in a dense tensor, in order, on this thread. A scalar has one row. */
void xai_box_rows(const xai_box *box, const xai_shape *shape, xai_box_row row, void *context);

/* Copies the box between two dense tensors of the same shape, elements of `size` bytes. */
void xai_box_copy(const xai_box *box, const xai_shape *shape, const void *from, void *to, size_t size);

#endif
