/*
 * BatchNormalization at inference: y = scale * x + shift, with scale = gamma / sqrt(variance + epsilon) and
 * shift = beta - scale * mean in double, so that a fused and a standalone node agree. Mean and variance are constants;
 * gamma and beta may be trained.
 */
#include "batch_normalization.h"

#include "kernels/kernels.h"
#include "pixel_join.h"

static xai_status check(const xai_node *node, int64_t channels, xai_error *err)
{
    XAI_NODE_CHECK(xai_attr_int(node, "training_mode", 0) == 0, node, UNSUPPORTED_OP, err,
                   "training_mode is set; export the model for inference");
    for (int i = 1; i < 5; i++) {
        const xai_value *v = node->in[i];
        XAI_NODE_CHECK(v && v->dtype == XAI_F32 && (i < 3 || v->constant), node, UNSUPPORTED_OP, err,
                       i < 3 ? "input %d must be float32" : "input %d must be a float32 constant", i);
        XAI_NODE_CHECK(xai_value_count(v) == channels, node, BAD_MODEL, err, "input %d has %lld elements, not %lld",
                       i, (long long)xai_value_count(v), (long long)channels);
    }
    return XAI_OK;
}

static double deviation(const xai_node *node, int64_t c)
{
    const xai_batch_normalization *bn = node->state;
    return sqrt((double)((const float *)node->in[4]->constant->data)[c] + bn->epsilon);
}

static void make_lines(const xai_node *node, const float *gamma, const float *beta, float *scale, float *shift)
{
    const xai_batch_normalization *bn = node->state;
    for (int64_t c = 0; c < bn->channels; c++) {
        double a = (double)gamma[c] / deviation(node, c);
        scale[c] = (float)a;
        shift[c] = (float)((double)beta[c] - a * (double)bn->mean[c]);
    }
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_batch_normalization *bn = node->state;
    const xai_shape *in = &node->in[0]->shape;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "only float32 is served");
    XAI_NODE_CHECK(in->rank >= 2, node, BAD_MODEL, err, "the input has no channels");
    bn->channels = in->dim[1];
    XAI_TRY(check(node, bn->channels, err));
    bn->mean = node->in[3]->constant->data;
    bn->epsilon = (double)xai_attr_real(node, "epsilon", 1e-5f);
    XAI_TRY(xai_node_output(node, 0, XAI_F32, in, err));
    if (!node->in[1]->constant || !node->in[2]->constant) {
        node->shared = 2 * (size_t)bn->channels * sizeof(float);
        return XAI_OK;
    }
    float *lines = XAI_NEW(setup->arena, float, 2 * (size_t)bn->channels);
    if (!lines) XAI_NO_MEMORY(err);
    make_lines(node, node->in[1]->constant->data, node->in[2]->constant->data, lines, lines + bn->channels);
    bn->scale = lines;
    bn->shift = lines + bn->channels;
    return XAI_OK;
}

typedef struct run {
    const float *scale, *shift;
    const float *from;
    float *to;
    bool shifts;
    int64_t channels, size; /* of a plane; channels last: of a row */
} run;

static void forward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t c = (int64_t)index % r->channels, at = (int64_t)index * r->size;
    float scale = r->scale[c], shift = r->shifts ? r->shift[c] : 0;
    for (int64_t i = at; i < at + r->size; i++) r->to[i] = scale * r->from[i] + shift;
}

static void backward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t at = (int64_t)index * r->size;
    float scale = r->scale[(int64_t)index % r->channels];
    for (int64_t i = at; i < at + r->size; i++) r->to[i] += scale * r->from[i];
}

/* Channels last: one piece is a row of pixels. */
static void backward_pixels(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    size_t n = (size_t)r->channels;
    const float *scale = r->scale, *from = r->from + index * (size_t)r->size * n;
    float *to = r->to + index * (size_t)r->size * n;
    for (int64_t i = 0; i < r->size; i++, from += n, to += n)
        for (size_t c = 0; c < n; c++) to[c] += scale[c] * from[c];
}

static void run_back_pixels(const xai_node *node, const xai_exec *exec, const float *from, float *to)
{
    const xai_batch_normalization *bn = node->state;
    const int64_t *dim = node->in[0]->shape.dim;
    run r = {.scale = bn->scale, .from = from, .to = to, .channels = bn->channels, .size = dim[3]};
    xai_par_for(exec->par, (size_t)(dim[0] * dim[2]), backward_pixels, &r);
}

