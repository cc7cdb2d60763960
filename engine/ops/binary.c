/* Element-wise operators of two inputs: rules run over a loop nest. Sums over repeated inputs have one order. */
#include "binary.h"

#include <string.h>

/* The second shape as it lies in the first where it begins at `axis`: ones follow. */
static xai_status align(const xai_node *node, const xai_shape *a, int64_t axis, xai_shape *b, xai_error *err)
{
    int at = xai_shape_axis(a, axis), rank = b->rank;
    XAI_NODE_CHECK(at >= 0 && rank <= a->rank - at, node, BAD_MODEL, err, "axis is out of range");
    for (b->rank = a->rank - at; rank < b->rank; rank++) b->dim[rank] = 1;
    return XAI_OK;
}

xai_status xai_binary_setup(xai_node *node, const xai_binary_rule *rule, xai_error *err)
{
    const xai_shape *a = &node->in[0]->shape, *b = &node->in[1]->shape;
    return xai_binary_setup_at(node, rule, xai_attr_int(node, "axis", a->rank - b->rank), err);
}

xai_status xai_binary_setup_at(xai_node *node, const xai_binary_rule *rule, int64_t axis, xai_error *err)
{
    xai_binary *s = node->state;
    const xai_value *a = node->in[0], *b = node->in[1];
    xai_shape second = b->shape;
    const xai_shape *shapes[] = {&a->shape, &second};
    char left[128], right[128];
    xai_shape out;
    XAI_NODE_CHECK(a->dtype == b->dtype, node, UNSUPPORTED_OP, err, "the inputs are %s and %s",
                   xai_dtype_name(a->dtype), xai_dtype_name(b->dtype));
    XAI_NODE_CHECK(rule->row[a->dtype], node, UNSUPPORTED_OP, err, "%s is not served", xai_dtype_name(a->dtype));
    if (node->opset < 7 && b->shape.rank > 0) XAI_TRY(align(node, &a->shape, axis, &second, err));
    XAI_NODE_CHECK(xai_broadcast_shape(&a->shape, &second, &out), node, BAD_MODEL, err,
                   "%s and %s do not broadcast", xai_shape_text(&a->shape, left, sizeof left),
                   xai_shape_text(&b->shape, right, sizeof right));
    XAI_TRY(xai_node_output(node, 0, rule->is_test ? XAI_BOOL : a->dtype, &out, err));
    s->rule = rule;
    s->second = second;
    xai_nest_broadcast(&s->nest, &out, shapes, 2);
    return XAI_OK;
}

/* Either order, if both inputs are 4-D and a constant is one value a channel, or one in all. */
xai_order xai_binary_order(const xai_node *node)
{
    if (node->out[0]->shape.rank != 4 || node->out[0]->dtype != XAI_F32) return XAI_ORDER_PLAIN;
    for (int i = 0; i < 2; i++) {
        const xai_shape *s = &node->in[i]->shape;
        bool flat = xai_shape_count(s) == 1, pixel = s->rank >= 3 && s->dim[s->rank - 1] * s->dim[s->rank - 2] == 1;
        if (node->in[i]->constant ? !flat && !pixel : s->rank != 4) return XAI_ORDER_PLAIN;
    }
    return XAI_ORDER_EITHER;
}

static xai_shape channels_last(const xai_shape *s)
{
    if (s->rank == 3) return (xai_shape){3, {s->dim[1], s->dim[2], s->dim[0]}};
    return s->rank == 4 ? xai_shape_4d(s->dim[0], s->dim[2], s->dim[3], s->dim[1]) : *s;
}

/* With the channels last, the loops run over the axes as they lie. */
xai_status xai_binary_prepare(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup, (void)err;
    if (!node->channels_last) return XAI_OK;
    xai_shape a = channels_last(&node->in[0]->shape), b = channels_last(&node->in[1]->shape),
              out = channels_last(&node->out[0]->shape);
    const xai_shape *shapes[] = {&a, &b};
    xai_nest_broadcast(&((xai_binary *)node->state)->nest, &out, shapes, 2);
    return XAI_OK;
}

typedef struct run {
    xai_binary_row row;
    const unsigned char *a, *b;
    unsigned char *z;
    int64_t sa, sb, sz;
    int64_t in_size, out_size; /* bytes an element */
} run;

static void forward_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    const unsigned char *a = r->a + at[1] * r->in_size, *b = r->b + at[2] * r->in_size;
    unsigned char *z = r->z + at[0] * r->out_size;
    if (r->sz == 1 || n == 1) r->row(a, r->sa, b, r->sb, z, n);
    else /* a box of one column: its elements are no neighbours */
        for (int64_t i = 0; i < n; i++)
            r->row(a + i * r->sa * r->in_size, 1, b + i * r->sb * r->in_size, 1, z + i * r->sz * r->out_size, 1);
}

