/*
 * AveragePool: the mean of each window, over the pixels inside the input, or over the padding too when
 * count_include_pad is set. One piece of work is one plane, so no two threads add into the same gradient.
 */
#include "window.h"

#include <string.h>

typedef struct state {
    xai_window window;
    bool count_pads;
} state;

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    state *s = node->state;
    int64_t out[2];
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "only float32 is served");
    XAI_TRY(xai_window_read(node, NULL, xai_attr_int(node, "ceil_mode", 0) != 0, &s->window, out, err));
    s->count_pads = xai_attr_int(node, "count_include_pad", 0) != 0;
    xai_shape shape = xai_window_shape(&node->in[0]->shape, node->in[0]->shape.dim[1], out);
    return xai_node_output(node, 0, XAI_F32, &shape, err);
}

typedef struct run {
    const state *state;
    xai_plane in, out;
    int64_t top, left, bottom, right; /* of the outputs that are wanted */
    const float *x, *gy;
    float *y, *gx;
} run;

/* One axis of one window: taps first..last-1 lie inside the input, at `origin + tap * step`; `count` are averaged. */
typedef struct span {
    int64_t origin, step, first, last, count;
} span;

static span span_of(const state *s, int axis, int64_t index, int64_t size)
{
    const xai_window *w = &s->window;
    span r = {.origin = index * w->stride[axis] - w->pads[axis], .step = w->dilation[axis]};
    while (r.first < w->kernel[axis] && r.origin + r.first * r.step < 0) r.first++;
    r.last = r.first;
    while (r.last < w->kernel[axis] && r.origin + r.last * r.step < size) r.last++;
    int64_t padded = r.last; /* with ceil_mode a window may end beyond the padding: those taps never count */
    while (padded < w->kernel[axis] && r.origin + padded * r.step < size + w->pads[2 + axis]) padded++;
    r.count = s->count_pads ? padded : r.last - r.first;
    return r;
}

/* 1 / number of averaged pixels; 0 for a window that sees nothing. */
static float share(const span *y, const span *x)
{
    int64_t count = y->count * x->count;
    return count > 0 ? 1.0f / (float)count : 0;
}

static void forward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const float *x = r->x + (int64_t)index * r->in.h * r->in.w;
    float *y = r->y + ((int64_t)index * r->out.h + r->top) * r->out.w;
    for (int64_t oy = r->top; oy < r->bottom; oy++, y += r->out.w) {
        span v = span_of(r->state, 0, oy, r->in.h);
        for (int64_t ox = r->left; ox < r->right; ox++) {
            span h = span_of(r->state, 1, ox, r->in.w);
            float sum = 0;
            for (int64_t ky = v.first; ky < v.last; ky++)
                for (int64_t kx = h.first; kx < h.last; kx++)
                    sum += x[(v.origin + ky * v.step) * r->in.w + h.origin + kx * h.step];
            y[ox] = sum * share(&v, &h);
        }
    }
}

static void backward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const float *gy = r->gy + (int64_t)index * r->out.h * r->out.w;
    float *gx = r->gx + (int64_t)index * r->in.h * r->in.w;
    for (int64_t oy = 0; oy < r->out.h; oy++) {
        span v = span_of(r->state, 0, oy, r->in.h);
        for (int64_t ox = 0; ox < r->out.w; ox++) {
            span h = span_of(r->state, 1, ox, r->in.w);
            float g = *gy++ * share(&v, &h);
            for (int64_t ky = v.first; ky < v.last; ky++)
                for (int64_t kx = h.first; kx < h.last; kx++)
                    gx[(v.origin + ky * v.step) * r->in.w + h.origin + kx * h.step] += g;
        }
    }
}

/* Channels last: the pixels of a window are vectors. One piece is a row of the output. */
static void forward_pixels(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t rows = r->bottom - r->top, image = (int64_t)index / rows, oy = r->top + (int64_t)index % rows, c = r->in.c;
    const float *x = r->x + image * r->in.h * r->in.w * c;
    float *y = r->y + ((image * r->out.h + oy) * r->out.w + r->left) * c;
    span v = span_of(r->state, 0, oy, r->in.h);
    for (int64_t ox = r->left; ox < r->right; ox++, y += c) {
        span h = span_of(r->state, 1, ox, r->in.w);
        float part = share(&v, &h);
        memset(y, 0, (size_t)c * sizeof *y);
        for (int64_t ky = v.first; ky < v.last; ky++)
            for (int64_t kx = h.first; kx < h.last; kx++) {
                const float *at = x + ((v.origin + ky * v.step) * r->in.w + h.origin + kx * h.step) * c;
                for (int64_t k = 0; k < c; k++) y[k] += at[k];
            }
        for (int64_t k = 0; k < c; k++) y[k] *= part;
    }
}

