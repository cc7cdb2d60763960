/* Squeeze: drops dimensions of 1: the named ones, or all. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    const int64_t *axes;
    size_t count;
    bool dropped[XAI_MAX_RANK] = {false};
    const xai_shape *in = &node->in[0]->shape;
    XAI_TRY(xai_node_ints(node, 1, "axes", setup, &axes, &count, err));
    for (size_t i = 0; i < count; i++) {
        int axis = xai_shape_axis(in, axes[i]);
        XAI_NODE_CHECK(axis >= 0 && in->dim[axis] == 1, node, BAD_MODEL, err, "axis %lld is not a dimension of 1",
                       (long long)axes[i]);
        dropped[axis] = true;
    }
    xai_shape out = {.rank = 0};
    for (int i = 0; i < in->rank; i++)
        if (axes ? !dropped[i] : in->dim[i] != 1) out.dim[out.rank++] = in->dim[i];
    return xai_node_output(node, 0, node->in[0]->dtype, &out, err);
}

static const xai_op_case CASES[] = {
    {"all_axes_of_one", {"1x3x1x2", NULL}, "", 0},
    {"named_axis", {"1x3x1x2", "=-2", NULL}, "", 0},
    {"attribute", {"1x3x1x2", NULL}, "axes=0", 11},
    {0},
};

const xai_op xai_op_squeeze = {
    .type = "Squeeze",
    .min_in = 1,
    .max_in = 2,
    .max_out = 1,
    .view = true,
    .setup = setup,
    .cases = CASES,
};