static void forward_nest(const xai_node *node, const xai_exec *exec, const xai_nest *nest)
{
    const xai_binary *s = node->state;
    run r = {.row = s->rule->row[node->in[0]->dtype],
             .a = xai_in_data(exec, node, 0),
             .b = xai_in_data(exec, node, 1),
             .z = xai_out_data(exec, node, 0),
             .sa = xai_nest_step(nest, 1),
             .sb = xai_nest_step(nest, 2),
             .sz = xai_nest_step(nest, 0),
             .in_size = (int64_t)xai_dtype_size(node->in[0]->dtype),
             .out_size = (int64_t)xai_dtype_size(node->out[0]->dtype)};
    xai_nest_run(nest, exec->par, 0, forward_row, &r);
}

void xai_binary_forward(const xai_node *node, const xai_exec *exec)
{
    forward_nest(node, exec, &((const xai_binary *)node->state)->nest);
}

/* Along an axis on which the input repeats, all of the output changes. */
void xai_binary_reach(const xai_node *node, int i, const xai_box *in, xai_box *out)
{
    const xai_binary *s = node->state;
    const xai_shape *shape = &node->out[0]->shape, *from = i == 1 ? &s->second : &node->in[0]->shape;
    *out = xai_box_whole(shape);
    for (int k = 0, skip = shape->rank - from->rank; k < node->in[i]->shape.rank; k++) {
        if (from->dim[k] != shape->dim[skip + k]) continue;
        out->low[skip + k] = in->low[k];
        out->end[skip + k] = in->end[k];
    }
}

void xai_binary_forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box)
{
    bool last = node->channels_last;
    xai_shape a = node->in[0]->shape, b = ((const xai_binary *)node->state)->second, out = node->out[0]->shape;
    if (last) a = channels_last(&a), b = channels_last(&b), out = channels_last(&out);
    xai_box lies = last ? xai_box_turned(box) : *box;
    const xai_shape *shapes[] = {&a, &b};
    xai_nest nest;
    xai_nest_broadcast_box(&nest, &out, shapes, 2, &lies);
    forward_nest(node, exec, &nest);
}

typedef struct back {
    xai_binary_slope slope;
    xai_binary_bend bend;
    xai_bend_row row;
    int operand_gz, operand_g; /* of the nest: where gz and g walk */
} back;

static void back_row(void *context, const int64_t *at, int64_t n)
{
    const back *b = context;
    xai_bend_row row = b->row;
    xai_slope_row *slope = &row.slope;
    slope->gz += at[b->operand_gz];
    slope->a += at[1];
    slope->b += at[2];
    slope->g += at[b->operand_g];
    slope->n = n;
    if (row.da) row.da += at[1];
    if (row.db) row.db += at[2];
    if (b->bend) b->bend(&row);
    else b->slope(slope);
}

static void run_back(const xai_node *node, const xai_exec *exec, back *b)
{
    const xai_nest *nest = &((const xai_binary *)node->state)->nest;
    xai_slope_row *row = &b->row.slope;
    row->a = xai_in_f32(exec, node, 0);
    row->b = xai_in_f32(exec, node, 1);
    row->sa = xai_nest_step(nest, 1);
    row->sb = xai_nest_step(nest, 2);
    row->sz = xai_nest_step(nest, b->operand_gz);
    row->sg = xai_nest_step(nest, b->operand_g);
    if (row->g && row->gz && (b->slope || b->bend)) xai_nest_run(nest, exec->par, b->operand_g, back_row, b);
}

void xai_binary_backward(const xai_node *node, const xai_exec *exec)
{
    const xai_binary_rule *rule = ((const xai_binary *)node->state)->rule;
    for (int i = 0; i < 2; i++) {
        bool rectified = i == 0 && exec->policy != XAI_POLICY_PLAIN && rule->rectified;
        back b = {.slope = rectified ? rule->rectified : rule->slope[i], .operand_g = i + 1};
        b.row.slope.gz = xai_grad_out(exec, node, 0);
        b.row.slope.g = xai_grad_in(exec, node, i);
        run_back(node, exec, &b);
    }
}

/* A slope is linear in g: with an input's tangent in its place it adds to the result's tangent. */
void xai_binary_tangent(const xai_node *node, const xai_exec *exec)
{
    const xai_binary_rule *rule = ((const xai_binary *)node->state)->rule;
    float *dz = xai_tangent_out(exec, node, 0);
    memset(dz, 0, (size_t)xai_value_count(node->out[0]) * sizeof *dz);
    for (int i = 0; i < 2; i++) {
        back b = {.slope = rule->slope[i], .operand_gz = i + 1};
        b.row.slope.gz = xai_tangent_in(exec, node, i);
        b.row.slope.g = dz;
        run_back(node, exec, &b);
    }
}

void xai_binary_curve(const xai_node *node, const xai_exec *exec)
{
    const xai_binary_rule *rule = ((const xai_binary *)node->state)->rule;
    for (int i = 0; i < 2; i++) {
        back b = {.bend = rule->bend[i], .operand_g = i + 1};
        b.row.da = xai_tangent_in(exec, node, 0);
        b.row.db = xai_tangent_in(exec, node, 1);
        b.row.slope.gz = xai_first_out(exec, node, 0);
        b.row.slope.g = xai_grad_in(exec, node, i);
        run_back(node, exec, &b);
    }
}
