/* Identity: the input under another name; any type. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    return xai_node_output(node, 0, node->in[0]->dtype, &node->in[0]->shape, err);
}

static const xai_op_case CASES[] = {{"any_shape", {"2x3", NULL}, "", 0}, {0}};

const xai_op xai_op_identity = {
    .type = "Identity",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .view = true,
    .setup = setup,
    .cases = CASES,
};
