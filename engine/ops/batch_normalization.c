/*
 * BatchNormalization at inference. The four statistics must be constants; setup turns them into one scale and one
 * shift a channel, in double, so that a fused and a standalone node agree.
 */
#include "batch_normalization.h"

static xai_status check(const xai_node *node, int64_t channels, xai_error *err)
{
    XAI_NODE_CHECK(xai_attr_int(node, "training_mode", 0) == 0, node, UNSUPPORTED_OP, err,
                   "training_mode is set; export the model for inference");
    for (int i = 1; i < 5; i++) {
        const xai_tensor *t = xai_has_input(node, i) ? node->in[i]->constant : NULL;
        XAI_NODE_CHECK(t && t->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "input %d must be a float32 constant", i);
        XAI_NODE_CHECK(xai_tensor_count(t) == channels, node, BAD_MODEL, err, "input %d has %lld elements, not %lld",
                       i, (long long)xai_tensor_count(t), (long long)channels);
    }
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_batch_normalization *bn = node->state;
    const xai_shape *in = &node->in[0]->shape;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "only float32 is served");
    XAI_NODE_CHECK(in->rank >= 2, node, BAD_MODEL, err, "the input has no channels");
    bn->channels = in->dim[1];
    XAI_TRY(check(node, bn->channels, err));
    float *scale = XAI_NEW(setup->arena, float, (size_t)bn->channels);
    float *shift = XAI_NEW(setup->arena, float, (size_t)bn->channels);
    if (!scale || !shift) XAI_NO_MEMORY(err);
    const float *gamma = node->in[1]->constant->data, *beta = node->in[2]->constant->data;
    const float *mean = node->in[3]->constant->data, *var = node->in[4]->constant->data;
    double epsilon = (double)xai_attr_real(node, "epsilon", 1e-5f);
    for (int64_t c = 0; c < bn->channels; c++) {
        double a = (double)gamma[c] / sqrt((double)var[c] + epsilon);
        scale[c] = (float)a;
        shift[c] = (float)((double)beta[c] - a * (double)mean[c]);
    }
    bn->scale = scale;
    bn->shift = shift;
    return xai_node_output(node, 0, XAI_F32, in, err);
}

typedef struct run {
    const xai_batch_normalization *bn;
    const float *from;
    float *to;
    int64_t size; /* of a plane; channels last: of a row */
} run;

static void forward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t c = (int64_t)index % r->bn->channels, at = (int64_t)index * r->size;
    float scale = r->bn->scale[c], shift = r->bn->shift[c];
    for (int64_t i = at; i < at + r->size; i++) r->to[i] = scale * r->from[i] + shift;
}

static void backward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t at = (int64_t)index * r->size;
    float scale = r->bn->scale[(int64_t)index % r->bn->channels];
    for (int64_t i = at; i < at + r->size; i++) r->to[i] += scale * r->from[i];
}

/* Channels last: one piece is a row of pixels. */
static void forward_pixels(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    size_t n = (size_t)r->bn->channels;
    const float *scale = r->bn->scale, *shift = r->bn->shift, *from = r->from + index * (size_t)r->size * n;
    float *to = r->to + index * (size_t)r->size * n;
    for (int64_t i = 0; i < r->size; i++, from += n, to += n)
        for (size_t c = 0; c < n; c++) to[c] = scale[c] * from[c] + shift[c];
}

static void backward_pixels(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    size_t n = (size_t)r->bn->channels;
    const float *scale = r->bn->scale, *from = r->from + index * (size_t)r->size * n;
    float *to = r->to + index * (size_t)r->size * n;
    for (int64_t i = 0; i < r->size; i++, from += n, to += n)
        for (size_t c = 0; c < n; c++) to[c] += scale[c] * from[c];
}

static void run_pixels(const xai_node *node, const xai_exec *exec, const float *from, float *to, xai_par_body body)
{
    const int64_t *dim = node->in[0]->shape.dim;
    run r = {.bn = node->state, .from = from, .to = to, .size = dim[3]};
    xai_par_for(exec->par, (size_t)(dim[0] * dim[2]), body, &r);
}

static void run_planes(const xai_node *node, const xai_exec *exec, const float *from, float *to, xai_par_body body)
{
    const xai_shape *in = &node->in[0]->shape;
    run r = {.bn = node->state, .from = from, .to = to, .size = xai_shape_span(in, 2, in->rank)};
    xai_par_for(exec->par, (size_t)xai_shape_span(in, 0, 2), body, &r);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const float *x = xai_in_f32(exec, node, 0);
    float *y = xai_out_f32(exec, node, 0);
    if (node->channels_last) run_pixels(node, exec, x, y, forward_pixels);
    else run_planes(node, exec, x, y, forward_plane);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const float *gy = xai_grad_out(exec, node, 0);
    float *gx = xai_grad_in(exec, node, 0);
    if (!gx || !gy) return;
    if (node->channels_last) run_pixels(node, exec, gy, gx, backward_pixels);
    else run_planes(node, exec, gy, gx, backward_plane);
}

static xai_order order(const xai_node *node)
{
    return node->in[0]->shape.rank == 4 ? XAI_ORDER_EITHER : XAI_ORDER_PLAIN;
}

static const xai_op_case CASES[] = {
    {"planes", {"2x3x4x5", "~3", "~3", "~3", "+3", NULL}, "epsilon=0.001", 0},
    {"vectors", {"4x6", "~6", "~6", "~6", "+6", NULL}, "", 0},
    {0},
};

const xai_op xai_op_batch_normalization = {
    .type = "BatchNormalization",
    .min_in = 5,
    .max_in = 5,
    .max_out = 1,
    .state_size = sizeof(xai_batch_normalization),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .order = order,
    .cases = CASES,
};
