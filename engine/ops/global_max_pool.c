/* GlobalMaxPool: the largest value of each plane; the gradient goes to the first maximum in scan order. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const xai_shape *in = &node->in[0]->shape;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "only float32 is served");
    XAI_NODE_CHECK(in->rank >= 3 && xai_shape_count(in) > 0, node, BAD_MODEL, err, "the input has no plane");
    xai_shape out = *in;
    for (int i = 2; i < out.rank; i++) out.dim[i] = 1;
    return xai_node_output(node, 0, XAI_F32, &out, err);
}

static int64_t first_maximum(const float *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best] || x[i] != x[i]) best = i;
    return best;
}

static int64_t plane_size(const xai_node *node)
{
    return xai_shape_span(&node->in[0]->shape, 2, node->in[0]->shape.rank);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const float *x = xai_in_f32(exec, node, 0);
    float *y = xai_out_f32(exec, node, 0);
    int64_t size = plane_size(node), planes = xai_value_count(node->out[0]);
    for (int64_t p = 0; p < planes; p++, x += size) y[p] = x[first_maximum(x, size)];
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const float *x = xai_in_f32(exec, node, 0), *gy = xai_grad_out(exec, node, 0);
    float *gx = xai_grad_in(exec, node, 0);
    int64_t size = plane_size(node), planes = xai_value_count(node->out[0]);
    if (!gx || !gy) return;
    for (int64_t p = 0; p < planes; p++) gx[p * size + first_maximum(x + p * size, size)] += gy[p];
}

static void tangent(const xai_node *node, const xai_exec *exec)
{
    const float *x = xai_in_f32(exec, node, 0), *dx = xai_tangent_in(exec, node, 0);
    float *dy = xai_tangent_out(exec, node, 0);
    int64_t size = plane_size(node), planes = xai_value_count(node->out[0]);
    for (int64_t p = 0; p < planes; p++) dy[p] = dx[p * size + first_maximum(x + p * size, size)];
}

static const xai_op_case CASES[] = {
    {"square", {"2x3x7x7", NULL}, "", 0},
    {"one_dimensional", {"2x3x9", NULL}, "", 0},
    {0},
};

const xai_op xai_op_global_max_pool = {
    .type = "GlobalMaxPool",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
