/* Transpose: axis i of the output is axis perm[i] of the input; reversed by default. Any type. */
#include "nest.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const xai_shape *in = &node->in[0]->shape;
    size_t count;
    const int64_t *perm = xai_attr_ints(node, "perm", &count);
    int64_t dense[XAI_MAX_RANK], stride[XAI_MAX_RANK];
    bool seen[XAI_MAX_RANK] = {false};
    xai_shape out = {.rank = in->rank};
    XAI_NODE_CHECK(!perm || (int)count == in->rank, node, BAD_MODEL, err, "perm has %zu entries for %d axes", count,
                   in->rank);
    xai_dense_strides(in, dense);
    for (int i = 0; i < in->rank; i++) {
        int64_t from = perm ? perm[i] : in->rank - 1 - i;
        XAI_NODE_CHECK(from >= 0 && from < in->rank && !seen[from], node, BAD_MODEL, err, "perm is no permutation");
        seen[from] = true;
        out.dim[i] = in->dim[from];
        stride[i] = dense[from];
    }
    xai_nest_strided(node->state, out.rank, out.dim, stride, 0);
    return xai_node_output(node, 0, node->in[0]->dtype, &out, err);
}

static const xai_op_case CASES[] = {
    {"nhwc_to_nchw", {"2x3x4x5", NULL}, "perm=0,3,1,2", 0},
    {"reversed_by_default", {"2x3x4", NULL}, "", 0},
    {"several_pieces", {"130x3x70", NULL}, "perm=2,0,1", 0},
    {"nothing_moves", {"2x3", NULL}, "perm=0,1", 0},
    {0},
};

const xai_op xai_op_transpose = {
    .type = "Transpose",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(xai_nest),
    .setup = setup,
    .forward = xai_nest_forward,
    .backward = xai_nest_backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
