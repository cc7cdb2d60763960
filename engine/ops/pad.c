/*
 * Pad: constant, reflect, edge and wrap mode. Pads, and the value, are attributes before opset 11 and constant inputs
 * since. Any type; gradients for float32. A piece of work is one index of the leading axes that are not padded.
 */
#include "pad.h"

#include <string.h>

static xai_status read_mode(const xai_node *node, xai_pad *s, xai_error *err)
{
    static const char *const NAMES[] = {"constant", "reflect", "edge", "wrap"};
    const char *mode = xai_attr_text(node, "mode", NAMES[0]);
    for (int i = 0; i < 4; i++) {
        if (strcmp(mode, NAMES[i]) != 0) continue;
        s->mode = (xai_pad_mode)i;
        return XAI_OK;
    }
    return xai_node_fail(node, XAI_E_UNSUPPORTED_OP, err, "mode '%s' is not served", mode);
}

static xai_status read_value(const xai_node *node, xai_pad *s, xai_error *err)
{
    static const unsigned char ZERO[8];
    size_t size = xai_dtype_size(node->in[0]->dtype);
    float real = xai_attr_real(node, "value", 0);
    if (node->in[0]->dtype == XAI_F32) memcpy(s->value, &real, sizeof real);
    if (xai_has_input(node, 2)) {
        const xai_tensor *t = node->in[2]->constant;
        XAI_NODE_CHECK(t && t->dtype == node->in[0]->dtype && xai_tensor_count(t) == 1, node, UNSUPPORTED_OP, err,
                       "constant_value must be a constant scalar of the data's type");
        memcpy(s->value, t->data, size);
    }
    s->is_zero = memcmp(s->value, ZERO, size) == 0;
    return XAI_OK;
}

/* The list has all befores, then all afters, of the given axes or of all. */
static xai_status read_pads(const xai_node *node, xai_setup *setup, xai_pad *s, xai_error *err)
{
    const int64_t *pads, *axes;
    size_t count, axis_count;
    const xai_shape *in = &node->in[0]->shape;
    XAI_TRY(xai_node_ints(node, 1, "pads", setup, &pads, &count, err));
    XAI_TRY(xai_node_ints(node, 3, "axes", setup, &axes, &axis_count, err));
    size_t n = axes ? axis_count : (size_t)in->rank;
    XAI_NODE_CHECK(count == 2 * n, node, BAD_MODEL, err, "pads has %zu entries for %zu axes", count, n);
    for (size_t i = 0; i < n; i++) {
        int axis = xai_shape_axis(in, axes ? axes[i] : (int64_t)i);
        XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axes is out of range");
        s->before[axis] = pads[i];
        s->after[axis] = pads[n + i];
    }
    return XAI_OK;
}

static bool pad_fits(const xai_pad *s, int64_t pad, int64_t length)
{
    if (s->mode == XAI_PAD_CONSTANT) return pad >= -length && pad <= XAI_MAX_ELEMENTS;
    return pad >= 0 && pad <= (s->mode == XAI_PAD_REFLECT ? length - 1 : length ? XAI_MAX_ELEMENTS : 0);
}

static int64_t positive(int64_t v) { return v > 0 ? v : 0; }

/* The box that output and input share. */
static void make_inside(xai_pad *s, const xai_shape *in, const xai_shape *out)
{
    int64_t dim[XAI_MAX_RANK], stride_in[XAI_MAX_RANK], stride_out[XAI_MAX_RANK];
    xai_nest_side from = {stride_in, 0}, to = {stride_out, 0};
    xai_dense_strides(in, stride_in);
    xai_dense_strides(out, stride_out);
    for (int i = 0; i < in->rank; i++) {
        dim[i] = positive(in->dim[i] - positive(-s->before[i]) - positive(-s->after[i]));
        from.offset += positive(-s->before[i]) * stride_in[i];
        to.offset += positive(s->before[i]) * stride_out[i];
    }
    xai_nest_pair(&s->inside, in->rank, dim, to, from);
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_pad *s = node->state;
    const xai_shape *in = &node->in[0]->shape;
    xai_shape out = *in;
    XAI_TRY(read_mode(node, s, err));
    XAI_TRY(read_value(node, s, err));
    XAI_TRY(read_pads(node, setup, s, err));
    for (int i = 0; i < out.rank; i++) {
        XAI_NODE_CHECK(pad_fits(s, s->before[i], in->dim[i]) && pad_fits(s, s->after[i], in->dim[i]), node,
                       UNSUPPORTED_OP, err, "the pads of axis %d are out of range", i);
        out.dim[i] += s->before[i] + s->after[i];
    }
    XAI_TRY(xai_node_output(node, 0, node->in[0]->dtype, &out, err));
    make_inside(s, in, &out);
    return XAI_OK;
}

