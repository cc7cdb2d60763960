/* Unsqueeze: new dimensions of 1; the axes as an input from opset 13 on, as an attribute before. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    const int64_t *axes;
    size_t count;
    bool added[XAI_MAX_RANK] = {false};
    const xai_shape *in = &node->in[0]->shape;
    XAI_TRY(xai_node_ints(node, 1, "axes", setup, &axes, &count, err));
    XAI_NODE_CHECK(in->rank + (int64_t)count <= XAI_MAX_RANK, node, UNSUPPORTED_OP, err, "too many dimensions");
    xai_shape out = {.rank = in->rank + (int)count};
    for (size_t i = 0; i < count; i++) {
        int axis = xai_shape_axis(&out, axes[i]);
        XAI_NODE_CHECK(axis >= 0 && !added[axis], node, BAD_MODEL, err, "an axis is out of range or named twice");
        added[axis] = true;
    }
    for (int i = 0, from = 0; i < out.rank; i++) out.dim[i] = added[i] ? 1 : in->dim[from++];
    return xai_node_output(node, 0, node->in[0]->dtype, &out, err);
}

static const xai_op_case CASES[] = {
    {"two_axes", {"2x3", "=0,-1", NULL}, "", 0},
    {"attribute", {"2x3", NULL}, "axes=1", 11},
    {0},
};

const xai_op xai_op_unsqueeze = {
    .type = "Unsqueeze",
    .min_in = 1,
    .max_in = 2,
    .max_out = 1,
    .view = true,
    .setup = setup,
    .cases = CASES,
};
