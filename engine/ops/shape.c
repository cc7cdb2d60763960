/* Shape: the dimensions of a tensor as int64; `start` and `end` from opset 15 on. Known before anything runs. */
#include "op.h"

#include <string.h>

typedef struct shape_range {
    int start, count;
} shape_range;

static int clamp_axis(int64_t axis, int rank)
{
    if (axis < 0) axis += rank;
    return axis < 0 ? 0 : axis > rank ? rank : (int)axis;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    shape_range *r = node->state;
    int rank = node->in[0]->shape.rank;
    r->start = clamp_axis(xai_attr_int(node, "start", 0), rank);
    int end = clamp_axis(xai_attr_int(node, "end", rank), rank);
    r->count = end > r->start ? end - r->start : 0;
    return xai_node_output(node, 0, XAI_I64, &(xai_shape){1, {r->count}}, err);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const shape_range *r = node->state;
    memcpy(xai_out_data(exec, node, 0), node->in[0]->shape.dim + r->start, (size_t)r->count * sizeof(int64_t));
}

const xai_op xai_op_shape = {
    .type = "Shape",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .shape_only = true,
    .state_size = sizeof(shape_range),
    .setup = setup,
    .forward = forward,
};
