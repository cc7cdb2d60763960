/*
 * Split: parts along one axis, of the lengths in `split` (an attribute before opset 13, a constant input since), or
 * of equal length, the last one shorter where num_outputs (opset 18) does not divide the axis. Any type.
 */
#include "nest.h"

typedef struct split {
    int axis;
} split;

static xai_status check_parts(const xai_node *node, const int64_t *parts, size_t count, int64_t axis_length,
                              xai_error *err)
{
    int64_t sum = 0;
    XAI_NODE_CHECK((int)count == node->out_count, node, BAD_MODEL, err, "split has %zu entries for %d outputs", count,
                   node->out_count);
    for (size_t i = 0; i < count; i++) {
        XAI_NODE_CHECK(parts[i] >= 0 && parts[i] <= axis_length, node, BAD_MODEL, err, "split has the entry %lld",
                       (long long)parts[i]);
        sum += parts[i];
    }
    XAI_NODE_CHECK(sum == axis_length, node, BAD_MODEL, err, "split adds up to %lld, the axis has %lld",
                   (long long)sum, (long long)axis_length);
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    split *s = node->state;
    const int64_t *parts;
    size_t count;
    const xai_shape *in = &node->in[0]->shape;
    s->axis = xai_shape_axis(in, xai_attr_int(node, "axis", 0));
    XAI_NODE_CHECK(s->axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    XAI_TRY(xai_node_ints(node, 1, "split", setup, &parts, &count, err));
    int64_t length = in->dim[s->axis], equal = (length + node->out_count - 1) / node->out_count;
    if (parts) XAI_TRY(check_parts(node, parts, count, length, err));
    bool equals = parts || length % node->out_count == 0 || xai_attr_find(node, "num_outputs");
    XAI_NODE_CHECK(equals, node, BAD_MODEL, err, "%lld does not divide into %d parts", (long long)length,
                   node->out_count);
    xai_shape out = *in;
    for (int i = 0; i < node->out_count; i++) {
        out.dim[s->axis] = parts ? parts[i] : length < equal ? length : equal;
        length -= out.dim[s->axis];
        XAI_NODE_CHECK(node->out[i], node, UNSUPPORTED_OP, err, "output %d has no name", i);
        XAI_TRY(xai_node_output(node, i, node->in[0]->dtype, &out, err));
    }
    return XAI_OK;
}

/* Where output i, whose first slice is slice `from` of the input, lies in the input. */
static xai_nest place(const xai_node *node, int i, int64_t from)
{
    const split *s = node->state;
    const xai_shape *in = &node->in[0]->shape, *out = &node->out[i]->shape;
    int64_t inner = xai_shape_span(in, s->axis + 1, in->rank);
    int64_t dim[] = {xai_shape_span(in, 0, s->axis), out->dim[s->axis] * inner};
    int64_t stride[] = {in->dim[s->axis] * inner, 1};
    xai_nest nest;
    xai_nest_strided(&nest, 2, dim, stride, from * inner);
    return nest;
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    int axis = ((const split *)node->state)->axis;
    int64_t from = 0;
    for (int i = 0; i < node->out_count; from += node->out[i++]->shape.dim[axis]) {
        xai_nest nest = place(node, i, from);
        xai_nest_copy(&nest, exec->par, xai_in_data(exec, node, 0), xai_out_data(exec, node, i),
                      xai_dtype_size(node->in[0]->dtype));
    }
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    int axis = ((const split *)node->state)->axis;
    float *gx = xai_grad_in(exec, node, 0);
    int64_t from = 0;
    for (int i = 0; gx && i < node->out_count; from += node->out[i++]->shape.dim[axis]) {
        const float *gy = xai_grad_out(exec, node, i);
        xai_nest nest = place(node, i, from);
        if (gy) xai_nest_add_back(&nest, exec->par, gy, gx);
    }
}

static const xai_op_case CASES[] = {
    {"equal_parts", {"2x4x3", NULL}, "axis=1;outputs=2", 0},
    {"given_lengths", {"2x5x3", "=2,1,2", NULL}, "axis=1;outputs=3", 0},
    {"lengths_as_attribute", {"2x5", NULL}, "axis=-1;split=4,1;outputs=2", 11},
    {"several_pieces", {"3x4x90x90", NULL}, "axis=1;outputs=2", 0},
    {0},
};

const xai_op xai_op_split = {
    .type = "Split",
    .min_in = 1,
    .max_in = 2,
    .max_out = 256,
    .state_size = sizeof(split),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
