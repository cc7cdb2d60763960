/* Tests of single reals: operators whose result is a boolean, from an expression in x. */
#ifndef XAI_OPS_TEST_H
#define XAI_OPS_TEST_H

#include "op.h"

#define XAI_REAL_TEST(name, type_, expression)                                                             \
    static xai_status setup(xai_node *node, xai_setup *setup_, xai_error *err)                             \
    {                                                                                                      \
        (void)setup_;                                                                                      \
        xai_dtype dtype = node->in[0]->dtype;                                                              \
        XAI_NODE_CHECK(dtype == XAI_F32, node, UNSUPPORTED_OP, err, "%s is not served",                    \
                       xai_dtype_name(dtype));                                                             \
        return xai_node_output(node, 0, XAI_BOOL, &node->in[0]->shape, err);                               \
    }                                                                                                      \
    static void forward(const xai_node *node, const xai_exec *exec)                                        \
    {                                                                                                      \
        xai_tensor in = {node->in[0]->dtype, node->in[0]->shape, xai_in_data(exec, node, 0)};              \
        uint8_t *y = xai_out_data(exec, node, 0);                                                          \
        int64_t count = xai_tensor_count(&in);                                                             \
        for (int64_t i = 0; i < count; i++) {                                                              \
            const double x = xai_tensor_real(&in, i);                                                      \
            y[i] = (uint8_t)((expression) != 0);                                                                   \
        }                                                                                                  \
    }                                                                                                      \
    static const xai_op_case CASES[] = {{"any_shape", {"2x3", NULL}, "", 0}, {0}};                         \
    const xai_op xai_op_##name = {                                                                         \
        .type = (type_), .min_in = 1, .max_in = 1, .max_out = 1, .setup = setup, .forward = forward,       \
        .cases = CASES,                                                                                    \
    };

#endif
