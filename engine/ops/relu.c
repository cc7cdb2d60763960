/* Relu: max(x, 0), a clamp to [0, inf). */
#include "clip.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "only float32 is supported");
    *(xai_clamp *)node->state = (xai_clamp){0, INFINITY};
    return xai_node_output(node, 0, XAI_F32, &node->in[0]->shape, err);
}

static const xai_op_case CASES[] = {{"any_shape", {"2x3x5", NULL}, "", 0}, {0}};

const xai_op xai_op_relu = {
    .type = "Relu", .min_in = 1, .max_in = 1, .max_out = 1, .state_size = sizeof(xai_clamp), .setup = setup,
    .forward = xai_clamp_forward, .backward = xai_clamp_backward, .cases = CASES,
};