static void run_planes(const xai_node *node, const xai_exec *exec, const float *from, float *to, xai_par_body body)
{
    const xai_batch_normalization *bn = node->state;
    const xai_shape *in = &node->in[0]->shape;
    run r = {.scale = bn->scale, .shift = bn->shift, .from = from, .to = to, .shifts = !exec->homogeneous,
             .channels = bn->channels, .size = xai_shape_span(in, 2, in->rank)};
    if (!bn->scale) {
        float *lines = (float *)(void *)exec->shared;
        make_lines(node, xai_in_f32(exec, node, 1), xai_in_f32(exec, node, 2), lines, lines + bn->channels);
        r.scale = lines;
        r.shift = lines + bn->channels;
    }
    xai_par_for(exec->par, (size_t)xai_shape_span(in, 0, 2), body, &r);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const float *x = xai_in_f32(exec, node, 0);
    float *y = xai_out_f32(exec, node, 0);
    const xai_batch_normalization *bn = node->state;
    if (node->channels_last)
        xai_pixel_join_run(&(xai_pixel_join){.node = node, .inputs = 1, .scale = bn->scale, .shift = bn->shift,
                                             .clamp = xai_clamp_none(), .out = y}, exec);
    else run_planes(node, exec, x, y, forward_plane);
}

static void reach(const xai_node *node, int i, const xai_box *in, xai_box *out)
{
    *out = i == 0 && node->out[0]->shape.rank > 2 ? *in : xai_box_whole(&node->out[0]->shape);
}

static void forward_row(void *context, const int64_t *index, int64_t at, int64_t n)
{
    const run *r = context;
    float scale = r->scale[index[1]], shift = r->shift[index[1]];
    for (int64_t i = at; i < at + n; i++) r->to[i] = scale * r->from[i] + shift;
}

/* Channels last: a pixel, or some of its channels. */
static void forward_pixel(void *context, const int64_t *index, int64_t at, int64_t n)
{
    const run *r = context;
    xai_kernels_get()->pixel_lines(&(xai_pixel_lines){
        .count = 1, .channels = (size_t)n, .in = r->from + at, .scale = r->scale + index[3],
        .shift = r->shift + index[3], .clamp = xai_clamp_none(), .out = r->to + at});
}

static void forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box)
{
    const xai_batch_normalization *bn = node->state;
    run r = {.scale = bn->scale, .shift = bn->shift, .from = xai_in_f32(exec, node, 0), .to = xai_out_f32(exec, node, 0)};
    xai_shape turned = xai_shape_turned(&node->out[0]->shape);
    xai_box lies = xai_box_turned(box);
    bool open = !bn->scale; /* lines of variable weights are made anew for every run */
    if (node->out[0]->shape.rank <= 2 || open) forward(node, exec);
    else if (node->channels_last) xai_box_rows(&lies, &turned, forward_pixel, &r);
    else xai_box_rows(box, &node->out[0]->shape, forward_row, &r);
}

/* Of gamma, sum of gy * (x - mean) / deviation, and of beta, sum of gy; either may be NULL. */
static void line_gradients(const xai_node *node, const float *x, const float *gy, float *ggamma, float *gbeta)
{
    const xai_batch_normalization *bn = node->state;
    const xai_shape *in = &node->in[0]->shape;
    int64_t size = xai_shape_span(in, 2, in->rank), planes = xai_shape_span(in, 0, 2);
    for (int64_t c = 0; c < bn->channels; c++) {
        double sum = 0, product = 0;
        for (int64_t p = c; p < planes; p += bn->channels)
            for (int64_t i = p * size; i < (p + 1) * size; i++) {
                sum += (double)gy[i];
                product += (double)gy[i] * ((double)x[i] - (double)bn->mean[c]);
            }
        if (ggamma) ggamma[c] += (float)(product / deviation(node, c));
        if (gbeta) gbeta[c] += (float)sum;
    }
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const float *gy = xai_grad_out(exec, node, 0);
    float *gx = xai_grad_in(exec, node, 0), *ggamma = xai_grad_in(exec, node, 1), *gbeta = xai_grad_in(exec, node, 2);
    if (gx && gy && node->channels_last) run_back_pixels(node, exec, gy, gx);
    else if (gx && gy) run_planes(node, exec, gy, gx, backward_plane);
    if (gy && (ggamma || gbeta)) line_gradients(node, xai_in_f32(exec, node, 0), gy, ggamma, gbeta);
}

static xai_order order(const xai_node *node)
{
    bool constant = ((const xai_batch_normalization *)node->state)->scale != NULL;
    return constant && node->in[0]->shape.rank == 4 ? XAI_ORDER_EITHER : XAI_ORDER_PLAIN;
}

static const xai_op_case CASES[] = {
    {"planes", {"2x3x4x5", "~3", "~3", "~3", "+3", NULL}, "epsilon=0.001", 0},
    {"vectors", {"4x6", "~6", "~6", "~6", "+6", NULL}, "", 0},
    {"trained_lines", {"2x3x4x5", "3", "3", "~3", "+3", NULL}, "", 0},
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
    .reach = reach,
    .forward_box = forward_box,
    .linear = 1,
    .flow = XAI_FLOW_PASS,
    .order = order,
    .cases = CASES,
};
