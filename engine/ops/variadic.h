/*
 * Element-wise operators of any number of inputs with numpy's broadcasting: each input is joined to what the inputs
 * before it have become, in their order. The rows are those of binary.h.
 */
#ifndef XAI_OPS_VARIADIC_H
#define XAI_OPS_VARIADIC_H

#include "binary.h"

typedef struct xai_variadic_rule {
    xai_binary_row row[XAI_DTYPE_COUNT]; /* NULL: the type is refused */
    bool mean;                           /* the result, a float, is divided by the number of inputs */
    bool picks; /* the gradient goes to the inputs that are the result, in equal shares; else all get it */
} xai_variadic_rule;

typedef struct xai_variadic {
    const xai_variadic_rule *rule;
    xai_nest *nests; /* by input: output, what there is so far (for the second input the first), the input */
} xai_variadic;

xai_status xai_variadic_setup(xai_node *node, xai_setup *setup, const xai_variadic_rule *rule, xai_error *err);
xai_status xai_variadic_prepare_backward(xai_node *node, xai_setup *setup, xai_error *err);
void xai_variadic_forward(const xai_node *node, const xai_exec *exec);
void xai_variadic_backward(const xai_node *node, const xai_exec *exec);
void xai_variadic_tangent(const xai_node *node, const xai_exec *exec);

#define XAI_VARIADIC_OP(name, type_, rule, ...)                                                            \
    static xai_status setup(xai_node *node, xai_setup *setup_, xai_error *err)                             \
    {                                                                                                      \
        return xai_variadic_setup(node, setup_, &(rule), err);                                             \
    }                                                                                                      \
    const xai_op xai_op_##name = {                                                                         \
        .type = (type_), .min_in = 1, .max_in = XAI_VARIADIC_MOST, .max_out = 1,                           \
        .state_size = sizeof(xai_variadic), .setup = setup,                                                \
        .prepare_backward = xai_variadic_prepare_backward, .forward = xai_variadic_forward,                \
        .backward = xai_variadic_backward, .tangent = xai_variadic_tangent, .cases = __VA_ARGS__,          \
    }

enum { XAI_VARIADIC_MOST = 1024 };

#endif
