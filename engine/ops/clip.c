/*
 * Clip: to [min, max], which are attributes before opset 11 and constant inputs since. Where min > max, max wins, as
 * ONNX says. Integers too, as exporters compute shapes. Also the loops that Relu shares, and the one place that knows
 * which nodes are a plain clamp.
 */
#include "cast.h"
#include "clip.h"
#include "rectifier.h"

#include <string.h>

static void clamp_forward(const xai_unary *s, const float *x, float *y, size_t n)
{
    xai_kernels_get()->clamp(x, s->clamp, y, n);
}

static void clamp_backward(const xai_unary *s, xai_policy policy, const float *x, const float *y, const float *gy,
                           float *gx, size_t n)
{
    (void)x;
    float gated[1024];
    const xai_kernels *k = xai_kernels_get();
    for (size_t at = 0; at < n; at += sizeof gated / sizeof *gated) {
        size_t part = n - at < sizeof gated / sizeof *gated ? n - at : sizeof gated / sizeof *gated;
        xai_rectify_backward(policy, s->clamp, y + at, gy + at, gated, part);
        k->add_clamp(gx + at, gated, xai_clamp_none(), gx + at, part);
    }
}

const xai_unary_rule xai_clamp_rule = {clamp_forward, clamp_backward};

bool xai_node_clamp(const xai_node *node, xai_clamp *out)
{
    bool clamps = strcmp(node->op->type, "Relu") == 0 || strcmp(node->op->type, "Clip") == 0;
    if (clamps) *out = ((const xai_unary *)node->state)->clamp;
    return clamps;
}

typedef struct clip {
    xai_unary reals; /* first: what unary.c runs by */
    int64_t lo, hi;  /* of integers */
} clip;

static xai_status read_bound(const xai_node *node, int i, const char *name, double *real, int64_t *integer,
                             xai_error *err)
{
    if (!xai_has_input(node, i)) return XAI_OK;
    const xai_tensor *t = node->in[i]->constant;
    XAI_NODE_CHECK(t && t->dtype == node->in[0]->dtype && xai_tensor_count(t) == 1, node, UNSUPPORTED_OP, err,
                   "%s must be a constant scalar of the input's type", name);
    *real = xai_tensor_real(t, 0);
    *integer = xai_tensor_int(t, 0);
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    clip *s = node->state;
    xai_dtype dtype = node->in[0]->dtype;
    double lo = (double)xai_attr_real(node, "min", -INFINITY), hi = (double)xai_attr_real(node, "max", INFINITY);
    s->lo = INT64_MIN;
    s->hi = INT64_MAX;
    XAI_TRY(read_bound(node, 1, "min", &lo, &s->lo, err));
    XAI_TRY(read_bound(node, 2, "max", &hi, &s->hi, err));
    s->reals.clamp = (xai_clamp){(float)lo, (float)hi};
    if (dtype == XAI_F32) return xai_unary_setup(node, &xai_clamp_rule, err);
    XAI_NODE_CHECK(dtype == XAI_I64 || dtype == XAI_I32 || dtype == XAI_U8, node, UNSUPPORTED_OP, err,
                   "%s is not served", xai_dtype_name(dtype));
    return xai_node_output(node, 0, dtype, &node->in[0]->shape, err);
}

static void clip_integers(const xai_node *node, const xai_exec *exec)
{
    const clip *s = node->state;
    xai_tensor in = {node->in[0]->dtype, node->in[0]->shape, xai_in_data(exec, node, 0)};
    int64_t count = xai_tensor_count(&in);
    for (int64_t i = 0; i < count; i++) {
        int64_t v = xai_tensor_int(&in, i);
        v = v < s->lo ? s->lo : v;
        xai_cast_store(in.dtype, xai_out_data(exec, node, 0), i, v > s->hi ? s->hi : v);
    }
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    if (node->in[0]->dtype == XAI_F32) xai_unary_forward(node, exec);
    else clip_integers(node, exec);
}

static void forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box)
{
    if (node->in[0]->dtype == XAI_F32) xai_unary_forward_box(node, exec, box);
    else clip_integers(node, exec);
}

static const xai_op_case CASES[] = {
    {"attributes", {"3x40", NULL}, "min=-0.3;max=0.5", 10},
    {"constant_inputs", {"3x40", "~", "+", NULL}, "", 0},
    {"only_max", {"2x30", "", "+", NULL}, "", 0},
    {"no_bounds", {"2x3", NULL}, "", 0},
    {"several_pieces", {"5x7001", "", "+1", NULL}, "", 0},
    {0},
};

const xai_op xai_op_clip = {
    .type = "Clip",
    .min_in = 1,
    .max_in = 3,
    .max_out = 1,
    .state_size = sizeof(clip),
    .setup = setup,
    .forward = forward,
    .reach = xai_unary_reach,
    .forward_box = forward_box,
    .backward = xai_unary_backward,
    XAI_STRAIGHT,
    .flow = XAI_FLOW_PASS,
    .order = xai_order_elementwise,
    .cases = CASES,
};
