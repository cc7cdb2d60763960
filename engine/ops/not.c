/* Not: of booleans, element by element. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_BOOL, node, BAD_MODEL, err, "the input is %s, not bool",
                   xai_dtype_name(node->in[0]->dtype));
    return xai_node_output(node, 0, XAI_BOOL, &node->in[0]->shape, err);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const uint8_t *x = xai_in_data(exec, node, 0);
    uint8_t *y = xai_out_data(exec, node, 0);
    int64_t count = xai_value_count(node->in[0]);
    for (int64_t i = 0; i < count; i++) y[i] = !x[i];
}

static const xai_op_case CASES[] = {{"any_shape", {"?2x3", NULL}, "", 0}, {0}};

const xai_op xai_op_not = {
    .type = "Not",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .setup = setup,
    .forward = forward,
    .cases = CASES,
};