/* One piece is an image: windows may share pixels. */
static void backward_pixels(void *context, size_t image, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t c = r->in.c;
    const float *gy = r->gy + (int64_t)image * r->out.h * r->out.w * c;
    float *gx = r->gx + (int64_t)image * r->in.h * r->in.w * c;
    for (int64_t oy = 0; oy < r->out.h; oy++) {
        span v = span_of(r->state, 0, oy, r->in.h);
        for (int64_t ox = 0; ox < r->out.w; ox++, gy += c) {
            span h = span_of(r->state, 1, ox, r->in.w);
            float part = share(&v, &h);
            for (int64_t ky = v.first; ky < v.last; ky++)
                for (int64_t kx = h.first; kx < h.last; kx++) {
                    float *at = gx + ((v.origin + ky * v.step) * r->in.w + h.origin + kx * h.step) * c;
                    for (int64_t k = 0; k < c; k++) at[k] += gy[k] * part;
                }
        }
    }
}

static run begin(const xai_node *node)
{
    run r = {.state = node->state};
    xai_plane_of(node, &node->in[0]->shape, &r.in, NULL);
    xai_plane_of(node, &node->out[0]->shape, &r.out, NULL);
    r.bottom = r.out.h;
    r.right = r.out.w;
    return r;
}

static void run_forward(const xai_node *node, const xai_exec *exec, run *r)
{
    if (node->channels_last) xai_par_for(exec->par, (size_t)(r->out.n * (r->bottom - r->top)), forward_pixels, r);
    else xai_par_for(exec->par, (size_t)(r->out.n * r->out.c), forward_plane, r);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node);
    r.x = xai_in_f32(exec, node, 0);
    r.y = xai_out_f32(exec, node, 0);
    run_forward(node, exec, &r);
}

static void reach(const xai_node *node, int i, const xai_box *in, xai_box *out)
{
    (void)i;
    *out = xai_box_whole(&node->out[0]->shape);
    xai_window_reach(&((const state *)node->state)->window, &node->out[0]->shape, in, out);
}

static void forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box)
{
    run r = begin(node);
    int last = node->out[0]->shape.rank - 1;
    r.x = xai_in_f32(exec, node, 0);
    r.y = xai_out_f32(exec, node, 0);
    r.left = box->low[last];
    r.right = box->end[last];
    if (last == 3) {
        r.top = box->low[2];
        r.bottom = box->end[2];
    }
    run_forward(node, exec, &r);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node);
    r.gy = xai_grad_out(exec, node, 0);
    r.gx = xai_grad_in(exec, node, 0);
    if (!r.gx || !r.gy) return;
    if (node->channels_last) xai_par_for(exec->par, (size_t)r.out.n, backward_pixels, &r);
    else xai_par_for(exec->par, (size_t)(r.out.n * r.out.c), backward_plane, &r);
}

static xai_order order(const xai_node *node)
{
    return node->in[0]->shape.rank == 4 ? XAI_ORDER_EITHER : XAI_ORDER_PLAIN;
}

static const xai_op_case CASES[] = {
    {"two_by_two", {"2x3x6x8", NULL}, "kernel_shape=2,2;strides=2,2", 0},
    {"pads_not_counted", {"1x2x7x7", NULL}, "kernel_shape=3,3;strides=2,2;pads=1,1,1,1", 0},
    {"pads_counted", {"1x2x7x7", NULL}, "kernel_shape=3,3;strides=2,2;pads=1,1,1,1;count_include_pad=1", 0},
    {"ceil_mode_pads_counted",
     {"1x2x6x7", NULL},
     "kernel_shape=3,2;strides=2,2;pads=0,1,1,0;ceil_mode=1;count_include_pad=1",
     0},
    {"dilated", {"1x2x8x8", NULL}, "kernel_shape=2,3;dilations=2,2", 19},
    {"one_dimensional", {"2x3x9", NULL}, "kernel_shape=4;strides=3;pads=1,1", 0},
    {0},
};

const xai_op xai_op_average_pool = {
    .type = "AveragePool",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(state),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .reach = reach,
    .forward_box = forward_box,
    .linear = 1,
    .flow = XAI_FLOW_SHARE,
    .order = order,
    .cases = CASES,
};
