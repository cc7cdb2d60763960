/* Size: the number of elements of a tensor as int64. Known before anything runs. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    return xai_node_output(node, 0, XAI_I64, &(xai_shape){0}, err);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    *(int64_t *)xai_out_data(exec, node, 0) = xai_value_count(node->in[0]);
}

const xai_op xai_op_size = {
    .type = "Size",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .shape_only = true,
    .setup = setup,
    .forward = forward,
};
