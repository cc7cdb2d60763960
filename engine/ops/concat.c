/* Concat: along one axis; any type. */
#include "op.h"

#include <string.h>

typedef struct concat {
    int axis;
    size_t outer, inner; /* elements: product of the dimensions before and after the axis */
} concat;

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    concat *c = node->state;
    xai_shape shape = node->in[0]->shape;
    c->axis = xai_shape_axis(&shape, xai_attr_int(node, "axis", 1));
    XAI_NODE_CHECK(c->axis >= 0, node, BAD_MODEL, err, "the axis is out of range");
    for (int i = 1; i < node->in_count; i++) {
        XAI_NODE_CHECK(node->in[i], node, BAD_MODEL, err, "input %d is missing", i);
        const xai_shape *s = &node->in[i]->shape;
        bool fits = s->rank == shape.rank && node->in[i]->dtype == node->in[0]->dtype;
        for (int d = 0; fits && d < s->rank; d++) fits = d == c->axis || s->dim[d] == shape.dim[d];
        XAI_NODE_CHECK(fits, node, BAD_MODEL, err, "input %d does not fit the first", i);
        shape.dim[c->axis] += s->dim[c->axis];
    }
    XAI_TRY(xai_node_output(node, 0, node->in[0]->dtype, &shape, err));
    c->outer = (size_t)xai_shape_span(&shape, 0, c->axis);
    c->inner = (size_t)xai_shape_span(&shape, c->axis + 1, shape.rank);
    return XAI_OK;
}

/* Elements of input i in one outer step. */
static size_t part(const xai_node *node, const concat *c, int i)
{
    return (size_t)node->in[i]->shape.dim[c->axis] * c->inner;
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const concat *c = node->state;
    size_t size = xai_dtype_size(node->in[0]->dtype), row = (size_t)node->out[0]->shape.dim[c->axis] * c->inner, at = 0;
    unsigned char *out = xai_out_data(exec, node, 0);
    for (int i = 0; i < node->in_count; at += part(node, c, i++)) {
        const unsigned char *in = xai_in_data(exec, node, i);
        size_t bytes = part(node, c, i) * size;
        for (size_t o = 0; o < c->outer; o++) memcpy(out + (o * row + at) * size, in + o * bytes, bytes);
    }
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const concat *c = node->state;
    size_t row = (size_t)node->out[0]->shape.dim[c->axis] * c->inner, at = 0;
    const float *gy = xai_grad_out(exec, node, 0);
    for (int i = 0; i < node->in_count; at += part(node, c, i++)) {
        float *gx = xai_grad_in(exec, node, i);
        size_t n = part(node, c, i);
        for (size_t o = 0; gx && o < c->outer; o++)
            for (size_t k = 0; k < n; k++) gx[o * n + k] += gy[o * row + at + k];
    }
}

static const xai_op_case CASES[] = {
    {"channels", {"2x3x2x2", "2x1x2x2", "2x2x2x2", NULL}, "axis=1", 0},
    {"last_axis", {"2x3", "2x1", NULL}, "axis=-1", 0},
    {0},
};

const xai_op xai_op_concat = {
    .type = "Concat", .min_in = 1, .max_in = 4096, .max_out = 1, .state_size = sizeof(concat),
    .setup = setup, .forward = forward, .backward = backward, .cases = CASES,
};
