/*
 * Loop nests: an output and up to three inputs walked together, each with its own strides.
 *
 * Broadcasting is a stride of 0, slicing an offset and a step, transposing a permutation of strides, tiling an axis
 * in two. Operand 0 is the output. Neighbouring axes that all operands walk alike are merged, so that most nests
 * become one or two loops.
 */
#ifndef XAI_OPS_NEST_H
#define XAI_OPS_NEST_H

#include "op.h"

enum { XAI_NEST_RANK = 2 * XAI_MAX_RANK, XAI_NEST_OPERANDS = 4 };

typedef struct xai_nest {
    int rank, operands;
    int64_t dim[XAI_NEST_RANK]; /* outermost first */
    int64_t stride[XAI_NEST_OPERANDS][XAI_NEST_RANK]; /* in elements; 0: the operand repeats; may be negative */
    int64_t offset[XAI_NEST_OPERANDS];
} xai_nest;

/* The shape that two shapes broadcast to; false if they don't fit. */
bool xai_broadcast_shape(const xai_shape *a, const xai_shape *b, xai_shape *out);

/* Strides of a dense tensor of this shape. */
void xai_dense_strides(const xai_shape *shape, int64_t stride[XAI_MAX_RANK]);

/* A nest over `out`, whose further operands are inputs of the given shapes that broadcast to it. */
void xai_nest_broadcast(xai_nest *nest, const xai_shape *out, const xai_shape *const *in, int in_count);

/* The same for a part of the output. */
void xai_nest_broadcast_box(xai_nest *nest, const xai_shape *out, const xai_shape *const *in, int in_count,
                            const xai_box *box);

/* The nest of a dense output of `rank` axes and one input with these strides. */
void xai_nest_strided(xai_nest *nest, int rank, const int64_t *dim, const int64_t *stride, int64_t offset);

/* The same where the output is a part of a larger tensor. */
typedef struct xai_nest_side {
    const int64_t *stride;
    int64_t offset;
} xai_nest_side;
void xai_nest_pair(xai_nest *nest, int rank, const int64_t *dim, xai_nest_side out, xai_nest_side in);

/* Any nest: the first of the `operands` sides is the output. */
void xai_nest_make(xai_nest *nest, int rank, const int64_t *dim, const xai_nest_side *sides, int operands);

/*
 * One run along the innermost axis: n steps of xai_nest_step, operand k beginning at element at[k]. Called for every
 * point of the outer axes.
 */
typedef void (*xai_nest_row)(void *context, const int64_t *at, int64_t n);

static inline int64_t xai_nest_step(const xai_nest *nest, int operand)
{
    return nest->stride[operand][nest->rank - 1];
}

/*
 * Runs the nest in pieces that own the elements of one operand: 0, the output, to write it; an input, to sum
 * gradients into it, where the axes along which it repeats are walked in order. So no two threads meet, and every sum
 * has one order. Only for owners that don't overlap themselves but by repeating (stride 0).
 */
void xai_nest_run(const xai_nest *nest, const xai_par *par, int owner, xai_nest_row row, void *context);

/* out[...] = in[...] of a nest of one input, for elements of `size` bytes. */
void xai_nest_copy(const xai_nest *nest, const xai_par *par, const void *in, void *out, size_t size);

/* gx[...] += gy[...]: the backward of xai_nest_copy for float32. */
void xai_nest_add_back(const xai_nest *nest, const xai_par *par, const float *gy, float *gx);

/* Forward and backward of operators that are such a copy; the state begins with the nest. */
void xai_nest_forward(const xai_node *node, const xai_exec *exec);
void xai_nest_backward(const xai_node *node, const xai_exec *exec);

#endif
