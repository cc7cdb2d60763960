/* CastLike: Cast to the element type of the second input. */
#include "cast.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    return xai_node_output(node, 0, node->in[1]->dtype, &node->in[0]->shape, err);
}

static const xai_op_case CASES[] = {
    {"float_to_float", {"2x3", "~1", NULL}, "", 15},
    {"float_to_integer", {"2x3", "=1", NULL}, "", 15},
    {0},
};

const xai_op xai_op_cast_like = {
    .type = "CastLike",
    .min_in = 2,
    .max_in = 2,
    .max_out = 1,
    .setup = setup,
    .forward = xai_cast_forward,
    .backward = xai_cast_backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
