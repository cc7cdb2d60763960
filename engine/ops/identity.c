/* Identity: the input under another name. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    return xai_node_output(node, 0, node->in[0]->dtype, &node->in[0]->shape, err);
}

const xai_op xai_op_identity = {
    .type = "Identity", .min_in = 1, .max_in = 1, .max_out = 1, .view = true, .setup = setup,
};
