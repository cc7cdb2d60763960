/* Concat: inputs side by side along one axis; any type. Inputs are taken one after the other: two may be the same. */
#include "nest.h"
#include "pixel_join.h"

#include <string.h>

typedef struct concat {
    int axis;
} concat;

static bool fits(const xai_value *a, const xai_value *b, int axis)
{
    if (a->dtype != b->dtype || a->shape.rank != b->shape.rank) return false;
    for (int i = 0; i < a->shape.rank; i++)
        if (i != axis && a->shape.dim[i] != b->shape.dim[i]) return false;
    return true;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    concat *c = node->state;
    xai_shape out = node->in[0]->shape;
    XAI_NODE_CHECK(xai_attr_find(node, "axis"), node, BAD_MODEL, err, "axis is missing");
    c->axis = xai_shape_axis(&out, xai_attr_int(node, "axis", 0));
    XAI_NODE_CHECK(c->axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    for (int i = 1; i < node->in_count; i++) {
        XAI_NODE_CHECK(node->in[i] && fits(node->in[i], node->in[0], c->axis), node, BAD_MODEL, err,
                       "input %d does not fit the first", i);
        bool small = !__builtin_add_overflow(out.dim[c->axis], node->in[i]->shape.dim[c->axis], &out.dim[c->axis]);
        XAI_NODE_CHECK(small, node, BAD_MODEL, err, "the sum is too large");
    }
    return xai_node_output(node, 0, node->in[0]->dtype, &out, err);
}

/* Where input i, whose first slice is slice `from` of the output, lies in the output. */
static xai_nest place(const xai_node *node, int i, int64_t from)
{
    const concat *c = node->state;
    const xai_shape *in = &node->in[i]->shape, *out = &node->out[0]->shape;
    if (node->channels_last) { /* pixel by pixel, along the channels */
        int64_t rows = in->dim[0] * in->dim[2] * in->dim[3], dim[] = {rows, in->dim[1]};
        int64_t pixel_in[] = {in->dim[1], 1}, pixel_out[] = {out->dim[1], 1};
        xai_nest pixels;
        xai_nest_pair(&pixels, 2, dim, (xai_nest_side){pixel_out, from}, (xai_nest_side){pixel_in, 0});
        return pixels;
    }
    int64_t inner = xai_shape_span(in, c->axis + 1, in->rank), rows = xai_shape_span(in, 0, c->axis);
    int64_t dim[] = {rows, in->dim[c->axis] * inner};
    int64_t stride_in[] = {dim[1], 1}, stride_out[] = {out->dim[c->axis] * inner, 1};
    xai_nest nest;
    xai_nest_pair(&nest, 2, dim, (xai_nest_side){stride_out, from * inner}, (xai_nest_side){stride_in, 0});
    return nest;
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    int axis = ((const concat *)node->state)->axis;
    int64_t from = 0;
    if (node->channels_last) {
        xai_pixel_join_run(&(xai_pixel_join){.node = node, .inputs = node->in_count, .out = xai_out_f32(exec, node, 0)},
                           exec);
        return;
    }
    for (int i = 0; i < node->in_count; from += node->in[i++]->shape.dim[axis]) {
        xai_nest nest = place(node, i, from);
        xai_nest_copy(&nest, exec->par, xai_in_data(exec, node, i), xai_out_data(exec, node, 0),
                      xai_dtype_size(node->in[i]->dtype));
    }
}

/* The first slice of input i in the output. */
static int64_t first_slice(const xai_node *node, int i)
{
    int axis = ((const concat *)node->state)->axis;
    int64_t from = 0;
    for (int k = 0; k < i; k++) from += node->in[k]->shape.dim[axis];
    return from;
}

static void reach(const xai_node *node, int i, const xai_box *in, xai_box *out)
{
    int axis = ((const concat *)node->state)->axis;
    *out = *in;
    out->low[axis] += first_slice(node, i);
    out->end[axis] += first_slice(node, i);
}

typedef struct copy {
    const unsigned char *in;
    unsigned char *out;
    const xai_shape *shape; /* of the output */
    int axis;
    int64_t from, size; /* the input's first slice; bytes of an element */
} copy;

static void copy_row(void *context, const int64_t *index, int64_t at, int64_t n)
{
    const copy *c = context;
    int64_t to = 0;
    for (int k = 0; k < c->shape->rank; k++) to = to * c->shape->dim[k] + index[k] + (k == c->axis ? c->from : 0);
    memcpy(c->out + to * c->size, c->in + at * c->size, (size_t)(n * c->size));
}

static void forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box)
{
    int axis = ((const concat *)node->state)->axis;
    bool last = node->channels_last;
    xai_shape out = last ? xai_shape_turned(&node->out[0]->shape) : node->out[0]->shape;
    copy c = {.out = xai_out_data(exec, node, 0), .shape = &out, .axis = last ? 3 : axis};
    c.size = (int64_t)xai_dtype_size(node->out[0]->dtype);
    for (int i = 0; i < node->in_count; c.from += node->in[i++]->shape.dim[axis]) {
        xai_shape in = node->in[i]->shape;
        xai_box part = *box;
        part.low[axis] -= c.from;
        part.end[axis] -= c.from;
        xai_box_clip(&part, &in);
        if (last) in = xai_shape_turned(&in), part = xai_box_turned(&part);
        c.in = xai_in_data(exec, node, i);
        xai_box_rows(&part, &in, copy_row, &c);
    }
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    int axis = ((const concat *)node->state)->axis;
    const float *gy = xai_grad_out(exec, node, 0);
    int64_t from = 0;
    for (int i = 0; gy && i < node->in_count; from += node->in[i++]->shape.dim[axis]) {
        float *gx = xai_grad_in(exec, node, i);
        xai_nest nest = place(node, i, from);
        if (gx) xai_nest_add_back(&nest, exec->par, gy, gx);
    }
}

static xai_order order(const xai_node *node)
{
    bool channels = node->out[0]->shape.rank == 4 && ((const concat *)node->state)->axis == 1;
    for (int i = 0; i < node->in_count; i++) channels = channels && !node->in[i]->constant;
    return channels && node->out[0]->dtype == XAI_F32 ? XAI_ORDER_EITHER : XAI_ORDER_PLAIN;
}

static const xai_op_case CASES[] = {
    {"channels", {"2x3x2x2", "2x1x2x2", "2x2x2x2", NULL}, "axis=1", 0},
    {"last_axis", {"2x3", "2x1", NULL}, "axis=-1", 0},
    {"several_pieces", {"1x40x25x25", "1x30x25x25", NULL}, "axis=1", 0},
    {"one_input", {"2x3", NULL}, "axis=0", 0},
    {0},
};

const xai_op xai_op_concat = {
    .type = "Concat",
    .min_in = 1,
    .max_in = 4096,
    .max_out = 1,
    .state_size = sizeof(concat),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .reach = reach,
    .forward_box = forward_box,
    .linear = XAI_ALL_INPUTS,
    .flow = XAI_FLOW_ROUTE,
    .order = order,
    .cases = CASES,
};
