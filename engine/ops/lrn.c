/*
 * LRN: y = x * s^-beta with s = bias + alpha / size * (sum of x^2 over `size` neighbouring channels).
 * Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012, section 3.3.
 *
 * One piece of work is one plane; sums run over the channels in order.
 */
#include "op.h"

typedef struct lrn {
    float alpha, beta, bias; /* alpha already divided by size */
    int64_t before, after;   /* channels of the window on both sides */
    int64_t channels, plane;
} lrn;

static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t smallest(int64_t a, int64_t b) { return a < b ? a : b; }

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    lrn *s = node->state;
    const xai_shape *in = &node->in[0]->shape;
    int64_t size = xai_attr_int(node, "size", 0);
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "%s is not served, only float32",
                   xai_dtype_name(node->in[0]->dtype));
    XAI_NODE_CHECK(in->rank >= 2, node, BAD_MODEL, err, "the input has no channels");
    XAI_NODE_CHECK(size >= 1, node, BAD_MODEL, err, "size is missing or not positive");
    *s = (lrn){.alpha = xai_attr_real(node, "alpha", 1e-4F) / (float)size,
               .beta = xai_attr_real(node, "beta", 0.75F),
               .bias = xai_attr_real(node, "bias", 1),
               .before = (size - 1) / 2,
               .after = size / 2,
               .channels = in->dim[1],
               .plane = xai_shape_span(in, 2, in->rank)};
    node->macs = (double)xai_shape_count(in) * (double)smallest(size, in->dim[1]);
    return xai_node_output(node, 0, XAI_F32, in, err);
}

typedef struct run {
    const lrn *s;
    const float *x, *gy;
    float *y, *gx;
} run;

/* s of channel c at one position; x is that position in channel 0. */
static float scale_at(const lrn *s, const float *x, int64_t c)
{
    float sum = 0;
    int64_t end = smallest(c + s->after, s->channels - 1);
    for (int64_t k = largest(c - s->before, 0); k <= end; k++) sum += x[k * s->plane] * x[k * s->plane];
    return s->bias + s->alpha * sum;
}

static void forward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const lrn *s = r->s;
    int64_t c = (int64_t)index % s->channels, image = ((int64_t)index - c) * s->plane;
    for (int64_t i = 0; i < s->plane; i++) {
        const float *x = r->x + image + i;
        r->y[image + c * s->plane + i] = x[c * s->plane] * powf(scale_at(s, x, c), -s->beta);
    }
}

/* gx_c = gy_c s_c^-b - 2 a b x_c (sum over the channels k in whose window c lies of gy_k x_k s_k^(-b - 1)) */
static void backward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const lrn *s = r->s;
    int64_t c = (int64_t)index % s->channels, image = ((int64_t)index - c) * s->plane;
    int64_t first = largest(c - s->after, 0), last = smallest(c + s->before, s->channels - 1);
    for (int64_t i = 0; i < s->plane; i++) {
        const float *x = r->x + image + i, *gy = r->gy + image + i;
        float sum = 0;
        for (int64_t k = first; k <= last; k++)
            sum += gy[k * s->plane] * x[k * s->plane] * powf(scale_at(s, x, k), -s->beta - 1);
        r->gx[image + c * s->plane + i] += gy[c * s->plane] * powf(scale_at(s, x, c), -s->beta) -
                                           2 * s->alpha * s->beta * x[c * s->plane] * sum;
    }
}

static void run_planes(const xai_node *node, const xai_exec *exec, run *r, xai_par_body body)
{
    r->s = node->state;
    r->x = xai_in_f32(exec, node, 0);
    xai_par_for(exec->par, (size_t)xai_shape_span(&node->in[0]->shape, 0, 2), body, r);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    run r = {.y = xai_out_f32(exec, node, 0)};
    run_planes(node, exec, &r, forward_plane);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    run r = {.gy = xai_grad_out(exec, node, 0), .gx = xai_grad_in(exec, node, 0)};
    if (r.gy && r.gx) run_planes(node, exec, &r, backward_plane);
}

static const xai_op_case CASES[] = {
    {"odd_size", {"2x7x3x2", NULL}, "size=5;alpha=0.5;beta=0.75;bias=2.0", 0},
    {"even_size", {"2x7x3x2", NULL}, "size=4;alpha=0.9", 0},
    {"even_size_wider_than_the_channels", {"1x3x4", NULL}, "size=8;alpha=0.9", 0},
    {0},
};

const xai_op xai_op_lrn = {
    .type = "LRN",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(lrn),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .cases = CASES,
};
