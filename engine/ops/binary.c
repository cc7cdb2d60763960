/* Element-wise operators of two inputs: rules run over a loop nest. Sums over repeated inputs have one order. */
#include "binary.h"

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
    int64_t sa, sb;
    int64_t in_size, out_size; /* bytes an element */
} run;

static void forward_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    r->row(r->a + at[1] * r->in_size, r->sa, r->b + at[2] * r->in_size, r->sb, r->z + at[0] * r->out_size, n);
}

void xai_binary_forward(const xai_node *node, const xai_exec *exec)
{
    const xai_binary *s = node->state;
    run r = {.row = s->rule->row[node->in[0]->dtype],
             .a = xai_in_data(exec, node, 0),
             .b = xai_in_data(exec, node, 1),
             .z = xai_out_data(exec, node, 0),
             .sa = xai_nest_step(&s->nest, 1),
             .sb = xai_nest_step(&s->nest, 2),
             .in_size = (int64_t)xai_dtype_size(node->in[0]->dtype),
             .out_size = (int64_t)xai_dtype_size(node->out[0]->dtype)};
    xai_nest_run(&s->nest, exec->par, 0, forward_row, &r);
}

typedef struct back {
    xai_binary_slope slope;
    xai_slope_row row;
    int operand;
} back;

static void backward_row(void *context, const int64_t *at, int64_t n)
{
    const back *b = context;
    xai_slope_row row = b->row;
    row.gz += at[0];
    row.a += at[1];
    row.b += at[2];
    row.g += at[b->operand];
    row.n = n;
    b->slope(&row);
}

static void backward_input(const xai_node *node, const xai_exec *exec, int i)
{
    const xai_binary *s = node->state;
    bool rectified = i == 0 && exec->policy != XAI_POLICY_PLAIN && s->rule->rectified;
    back b = {.slope = rectified ? s->rule->rectified : s->rule->slope[i], .operand = i + 1};
    b.row = (xai_slope_row){.a = xai_in_f32(exec, node, 0),
                            .b = xai_in_f32(exec, node, 1),
                            .gz = xai_grad_out(exec, node, 0),
                            .sa = xai_nest_step(&s->nest, 1),
                            .sb = xai_nest_step(&s->nest, 2),
                            .sz = xai_nest_step(&s->nest, 0),
                            .g = xai_grad_in(exec, node, i),
                            .sg = xai_nest_step(&s->nest, i + 1)};
    if (b.slope && b.row.g && b.row.gz) xai_nest_run(&s->nest, exec->par, i + 1, backward_row, &b);
}

void xai_binary_backward(const xai_node *node, const xai_exec *exec)
{
    for (int i = 0; i < 2; i++) backward_input(node, exec, i);
}
