/*
 * LpPool: the p-norm of each window; what lies outside the input counts as 0. One piece of work is one plane, so no
 * two threads add into the same gradient, which is 0 where the norm is.
 */
#include "window.h"

typedef struct state {
    xai_window window;
    double p;
} state;

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    state *s = node->state;
    int64_t out[2];
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "only float32 is served");
    XAI_TRY(xai_window_read(node, NULL, xai_attr_int(node, "ceil_mode", 0) != 0, &s->window, out, err));
    s->p = (double)xai_attr_int(node, "p", 2);
    XAI_NODE_CHECK(s->p >= 1, node, BAD_MODEL, err, "p is %g", s->p);
    xai_shape shape = xai_window_shape(&node->in[0]->shape, node->in[0]->shape.dim[1], out);
    return xai_node_output(node, 0, XAI_F32, &shape, err);
}

typedef struct run {
    const state *state;
    xai_plane in, out;
    const float *x, *gy;
    float *y, *gx;
} run;

/* The taps of one axis that lie inside the input: first to last - 1. */
static void inside(const xai_window *w, int axis, int64_t origin, int64_t size, int64_t *first, int64_t *last)
{
    for (*first = 0; *first < w->kernel[axis] && origin + *first * w->dilation[axis] < 0;) ++*first;
    for (*last = *first; *last < w->kernel[axis] && origin + *last * w->dilation[axis] < size;) ++*last;
}

/* Calls for every element of a window: its power is summed, or, with gx, its part of the gradient added. */
static double walk(const run *r, const float *x, float *gx, double scale, int64_t oy, int64_t ox)
{
    const xai_window *w = &r->state->window;
    int64_t top = oy * w->stride[0] - w->pads[0], left = ox * w->stride[1] - w->pads[1], y0, y1, x0, x1;
    double p = r->state->p, sum = 0;
    inside(w, 0, top, r->in.h, &y0, &y1);
    inside(w, 1, left, r->in.w, &x0, &x1);
    for (int64_t ky = y0; ky < y1; ky++)
        for (int64_t kx = x0; kx < x1; kx++) {
            int64_t at = (top + ky * w->dilation[0]) * r->in.w + left + kx * w->dilation[1];
            double v = fabs((double)x[at]);
            if (gx) gx[at] += (float)(scale * (p == 2 ? v : pow(v, p - 1)) * ((x[at] > 0) - (x[at] < 0)));
            else sum += p == 2 ? v * v : pow(v, p);
        }
    return sum;
}

static void forward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const float *x = r->x + (int64_t)index * r->in.h * r->in.w;
    float *y = r->y + (int64_t)index * r->out.h * r->out.w;
    for (int64_t oy = 0; oy < r->out.h; oy++)
        for (int64_t ox = 0; ox < r->out.w; ox++)
            *y++ = (float)pow(walk(r, x, NULL, 0, oy, ox), 1 / r->state->p);
}

static void backward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const float *x = r->x + (int64_t)index * r->in.h * r->in.w, *y = r->y + (int64_t)index * r->out.h * r->out.w;
    const float *gy = r->gy + (int64_t)index * r->out.h * r->out.w;
    float *gx = r->gx + (int64_t)index * r->in.h * r->in.w;
    for (int64_t oy = 0; oy < r->out.h; oy++)
        for (int64_t ox = 0; ox < r->out.w; ox++, y++, gy++)
            if (*y > 0) walk(r, x, gx, (double)*gy * pow((double)*y, 1 - r->state->p), oy, ox);
}

static run begin(const xai_node *node, const xai_exec *exec)
{
    run r = {.state = node->state, .x = xai_in_f32(exec, node, 0), .y = xai_out_f32(exec, node, 0)};
    xai_plane_of(node, &node->in[0]->shape, &r.in, NULL);
    xai_plane_of(node, &node->out[0]->shape, &r.out, NULL);
    return r;
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    xai_par_for(exec->par, (size_t)(r.out.n * r.out.c), forward_plane, &r);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.gy = xai_grad_out(exec, node, 0);
    r.gx = xai_grad_in(exec, node, 0);
    if (r.gx && r.gy) xai_par_for(exec->par, (size_t)(r.out.n * r.out.c), backward_plane, &r);
}

static const xai_op_case CASES[] = {
    {"euclidean", {"2x2x6x7", NULL}, "kernel_shape=3,3;strides=2,2;pads=1,1,1,1", 0},
    {"third_power", {"1x2x5x6", NULL}, "kernel_shape=2,3;p=3;auto_pad=SAME_UPPER", 0},
    {"dilated_ceil_mode", {"1x2x8x9", NULL}, "kernel_shape=2,2;strides=3,3;dilations=2,2;ceil_mode=1", 18},
    {"one_dimensional", {"2x3x9", NULL}, "kernel_shape=4;strides=3;p=1", 0},
    {0},
};

const xai_op xai_op_lp_pool = {
    .type = "LpPool",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(state),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .cases = CASES,
};
