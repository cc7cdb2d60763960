/* NonZero: coordinates of the elements of a constant that are not 0, one column each. The builder folds it. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const xai_tensor *in = node->in[0]->constant;
    XAI_NODE_CHECK(in, node, UNSUPPORTED_OP, err,
                   "how many there are depends on the image; only constants are served");
    int64_t found = 0;
    for (int64_t i = 0; i < xai_tensor_count(in); i++) found += xai_tensor_real(in, i) != 0;
    return xai_node_output(node, 0, XAI_I64, &(xai_shape){2, {in->shape.rank, found}}, err);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const xai_tensor *in = node->in[0]->constant;
    const xai_shape *shape = &in->shape;
    int64_t *out = xai_out_data(exec, node, 0), found = node->out[0]->shape.dim[1], column = 0;
    for (int64_t i = 0; i < xai_tensor_count(in); i++) {
        if (xai_tensor_real(in, i) == 0) continue;
        int64_t rest = i;
        for (int d = shape->rank; d-- > 0; rest /= shape->dim[d]) out[d * found + column] = rest % shape->dim[d];
        column++;
    }
}

const xai_op xai_op_non_zero = {
    .type = "NonZero",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .setup = setup,
    .forward = forward,
};
