/* EyeLike: ones on a diagonal of a matrix of the input's shape, zeros elsewhere. Known before anything runs. */
#include "cast.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const xai_shape *in = &node->in[0]->shape;
    xai_dtype dtype = node->in[0]->dtype;
    XAI_NODE_CHECK(in->rank == 2, node, BAD_MODEL, err, "the input has %d dimensions, not 2", in->rank);
    if (xai_attr_find(node, "dtype")) XAI_TRY(xai_cast_target(node, "dtype", &dtype, err));
    return xai_node_output(node, 0, dtype, in, err);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const xai_shape *shape = &node->out[0]->shape;
    int64_t k = xai_attr_int(node, "k", 0), count = xai_shape_count(shape);
    void *out = xai_out_data(exec, node, 0);
    for (int64_t i = 0; i < count; i++)
        xai_cast_store(node->out[0]->dtype, out, i, i % shape->dim[1] - i / shape->dim[1] == k);
}

const xai_op xai_op_eye_like = {
    .type = "EyeLike",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .shape_only = true,
    .setup = setup,
    .forward = forward,
};
