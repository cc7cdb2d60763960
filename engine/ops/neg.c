/* Neg: -x. Integers wrap around. */
#include "unary.h"

XAI_UNARY_RULE(RULE, -x, -1, false);

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_dtype dtype = node->in[0]->dtype;
    if (dtype == XAI_I64 || dtype == XAI_I32) return xai_node_output(node, 0, dtype, &node->in[0]->shape, err);
    return xai_unary_setup(node, &RULE, err);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    int64_t n = xai_value_count(node->in[0]);
    const void *in = xai_in_data(exec, node, 0);
    void *out = xai_out_data(exec, node, 0);
    switch (node->in[0]->dtype) {
    case XAI_I64:
        for (int64_t i = 0; i < n; i++) ((uint64_t *)out)[i] = 0 - ((const uint64_t *)in)[i];
        break;
    case XAI_I32:
        for (int64_t i = 0; i < n; i++) ((uint32_t *)out)[i] = 0 - ((const uint32_t *)in)[i];
        break;
    default: xai_unary_forward(node, exec);
    }
}

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

const xai_op xai_op_neg = {
    .type = "Neg",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(xai_unary),
    .setup = setup,
    .forward = forward,
    .backward = xai_unary_backward,
    XAI_STRAIGHT,
    .flow = XAI_FLOW_PASS,
    .cases = CASES,
};
