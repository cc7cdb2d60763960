/* Pad: constant, reflect and edge mode; pads as an attribute before opset 11, as an input since. Negative pads crop
 * (constant mode only). Float and integer types in constant mode by element size; gradients for float. */
#include "pad.h"

#include <string.h>

typedef enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE } pad_mode;

typedef struct pad_state {
    pad_mode mode;
    int64_t before[XAI_MAX_RANK], after[XAI_MAX_RANK];
    unsigned char value[8];
    bool value_is_zero;
} pad_state;

static xai_status read_mode(const xai_node *node, pad_state *s, xai_error *err)
{
    static const char *const NAMES[] = {"constant", "reflect", "edge"};
    const char *mode = xai_attr_text(node, "mode", "constant");
    for (int i = 0; i < 3; i++)
        if (strcmp(mode, NAMES[i]) == 0) {
            s->mode = (pad_mode)i;
            return XAI_OK;
        }
    return xai_node_fail(node, XAI_E_UNSUPPORTED_OP, err, "mode '%s' is not supported", mode);
}

static xai_status read_value(const xai_node *node, pad_state *s, xai_error *err)
{
    float real = xai_attr_real(node, "value", 0);
    size_t size = xai_dtype_size(node->in[0]->dtype);
    memcpy(s->value, &real, sizeof real);
    if (xai_has_input(node, 2)) {
        const xai_tensor *t = node->in[2]->constant;
        XAI_NODE_CHECK(t && t->dtype == node->in[0]->dtype && xai_tensor_count(t) == 1, node, UNSUPPORTED_OP, err,
                       "the value must be a constant scalar of the data's type");
        memcpy(s->value, t->data, size);
    }
    static const unsigned char ZERO[8];
    s->value_is_zero = memcmp(s->value, ZERO, size) == 0;
    return XAI_OK;
}

/* pads lists all befores, then all afters, of the given axes or of all. */
static xai_status read_pads(xai_node *node, xai_setup *setup, pad_state *s, xai_error *err)
{
    const int64_t *pads, *axes;
    size_t count, axis_count;
    const xai_shape *in = &node->in[0]->shape;
    XAI_TRY(xai_node_ints(node, 1, "pads", setup, &pads, &count, err));
    XAI_TRY(xai_node_ints(node, 3, "axes", setup, &axes, &axis_count, err));
    size_t n = axes ? axis_count : (size_t)in->rank;
    XAI_NODE_CHECK(count == 2 * n, node, BAD_MODEL, err, "%zu pads for %zu axes", count, n);
    for (size_t i = 0; i < n; i++) {
        int axis = xai_shape_axis(in, axes ? axes[i] : (int64_t)i);
        XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "an axis is out of range");
        s->before[axis] = pads[i];
        s->after[axis] = pads[n + i];
    }
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    pad_state *s = node->state;
    XAI_TRY(read_mode(node, s, err));
    XAI_TRY(read_value(node, s, err));
    XAI_TRY(read_pads(node, setup, s, err));
    xai_shape out = node->in[0]->shape;
    for (int i = 0; i < out.rank; i++) {
        int64_t most = s->mode == PAD_REFLECT ? out.dim[i] - 1 : XAI_MAX_ELEMENTS;
        XAI_NODE_CHECK(s->before[i] <= most && s->after[i] <= most && s->before[i] >= -out.dim[i] &&
                           s->after[i] >= -out.dim[i] && (s->mode == PAD_CONSTANT || (s->before[i] >= 0 && s->after[i] >= 0)),
                       node, UNSUPPORTED_OP, err, "the pads of dimension %d are out of range", i);
        out.dim[i] += s->before[i] + s->after[i];
    }
    return xai_node_output(node, 0, node->in[0]->dtype, &out, err);
}

bool xai_node_zero_pads(const xai_node *node, int64_t pads[4])
{
    const pad_state *s = node->state;
    if (s->mode != PAD_CONSTANT || !s->value_is_zero || node->in[0]->shape.rank != 4) return false;
    for (int i = 0; i < 4; i++)
        if (s->before[i] < 0 || s->after[i] < 0 || (i < 2 && (s->before[i] || s->after[i]))) return false;
    for (int i = 0; i < 2; i++) {
        pads[i] = s->before[2 + i];
        pads[2 + i] = s->after[2 + i];
    }
    return true;
}

/* Where output index i of an axis reads: -1: the value. */
static int64_t source(const pad_state *s, int axis, int64_t i, int64_t n)
{
    int64_t at = i - s->before[axis];
    if (at >= 0 && at < n) return at;
    if (s->mode == PAD_CONSTANT) return -1;
    if (s->mode == PAD_EDGE) return at < 0 ? 0 : n - 1;
    return at < 0 ? -at : 2 * (n - 1) - at;
}

/* Calls for every output element in order with the input element it reads, or -1. */
typedef void (*pad_fn)(void *context, int64_t out, int64_t in);

static void visit(const xai_node *node, pad_fn fn, void *context)
{
    const pad_state *s = node->state;
    const xai_shape *in = &node->in[0]->shape, *out = &node->out[0]->shape;
    int64_t count = xai_shape_count(out), index[XAI_MAX_RANK] = {0};
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0;
        for (int d = 0; d < in->rank && at >= 0; d++) {
            int64_t from = source(s, d, index[d], in->dim[d]);
            at = from < 0 ? -1 : at * in->dim[d] + from;
        }
        fn(context, i, at);
        for (int d = out->rank; d-- > 0;) {
            if (++index[d] < out->dim[d]) break;
            index[d] = 0;
        }
    }
}

typedef struct pad_copy {
    const unsigned char *from, *value;
    unsigned char *to;
    size_t size;
} pad_copy;

static void copy_element(void *context, int64_t out, int64_t in)
{
    const pad_copy *c = context;
    memcpy(c->to + (size_t)out * c->size, in < 0 ? c->value : c->from + (size_t)in * c->size, c->size);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const pad_state *s = node->state;
    pad_copy c = {xai_in_data(exec, node, 0), s->value, xai_out_data(exec, node, 0),
                  xai_dtype_size(node->in[0]->dtype)};
    visit(node, copy_element, &c);
}

typedef struct pad_sum {
    const float *gy;
    float *gx;
} pad_sum;

static void add_element(void *context, int64_t out, int64_t in)
{
    const pad_sum *s = context;
    if (in >= 0) s->gx[in] += s->gy[out];
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    pad_sum s = {xai_grad_out(exec, node, 0), xai_grad_in(exec, node, 0)};
    if (s.gx) visit(node, add_element, &s);
}

static const xai_op_case CASES[] = {
    {"zeros", {"1x2x3x4", "=0,0,1,2,0,0,0,1", NULL}, "", 0},
    {"crops_when_negative", {"3x4", "=-1,1,0,-2", NULL}, "", 0},
    {"reflect", {"1x1x4x5", "=0,0,2,1,0,0,1,3", NULL}, "mode=reflect", 0},
    {"edge", {"2x3", "=1,0,2,2", NULL}, "mode=edge", 0},
    {0},
};

const xai_op xai_op_pad = {
    .type = "Pad", .min_in = 1, .max_in = 4, .max_out = 1, .state_size = sizeof(pad_state), .setup = setup,
    .forward = forward, .backward = backward, .cases = CASES,
};
