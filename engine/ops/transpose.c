/* Transpose: axis i of the output is axis perm[i] of the input; reversed by default. Any type. */
#include "nest.h"

/* The axis of the input that becomes axis i of the output. */
static int source_axis(const xai_node *node, int i)
{
    size_t count;
    const int64_t *perm = xai_attr_ints(node, "perm", &count);
    return perm ? (int)perm[i] : node->in[0]->shape.rank - 1 - i;
}

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

static void reach(const xai_node *node, int i, const xai_box *in, xai_box *out)
{
    (void)i;
    for (int k = 0; k < node->out[0]->shape.rank; k++) {
        out->low[k] = in->low[source_axis(node, k)];
        out->end[k] = in->end[source_axis(node, k)];
    }
}

static void forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box)
{
    const xai_shape *shape = &node->out[0]->shape;
    int64_t dim[XAI_MAX_RANK], in[XAI_MAX_RANK], out[XAI_MAX_RANK], dense[XAI_MAX_RANK], from = 0, to = 0;
    xai_dense_strides(shape, out);
    xai_dense_strides(&node->in[0]->shape, dense);
    for (int k = 0; k < shape->rank; k++) {
        dim[k] = box->end[k] - box->low[k];
        in[k] = dense[source_axis(node, k)];
        from += box->low[k] * in[k];
        to += box->low[k] * out[k];
    }
    xai_nest nest;
    xai_nest_pair(&nest, shape->rank, dim, (xai_nest_side){out, to}, (xai_nest_side){in, from});
    xai_nest_copy(&nest, exec->par, xai_in_data(exec, node, 0), xai_out_data(exec, node, 0),
                  xai_dtype_size(node->out[0]->dtype));
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
    .reach = reach,
    .forward_box = forward_box,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
