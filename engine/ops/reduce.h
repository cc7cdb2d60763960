/*
 * Reductions over axes: mean, sum, largest, smallest, product, norms, logarithms of sums.
 *
 * Axes are an attribute or, from the opset that each operator names, a constant input. The nest's operand 0 is the
 * input, dense; operand 1 the result, which stands still along the reduced axes.
 */
#ifndef XAI_OPS_REDUCE_H
#define XAI_OPS_REDUCE_H

#include "nest.h"

typedef enum xai_reduction {
    XAI_REDUCE_SUM,
    XAI_REDUCE_MEAN,
    XAI_REDUCE_MAX,
    XAI_REDUCE_MIN,
    XAI_REDUCE_PROD,
    XAI_REDUCE_L1,
    XAI_REDUCE_L2,
    XAI_REDUCE_SUM_SQUARE,
    XAI_REDUCE_LOG_SUM,
    XAI_REDUCE_LOG_SUM_EXP
} xai_reduction;

typedef struct xai_reduce {
    xai_reduction kind;
    xai_nest nest;
    int64_t terms; /* of each result */
} xai_reduce;

xai_status xai_reduce_setup(xai_node *node, xai_setup *setup, xai_reduction kind, xai_error *err);
void xai_reduce_forward(const xai_node *node, const xai_exec *exec);
void xai_reduce_backward_sum(const xai_node *node, const xai_exec *exec);  /* sum and mean */
void xai_reduce_backward_pick(const xai_node *node, const xai_exec *exec); /* largest and smallest */
void xai_reduce_tangent_pick(const xai_node *node, const xai_exec *exec);
void xai_reduce_backward_norm(const xai_node *node, const xai_exec *exec); /* L1 and all that follow it */

/* `...`: the derivatives (op.h). `sign`: "" for operators of any numbers, "*" for those of positive ones. */
#define XAI_REDUCE_OP(name, type_, kind, ...) XAI_REDUCE_ON(name, type_, kind, "", __VA_ARGS__)
#define XAI_REDUCE_ON(name, type_, kind, sign, ...)                                                        \
    static xai_status setup(xai_node *node, xai_setup *arena, xai_error *err)                              \
    {                                                                                                      \
        return xai_reduce_setup(node, arena, (kind), err);                                                 \
    }                                                                                                      \
    static const xai_op_case CASES[] = {                                                                   \
        {"planes", {sign "2x3x4x5", NULL}, "axes=2,3;keepdims=1", 11},                                     \
        {"channels", {sign "2x3x4x5", NULL}, "axes=1;keepdims=0", 11},                                     \
        {"first_and_last", {sign "3x4x5", NULL}, "axes=0,-1;keepdims=0", 11},                              \
        {"everything", {sign "2x3x4", NULL}, "", 11},                                                      \
        {"axes_as_input", {sign "2x3x4", "=0,2", NULL}, "keepdims=0", 18},                                 \
        {"several_pieces", {sign "3x2x110x110", NULL}, "axes=1", 11},                                      \
        {0},                                                                                               \
    };                                                                                                     \
    const xai_op xai_op_##name = {                                                                         \
        .type = (type_), .min_in = 1, .max_in = 2, .max_out = 1, .state_size = sizeof(xai_reduce),         \
        .setup = setup, .forward = xai_reduce_forward, .cases = CASES, __VA_ARGS__,                        \
    }

#endif
