/* Flatten: everything before the axis becomes one dimension, everything from it on another. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const xai_shape *in = &node->in[0]->shape;
    int64_t axis = xai_attr_int(node, "axis", 1);
    if (axis < 0) axis += in->rank;
    XAI_NODE_CHECK(axis >= 0 && axis <= in->rank, node, BAD_MODEL, err, "the axis is out of range");
    xai_shape out = {2, {xai_shape_span(in, 0, (int)axis), xai_shape_span(in, (int)axis, in->rank)}};
    return xai_node_output(node, 0, node->in[0]->dtype, &out, err);
}

static const xai_op_case CASES[] = {
    {"channels_and_planes", {"2x3x4x5", NULL}, "", 0},
    {"from_the_end", {"2x3x4", NULL}, "axis=-1", 0},
    {0},
};

const xai_op xai_op_flatten = {
    .type = "Flatten",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .view = true,
    .setup = setup,
    .cases = CASES,
};
