/* ArgMax and ArgMin: the position of the largest or smallest element along an axis, as int64. Not differentiable. */
#ifndef XAI_OPS_ARG_H
#define XAI_OPS_ARG_H

#include "op.h"

typedef struct xai_arg {
    int64_t outer, n, inner;
    bool smallest, last; /* of equal ones the last */
} xai_arg;

xai_status xai_arg_setup(xai_node *node, bool smallest, xai_error *err);
void xai_arg_forward(const xai_node *node, const xai_exec *exec);

#define XAI_ARG_OP(name, type_, smallest_)                                                                 \
    static xai_status setup(xai_node *node, xai_setup *setup_, xai_error *err)                             \
    {                                                                                                      \
        (void)setup_;                                                                                      \
        return xai_arg_setup(node, (smallest_), err);                                                      \
    }                                                                                                      \
    static const xai_op_case CASES[] = {                                                                   \
        {"middle_axis", {"2x5x3", NULL}, "axis=1;keepdims=0", 0},                                          \
        {"last_of_equals", {"?3x4", NULL}, "axis=-1;select_last_index=1", 0},                              \
        {0},                                                                                               \
    };                                                                                                     \
    const xai_op xai_op_##name = {                                                                         \
        .type = (type_), .min_in = 1, .max_in = 1, .max_out = 1, .state_size = sizeof(xai_arg),            \
        .setup = setup, .forward = xai_arg_forward, .cases = CASES,                                        \
    }

#endif
