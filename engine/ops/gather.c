/* Gather: slices along one axis, chosen by constant or computed indices; any type. */
#include "op.h"

#include <string.h>

typedef struct gather {
    int axis;
    size_t outer, inner; /* elements: products of the dimensions before and after the axis */
} gather;

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    gather *g = node->state;
    const xai_shape *data = &node->in[0]->shape, *index = &node->in[1]->shape;
    g->axis = xai_shape_axis(data, xai_attr_int(node, "axis", 0));
    XAI_NODE_CHECK(g->axis >= 0, node, BAD_MODEL, err, "the axis is out of range");
    XAI_NODE_CHECK(node->in[1]->constant, node, UNSUPPORTED_OP, err, "the indices must not depend on the image");
    XAI_NODE_CHECK(data->rank - 1 + index->rank <= XAI_MAX_RANK, node, UNSUPPORTED_OP, err, "too many dimensions");
    xai_shape shape = {.rank = 0};
    for (int i = 0; i < g->axis; i++) shape.dim[shape.rank++] = data->dim[i];
    for (int i = 0; i < index->rank; i++) shape.dim[shape.rank++] = index->dim[i];
    for (int i = g->axis + 1; i < data->rank; i++) shape.dim[shape.rank++] = data->dim[i];
    int64_t n = data->dim[g->axis], count = xai_tensor_count(node->in[1]->constant);
    for (int64_t i = 0; i < count; i++) {
        int64_t v = xai_tensor_int(node->in[1]->constant, i);
        XAI_NODE_CHECK(v >= -n && v < n, node, BAD_MODEL, err, "index %lld is out of range", (long long)v);
    }
    XAI_TRY(xai_node_output(node, 0, node->in[0]->dtype, &shape, err));
    g->outer = (size_t)xai_shape_span(data, 0, g->axis);
    g->inner = (size_t)xai_shape_span(data, g->axis + 1, data->rank);
    return XAI_OK;
}

static size_t index_at(const xai_node *node, int64_t i)
{
    int64_t v = xai_tensor_int(node->in[1]->constant, i), n = node->in[0]->shape.dim[((gather *)node->state)->axis];
    return (size_t)(v < 0 ? v + n : v);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const gather *g = node->state;
    size_t size = xai_dtype_size(node->in[0]->dtype), n = (size_t)node->in[0]->shape.dim[g->axis];
    size_t count = (size_t)xai_tensor_count(node->in[1]->constant), bytes = g->inner * size;
    const unsigned char *in = xai_in_data(exec, node, 0);
    unsigned char *out = xai_out_data(exec, node, 0);
    for (size_t o = 0; o < g->outer; o++)
        for (size_t i = 0; i < count; i++)
            memcpy(out + (o * count + i) * bytes, in + (o * n + index_at(node, (int64_t)i)) * bytes, bytes);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const gather *g = node->state;
    size_t n = (size_t)node->in[0]->shape.dim[g->axis], count = (size_t)xai_tensor_count(node->in[1]->constant);
    const float *gy = xai_grad_out(exec, node, 0);
    float *gx = xai_grad_in(exec, node, 0);
    for (size_t o = 0; gx && o < g->outer; o++)
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < g->inner; k++)
                gx[(o * n + index_at(node, (int64_t)i)) * g->inner + k] += gy[(o * count + i) * g->inner + k];
}

static const xai_op_case CASES[] = {
    {"middle_axis_negative_index", {"2x4x3", "=1,-1,1", NULL}, "axis=1", 0},
    {"first_axis", {"5x2", "=3", NULL}, "", 0},
    {0},
};

const xai_op xai_op_gather = {
    .type = "Gather", .min_in = 2, .max_in = 2, .max_out = 1, .state_size = sizeof(gather),
    .setup = setup, .forward = forward, .backward = backward, .cases = CASES,
};
