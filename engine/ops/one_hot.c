/*
 * OneHot: along a new axis of constant length one value where the index is, another one elsewhere. The two values are
 * constant; an index that is out of range is nowhere. Not differentiable.
 */
#include "op.h"

#include <string.h>

typedef struct one_hot {
    int64_t depth, inner; /* inner: product of the indices' dimensions behind the new axis */
    const unsigned char *values; /* off, on */
} one_hot;

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    one_hot *s = node->state;
    const xai_shape *in = &node->in[0]->shape;
    const int64_t *depth;
    size_t count;
    XAI_TRY(xai_node_ints(node, 1, "depth", setup, &depth, &count, err));
    XAI_NODE_CHECK(count == 1 && *depth >= 1, node, BAD_MODEL, err, "depth is no positive number");
    const xai_tensor *values = node->in[2]->constant;
    XAI_NODE_CHECK(values && xai_tensor_count(values) == 2, node, UNSUPPORTED_OP, err,
                   "values must be two constants");
    XAI_NODE_CHECK(in->rank < XAI_MAX_RANK, node, UNSUPPORTED_OP, err, "the result has more than %d dimensions",
                   XAI_MAX_RANK);
    xai_shape out = {.rank = in->rank + 1};
    int axis = xai_shape_axis(&out, xai_attr_int(node, "axis", -1));
    XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    for (int i = 0; i < out.rank; i++) out.dim[i] = i == axis ? *depth : in->dim[i < axis ? i : i - 1];
    *s = (one_hot){*depth, xai_shape_span(in, axis, in->rank), values->data};
    return xai_node_output(node, 0, values->dtype, &out, err);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const one_hot *s = node->state;
    xai_tensor indices = {node->in[0]->dtype, node->in[0]->shape, xai_in_data(exec, node, 0)};
    size_t size = xai_dtype_size(node->out[0]->dtype);
    unsigned char *y = xai_out_data(exec, node, 0);
    int64_t count = xai_tensor_count(&indices), total = xai_value_count(node->out[0]);
    for (int64_t i = 0; i < total; i++) memcpy(y + (size_t)i * size, s->values, size);
    for (int64_t i = 0; i < count; i++) {
        int64_t v = xai_tensor_int(&indices, i);
        if (v < 0) v += s->depth;
        if (v < 0 || v >= s->depth) continue;
        int64_t at = (i / s->inner * s->depth + v) * s->inner + i % s->inner;
        memcpy(y + (size_t)at * size, s->values + size, size);
    }
}

static const xai_op_case CASES[] = {{"last_axis", {"=2,-1,9", "=4", "~2", NULL}, "", 0}, {0}};

const xai_op xai_op_one_hot = {
    .type = "OneHot",
    .min_in = 3,
    .max_in = 3,
    .max_out = 1,
    .state_size = sizeof(one_hot),
    .setup = setup,
    .forward = forward,
    .cases = CASES,
};
