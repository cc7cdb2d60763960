/* Transpose: out[i] = in[perm(i)]; any type. */
#include "op.h"
#include "strided.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_strided *walk = node->state;
    const xai_shape *in = &node->in[0]->shape;
    size_t count;
    const int64_t *perm = xai_attr_ints(node, "perm", &count);
    int64_t stride[XAI_MAX_RANK];
    bool seen[XAI_MAX_RANK] = {false};
    XAI_NODE_CHECK(!perm || (int)count == in->rank, node, BAD_MODEL, err, "perm has %zu entries for %d dimensions",
                   count, in->rank);
    xai_dense_strides(in, stride);
    walk->shape.rank = in->rank;
    for (int i = 0; i < in->rank; i++) {
        int64_t from = perm ? perm[i] : in->rank - 1 - i;
        XAI_NODE_CHECK(from >= 0 && from < in->rank && !seen[from], node, BAD_MODEL, err, "perm is no permutation");
        seen[from] = true;
        walk->shape.dim[i] = in->dim[from];
        walk->stride[i] = stride[from];
    }
    return xai_node_output(node, 0, node->in[0]->dtype, &walk->shape, err);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    xai_strided_read(node->state, xai_in_data(exec, node, 0), xai_out_data(exec, node, 0),
                     xai_dtype_size(node->in[0]->dtype));
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    float *gx = xai_grad_in(exec, node, 0);
    if (gx) xai_strided_add(node->state, xai_grad_out(exec, node, 0), gx);
}

static const xai_op_case CASES[] = {
    {"nhwc_to_nchw", {"2x3x4x5", NULL}, "perm=0,3,1,2", 0},
    {"reversed_by_default", {"2x3x4", NULL}, "", 0},
    {0},
};

const xai_op xai_op_transpose = {
    .type = "Transpose", .min_in = 1, .max_in = 1, .max_out = 1, .state_size = sizeof(xai_strided),
    .setup = setup, .forward = forward, .backward = backward, .cases = CASES,
};
