/*
 * GlobalAveragePool: the mean of each plane. Sums in four interleaved double lanes, so that the order is fixed and
 * the additions need not wait for each other.
 */
#include "op.h"

enum { LANES = 16 };

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

typedef struct run {
    const float *x, *gy;
    float *y, *gx;
    int64_t size;     /* of a plane */
    size_t channels;  /* channels last: of a pixel */
} run;

/* ---- channels last: one piece is an image */

static void forward_image(void *context, size_t image, int thread)
{
    (void)thread;
    const run *r = context;
    const float *x = r->x + image * (size_t)r->size * r->channels;
    float *y = r->y + image * r->channels;
    for (size_t c = 0; c < r->channels; c += LANES) {
        double lane[LANES] = {0};
        size_t n = r->channels - c < LANES ? r->channels - c : LANES;
        for (size_t i = 0; i < (size_t)r->size; i++)
            for (size_t k = 0; k < n; k++) lane[k] += (double)x[i * r->channels + c + k];
        for (size_t k = 0; k < n; k++) y[c + k] = (float)(lane[k] / (double)r->size);
    }
}

static void backward_image(void *context, size_t image, int thread)
{
    (void)thread;
    const run *r = context;
    const float *gy = r->gy + image * r->channels;
    float *gx = r->gx + image * (size_t)r->size * r->channels;
    for (size_t i = 0; i < (size_t)r->size; i++, gx += r->channels)
        for (size_t c = 0; c < r->channels; c++) gx[c] += gy[c] / (float)r->size;
}

/* ---- plane by plane */

static double plane_sum(const float *x, int64_t n)
{
    double lane[4] = {0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++) lane[k] += (double)x[i + k];
    for (; i < n; i++) lane[i & 3] += (double)x[i];
    return lane[0] + lane[1] + (lane[2] + lane[3]);
}

static void forward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    r->y[index] = (float)(plane_sum(r->x + (int64_t)index * r->size, r->size) / (double)r->size);
}

static void backward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    float g = r->gy[index] / (float)r->size, *gx = r->gx + (int64_t)index * r->size;
    for (int64_t i = 0; i < r->size; i++) gx[i] += g;
}

static size_t planes(const xai_node *node) { return (size_t)xai_value_count(node->out[0]); }

static int64_t plane_size(const xai_node *node)
{
    return xai_shape_span(&node->in[0]->shape, 2, node->in[0]->shape.rank);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    run r = {.x = xai_in_f32(exec, node, 0), .y = xai_out_f32(exec, node, 0), .size = plane_size(node)};
    r.channels = (size_t)node->in[0]->shape.dim[1];
    if (node->channels_last) xai_par_for(exec->par, (size_t)node->in[0]->shape.dim[0], forward_image, &r);
    else xai_par_for(exec->par, planes(node), forward_plane, &r);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    run r = {.gy = xai_grad_out(exec, node, 0), .gx = xai_grad_in(exec, node, 0), .size = plane_size(node)};
    r.channels = (size_t)node->in[0]->shape.dim[1];
    if (!r.gx || !r.gy) return;
    if (node->channels_last) xai_par_for(exec->par, (size_t)node->in[0]->shape.dim[0], backward_image, &r);
    else xai_par_for(exec->par, planes(node), backward_plane, &r);
}

static xai_order order(const xai_node *node)
{
    return node->in[0]->shape.rank == 4 ? XAI_ORDER_EITHER : XAI_ORDER_PLAIN;
}

static const xai_op_case CASES[] = {
    {"square", {"2x3x7x7", NULL}, "", 0},
    {"one_pixel", {"2x3x1x1", NULL}, "", 0},
    {"one_dimensional", {"2x3x9", NULL}, "", 0},
    {0},
};

const xai_op xai_op_global_average_pool = {
    .type = "GlobalAveragePool",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .linear = 1,
    .flow = XAI_FLOW_SHARE,
    .order = order,
    .cases = CASES,
};
