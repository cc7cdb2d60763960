/* Dropout: at inference it passes its input on. The mask output and training mode are refused. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    if (xai_has_input(node, 2)) {
        const xai_tensor *training = node->in[2]->constant;
        XAI_NODE_CHECK(training && xai_tensor_count(training) == 1 && xai_tensor_int(training, 0) == 0, node,
                       UNSUPPORTED_OP, err, "training mode is not supported: export the model in evaluation mode");
    }
    return xai_node_output(node, 0, node->in[0]->dtype, &node->in[0]->shape, err);
}

const xai_op xai_op_dropout = {
    .type = "Dropout", .min_in = 1, .max_in = 3, .max_out = 1, .view = true, .setup = setup,
};
