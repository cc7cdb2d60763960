/* Tile: the input repeated repeats[i] times along axis i. Any type. */
#include "nest.h"

/* Every axis in two: the repeats, which stand still in the input, and the axis itself. */
static void make_nest(xai_nest *nest, const xai_shape *in, const int64_t *repeats)
{
    int64_t dim[2 * XAI_MAX_RANK], stride[2 * XAI_MAX_RANK], dense[XAI_MAX_RANK];
    xai_dense_strides(in, dense);
    for (int i = 0; i < in->rank; i++) {
        dim[2 * i] = repeats[i];
        stride[2 * i] = 0;
        dim[2 * i + 1] = in->dim[i];
        stride[2 * i + 1] = dense[i];
    }
    xai_nest_strided(nest, 2 * in->rank, dim, stride, 0);
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    const int64_t *repeats;
    size_t count;
    xai_shape out = node->in[0]->shape;
    XAI_TRY(xai_node_ints(node, 1, "repeats", setup, &repeats, &count, err));
    XAI_NODE_CHECK((int64_t)count == out.rank, node, BAD_MODEL, err, "repeats has %zu entries for %d axes", count,
                   out.rank);
    for (int i = 0; i < out.rank; i++) {
        bool fits = repeats[i] >= 0 && !__builtin_mul_overflow(out.dim[i], repeats[i], &out.dim[i]);
        XAI_NODE_CHECK(fits, node, BAD_MODEL, err, "repeats has the impossible entry %lld", (long long)repeats[i]);
    }
    XAI_TRY(xai_node_output(node, 0, node->in[0]->dtype, &out, err));
    make_nest(node->state, &node->in[0]->shape, repeats);
    return XAI_OK;
}

static const xai_op_case CASES[] = {
    {"both_axes", {"2x3", "=2,3", NULL}, "", 0},
    {"planes", {"1x2x3x3", "=2,1,1,2", NULL}, "", 0},
    {0},
};

const xai_op xai_op_tile = {
    .type = "Tile",
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
