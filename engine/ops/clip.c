/*
 * Clip: to [min, max], which are attributes before opset 11 and constant inputs since. Where min > max, max wins, as
 * ONNX says. Also the loops that Relu shares, and the one place that knows which nodes are a plain clamp.
 */
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

static xai_status read_bound(const xai_node *node, int i, const char *name, float *bound, xai_error *err)
{
    if (!xai_has_input(node, i)) return XAI_OK;
    const xai_tensor *t = node->in[i]->constant;
    XAI_NODE_CHECK(t && t->dtype == XAI_F32 && xai_tensor_count(t) == 1, node, UNSUPPORTED_OP, err,
                   "%s must be a constant float32 scalar", name);
    *bound = *(const float *)t->data;
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_clamp *c = &((xai_unary *)node->state)->clamp;
    *c = (xai_clamp){xai_attr_real(node, "min", -INFINITY), xai_attr_real(node, "max", INFINITY)};
    XAI_TRY(read_bound(node, 1, "min", &c->lo, err));
    XAI_TRY(read_bound(node, 2, "max", &c->hi, err));
    return xai_unary_setup(node, &xai_clamp_rule, err);
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
    .state_size = sizeof(xai_unary),
    .setup = setup,
    .forward = xai_unary_forward,
    .backward = xai_unary_backward,
    XAI_STRAIGHT,
    .flow = XAI_FLOW_PASS,
    .order = xai_order_elementwise,
    .cases = CASES,
};
