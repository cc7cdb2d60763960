/*
 * Dropout at inference: the input passes unchanged; the optional mask is all true, and a constant. Training mode is
 * refused.
 */
#include "op.h"

#include <string.h>

static xai_status make_mask(xai_node *node, xai_setup *setup, xai_error *err)
{
    if (node->out_count < 2 || !node->out[1]) return XAI_OK;
    xai_tensor *mask;
    XAI_TRY(xai_tensor_new(setup->arena, XAI_BOOL, &node->in[0]->shape, &mask, err));
    memset(mask->data, 1, xai_tensor_bytes(mask));
    node->out[1]->constant = mask;
    return xai_node_output(node, 1, XAI_BOOL, &mask->shape, err);
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    if (xai_has_input(node, 2)) {
        const xai_tensor *training = node->in[2]->constant;
        XAI_NODE_CHECK(training && xai_tensor_count(training) == 1 && xai_tensor_int(training, 0) == 0, node,
                       UNSUPPORTED_OP, err, "training_mode is set; export the model for inference");
    }
    XAI_TRY(xai_node_output(node, 0, node->in[0]->dtype, &node->in[0]->shape, err));
    return make_mask(node, setup, err);
}

static const xai_op_case CASES[] = {{"inference", {"2x3", NULL}, "", 0}, {0}};

const xai_op xai_op_dropout = {
    .type = "Dropout",
    .min_in = 1,
    .max_in = 3,
    .max_out = 2,
    .view = true,
    .setup = setup,
    .cases = CASES,
};
