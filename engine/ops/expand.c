/* Expand: repeats the input to the shape that it and the constant `shape` broadcast to. Any type. */
#include "nest.h"

#include <string.h>

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    const int64_t *dims;
    size_t rank;
    const xai_shape *in = &node->in[0]->shape;
    XAI_TRY(xai_node_ints(node, 1, "shape", setup, &dims, &rank, err));
    XAI_NODE_CHECK(rank <= XAI_MAX_RANK, node, UNSUPPORTED_OP, err, "shape has %zu dimensions, at most %d are served",
                   rank, XAI_MAX_RANK);
    xai_shape to = {.rank = (int)rank}, out;
    if (rank) memcpy(to.dim, dims, rank * sizeof *dims);
    char a[128], b[128];
    XAI_NODE_CHECK(xai_broadcast_shape(in, &to, &out), node, BAD_MODEL, err, "%s does not expand to %s",
                   xai_shape_text(in, a, sizeof a), xai_shape_text(&to, b, sizeof b));
    XAI_TRY(xai_node_output(node, 0, node->in[0]->dtype, &out, err));
    xai_nest_broadcast(node->state, &out, &in, 1);
    return XAI_OK;
}

static const xai_op_case CASES[] = {
    {"channels", {"2x1x3", "=2,4,3", NULL}, "", 0},
    {"new_axes", {"3x1", "=2,1,5", NULL}, "", 0},
    {"last_axis_long", {"3x1", "=3,20000", NULL}, "", 0},
    {0},
};

const xai_op xai_op_expand = {
    .type = "Expand",
    .min_in = 2,
    .max_in = 2,
    .max_out = 1,
    .state_size = sizeof(xai_nest),
    .setup = setup,
    .forward = xai_nest_forward,
    .backward = xai_nest_backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