bool xai_node_zero_pads(const xai_node *node, int64_t pads[4])
{
    const xai_pad *s = node->state;
    if (s->mode != XAI_PAD_CONSTANT || !s->is_zero || node->in[0]->shape.rank != 4) return false;
    for (int i = 0; i < 4; i++) {
        if (s->before[i] < 0 || s->after[i] < 0 || (i < 2 && (s->before[i] || s->after[i]))) return false;
        pads[i] = i < 2 ? s->before[2 + i] : s->after[i];
    }
    return true;
}

/* ---------------------------------------------------------------- running */

/* One axis of a reflected or repeated border: the input position behind output position i. */
static int64_t source(xai_pad_mode mode, int64_t i, int64_t before, int64_t length)
{
    int64_t at = i - before;
    if (at >= 0 && at < length) return at;
    if (mode == XAI_PAD_EDGE) return at < 0 ? 0 : length - 1;
    if (mode == XAI_PAD_WRAP) return at % length < 0 ? at % length + length : at % length;
    return at < 0 ? -at : 2 * (length - 1) - at;
}

typedef struct run {
    const xai_pad *pad;
    const xai_shape *in, *out;
    int lead;                     /* axes before the first padded one */
    int64_t in_count, out_count;  /* elements in one piece */
    const unsigned char *x;
    unsigned char *y;
    int64_t size;
    const float *gy;
    float *gx;
} run;

/* Input element behind output element i, both within one piece. */
static int64_t element(const run *r, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int d = r->out->rank; d-- > r->lead; i /= r->out->dim[d]) {
        at += stride * source(r->pad->mode, i % r->out->dim[d], r->pad->before[d], r->in->dim[d]);
        stride *= r->in->dim[d];
    }
    return at;
}

static void forward_piece(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const unsigned char *x = r->x + (int64_t)index * r->in_count * r->size;
    unsigned char *y = r->y + (int64_t)index * r->out_count * r->size;
    for (int64_t i = 0; i < r->out_count; i++) memcpy(y + i * r->size, x + element(r, i) * r->size, (size_t)r->size);
}

static void backward_piece(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const float *gy = r->gy + (int64_t)index * r->out_count;
    float *gx = r->gx + (int64_t)index * r->in_count;
    for (int64_t i = 0; i < r->out_count; i++) gx[element(r, i)] += gy[i];
}

static void run_pieces(const xai_node *node, const xai_exec *exec, run *r, xai_par_body body)
{
    r->pad = node->state;
    r->in = &node->in[0]->shape;
    r->out = &node->out[0]->shape;
    while (r->lead < r->in->rank && !r->pad->before[r->lead] && !r->pad->after[r->lead]) r->lead++;
    r->in_count = xai_shape_span(r->in, r->lead, r->in->rank);
    r->out_count = xai_shape_span(r->out, r->lead, r->out->rank);
    xai_par_for(exec->par, (size_t)xai_shape_span(r->in, 0, r->lead), body, r);
}

static void fill(const xai_pad *s, bool zeros, unsigned char *y, size_t count, size_t size)
{
    if (zeros) memset(y, 0, count * size);
    else
        for (size_t i = 0; i < count; i++) memcpy(y + i * size, s->value, size);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const xai_pad *s = node->state;
    size_t size = xai_dtype_size(node->in[0]->dtype);
    run r = {.x = xai_in_data(exec, node, 0), .y = xai_out_data(exec, node, 0), .size = (int64_t)size};
    if (s->mode != XAI_PAD_CONSTANT) {
        run_pieces(node, exec, &r, forward_piece);
        return;
    }
    fill(s, s->is_zero || exec->homogeneous, r.y, (size_t)xai_value_count(node->out[0]), size);
    xai_nest_copy(&s->inside, exec->par, r.x, r.y, size);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const xai_pad *s = node->state;
    run r = {.gy = xai_grad_out(exec, node, 0), .gx = xai_grad_in(exec, node, 0)};
    if (!r.gx || !r.gy) return;
    if (s->mode == XAI_PAD_CONSTANT) xai_nest_add_back(&s->inside, exec->par, r.gy, r.gx);
    else run_pieces(node, exec, &r, backward_piece);
}

static const xai_op_case CASES[] = {
    {"zeros", {"1x2x3x4", "=0,0,1,2,0,0,0,1", NULL}, "", 0},
    {"other_value", {"2x3", "=1,0,0,2", "~", NULL}, "", 0},
    {"cuts_where_negative", {"3x4", "=-1,1,0,-2", NULL}, "", 0},
    {"reflect", {"2x2x4x5", "=0,0,2,1,0,0,1,3", NULL}, "mode=reflect", 0},
    {"edge", {"2x3", "=1,0,2,2", NULL}, "mode=edge", 0},
    {"wrap", {"2x3", "=1,4,2,2", NULL}, "mode=wrap", 19},
    {"attributes", {"1x2x3x4", NULL}, "pads=0,0,1,1,0,0,1,1;value=0.5", 9},
    {"nothing_to_pad", {"2x3", "=0,0,0,0", NULL}, "mode=reflect", 0},
    {0},
};

const xai_op xai_op_pad = {
    .type = "Pad",
    .min_in = 1,
    .max_in = 4,
    .max_out = 1,
    .state_size = sizeof(xai_pad),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
