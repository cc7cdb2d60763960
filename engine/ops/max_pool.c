/*
 * MaxPool: the largest value of each window; padding never wins. The gradient goes to the first maximum in scan
 * order, as in PyTorch; it is found again in the backward pass. A second output has the places of these maxima in the
 * whole input, as MaxUnpool wants them. One piece of work is one plane, so no two threads add into the same gradient.
 */
#include "kernels/kernels.h"
#include "max_pool.h"
#include "window.h"

/* Channels of one piece of the backward pass, and windows whose maxima are sought at once. */
enum { CHANNELS = 16, BLOCK = 32 };

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_window *window = node->state;
    int64_t out[2];
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "only float32 is served");
    XAI_TRY(xai_window_read(node, NULL, xai_attr_int(node, "ceil_mode", 0) != 0, window, out, err));
    XAI_NODE_CHECK(window->kernel[0] * window->kernel[1] <= INT32_MAX, node, TOO_LARGE, err,
                   "the kernel is too large");
    xai_shape shape = xai_window_shape(&node->in[0]->shape, node->in[0]->shape.dim[1], out);
    XAI_TRY(xai_node_output(node, 0, XAI_F32, &shape, err));
    return xai_node_output(node, 1, XAI_I64, &shape, err);
}

static bool gives_places(const xai_node *node) { return node->out_count > 1 && node->out[1]; }

typedef struct run {
    const xai_window *window;
    const xai_kernels *kernels;
    xai_plane in, out;
    int64_t top, left, bottom, right; /* of the outputs that are wanted */
    const float *x, *gy, *dx;
    float *y, *gx;
    int64_t *places; /* of the maxima */
    bool columns_first;
} run;

static run begin(const xai_node *node, const xai_exec *exec)
{
    run r = {.window = node->state, .kernels = xai_kernels_get(), .x = xai_in_f32(exec, node, 0)};
    xai_plane_of(node, &node->in[0]->shape, &r.in, NULL);
    xai_plane_of(node, &node->out[0]->shape, &r.out, NULL);
    r.bottom = r.out.h;
    r.right = r.out.w;
    return r;
}

/* y[ox] = max over one input row and one kernel column, for the outputs whose tap lies inside the row. */
static void raise_row(const run *r, const float *row, int64_t kx, float *y)
{
    int64_t stride = r->window->stride[1], shift = kx * r->window->dilation[1] - r->window->pads[1];
    int64_t first = shift < 0 ? (-shift + stride - 1) / stride : 0;
    int64_t last = r->in.w - shift <= 0 ? 0 : (r->in.w - shift - 1) / stride + 1;
    if (first < r->left) first = r->left;
    if (last > r->right) last = r->right;
    if (first >= last) return;
    r->kernels->raise_to(row + first * stride + shift, (size_t)stride, y + first, (size_t)(last - first));
}

static void forward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const float *x = r->x + (int64_t)index * r->in.h * r->in.w;
    float *y = r->y + ((int64_t)index * r->out.h + r->top) * r->out.w;
    for (int64_t oy = r->top; oy < r->bottom; oy++, y += r->out.w) {
        for (int64_t ox = r->left; ox < r->right; ox++) y[ox] = -INFINITY;
        for (int64_t ky = 0; ky < r->window->kernel[0]; ky++) {
            int64_t iy = oy * r->window->stride[0] + ky * r->window->dilation[0] - r->window->pads[0];
            if (iy < 0 || iy >= r->in.h) continue;
            for (int64_t kx = 0; kx < r->window->kernel[1]; kx++) raise_row(r, x + iy * r->in.w, kx, y);
        }
    }
}

/* Channels last: the pixels of a window are vectors. One piece is a row of the output. */
static void forward_pixels(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const xai_window *w = r->window;
    int64_t rows = r->bottom - r->top, image = (int64_t)index / rows, oy = r->top + (int64_t)index % rows, c = r->in.c;
    const float *x = r->x + image * r->in.h * r->in.w * c;
    float *y = r->y + ((image * r->out.h + oy) * r->out.w + r->left) * c;
    for (int64_t ox = r->left; ox < r->right; ox++, y += c) {
        for (int64_t k = 0; k < c; k++) y[k] = -INFINITY;
        for (int64_t ky = 0; ky < w->kernel[0]; ky++) {
            int64_t iy = oy * w->stride[0] + ky * w->dilation[0] - w->pads[0];
            for (int64_t kx = 0; kx < w->kernel[1] && iy >= 0 && iy < r->in.h; kx++) {
                int64_t ix = ox * w->stride[1] + kx * w->dilation[1] - w->pads[1];
                if (ix >= 0 && ix < r->in.w) r->kernels->raise_to(x + (iy * r->in.w + ix) * c, 1, y, (size_t)c);
            }
        }
    }
}

/* The best of several windows so far, and its tap; -1: padding alone. No branches: who wins is hard to foresee. */
typedef struct winners {
    float best[BLOCK];
    int32_t tap[BLOCK];
} winners;

static void winners_begin(winners *w)
{
    for (int i = 0; i < BLOCK; i++) {
        w->best[i] = -INFINITY;
        w->tap[i] = -1;
    }
}

/* The tap's `count` candidates, x + i * step. The first of equal ones stays; NaN always wins. */
static void winners_challenge(winners *w, int64_t first, const float *x, int64_t step, int32_t tap, int64_t count)
{
    float *best = w->best + first;
    int32_t *taps = w->tap + first;
    for (int64_t i = 0; i < count; i++) {
        float v = x[i * step];
        int32_t wins = (v > best[i]) | (v != v) | (taps[i] < 0);
        best[i] = wins ? v : best[i];
        taps[i] = wins ? tap : taps[i];
    }
}

/* Pixel of the winner of window (oy, ox), or -1. */
static int64_t winner_at(const run *r, const winners *w, int64_t i, int64_t oy, int64_t ox)
{
    const xai_window *s = r->window;
    int64_t tap = w->tap[i];
    if (tap < 0) return -1;
    int64_t y = oy * s->stride[0] + tap / s->kernel[1] * s->dilation[0] - s->pads[0];
    return y * r->in.w + ox * s->stride[1] + tap % s->kernel[1] * s->dilation[1] - s->pads[1];
}

/* The windows ox to ox + count, at most BLOCK, of one row of a plane. */
static void find_in_plane(const run *r, const float *x, int64_t oy, int64_t ox, int64_t count, winners *out)
{
    const xai_window *w = r->window;
    int64_t stride = w->stride[1];
    winners_begin(out);
    for (int64_t ky = 0; ky < w->kernel[0]; ky++) {
        int64_t iy = oy * w->stride[0] + ky * w->dilation[0] - w->pads[0];
        for (int64_t kx = 0; kx < w->kernel[1] && iy >= 0 && iy < r->in.h; kx++) {
            int64_t shift = kx * w->dilation[1] - w->pads[1], first = ox, end = ox + count;
            while (first < end && first * stride + shift < 0) first++;
            while (end > first && (end - 1) * stride + shift >= r->in.w) end--;
            if (first >= end) continue;
            int32_t tap = (int32_t)(ky * w->kernel[1] + kx);
            winners_challenge(out, first - ox, x + iy * r->in.w + first * stride + shift, stride, tap, end - first);
        }
    }
}

/* One window of `count` channels side by side, channels last; x begins with the first of them. */
static void find_in_pixels(const run *r, const float *x, int64_t oy, int64_t ox, int64_t count, winners *out)
{
    const xai_window *w = r->window;
    winners_begin(out);
    for (int64_t ky = 0; ky < w->kernel[0]; ky++) {
        int64_t iy = oy * w->stride[0] + ky * w->dilation[0] - w->pads[0];
        for (int64_t kx = 0; kx < w->kernel[1] && iy >= 0 && iy < r->in.h; kx++) {
            int64_t ix = ox * w->stride[1] + kx * w->dilation[1] - w->pads[1];
            if (ix < 0 || ix >= r->in.w) continue;
            int32_t tap = (int32_t)(ky * w->kernel[1] + kx);
            winners_challenge(out, 0, x + (iy * r->in.w + ix) * r->in.c, 1, tap, count);
        }
    }
}

static int64_t block_at(const run *r, int64_t ox) { return r->out.w - ox < BLOCK ? r->out.w - ox : BLOCK; }

static void find_places(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t size = r->in.h * r->in.w, base = (int64_t)index * size;
    int64_t *place = r->places + (int64_t)index * r->out.h * r->out.w;
    winners found;
    for (int64_t oy = 0; oy < r->out.h; oy++)
        for (int64_t ox = 0; ox < r->out.w; ox++) {
            if (ox % BLOCK == 0) find_in_plane(r, r->x + base, oy, ox, block_at(r, ox), &found);
            int64_t at = winner_at(r, &found, ox % BLOCK, oy, ox);
            if (at > 0 && r->columns_first) at = at % r->in.w * r->in.h + at / r->in.w;
            *place++ = at < 0 ? -1 : base + at;
        }
}

void xai_max_pool_places(const xai_node *node, const float *x, int64_t *places, const xai_par *par)
{
    run r = {.window = node->state, .x = x, .places = places};
    xai_plane_of(node, &node->in[0]->shape, &r.in, NULL);
    xai_plane_of(node, &node->out[0]->shape, &r.out, NULL);
    xai_par_for(par, (size_t)(r.out.n * r.out.c), find_places, &r);
}

static void run_forward(const xai_node *node, const xai_exec *exec, run *r)
{
    if (node->channels_last) xai_par_for(exec->par, (size_t)(r->out.n * (r->bottom - r->top)), forward_pixels, r);
    else xai_par_for(exec->par, (size_t)(r->out.n * r->out.c), forward_plane, r);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.y = xai_out_f32(exec, node, 0);
    run_forward(node, exec, &r);
    if (!gives_places(node)) return;
    r.places = xai_out_data(exec, node, 1);
    r.columns_first = xai_attr_int(node, "storage_order", 0) != 0;
    xai_par_for(exec->par, (size_t)(r.out.n * r.out.c), find_places, &r);
}

static void reach(const xai_node *node, int i, const xai_box *in, xai_box *out)
{
    (void)i;
    *out = xai_box_whole(&node->out[0]->shape);
    xai_window_reach(node->state, &node->out[0]->shape, in, out);
}

static void forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box)
{
    run r = begin(node, exec);
    int last = node->out[0]->shape.rank - 1;
    r.y = xai_out_f32(exec, node, 0);
    r.left = box->low[last];
    r.right = box->end[last];
    if (last == 3) {
        r.top = box->low[2];
        r.bottom = box->end[2];
    }
    run_forward(node, exec, &r);
}

static void backward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const float *x = r->x + (int64_t)index * r->in.h * r->in.w;
    const float *gy = r->gy + (int64_t)index * r->out.h * r->out.w;
    float *gx = r->gx + (int64_t)index * r->in.h * r->in.w;
    winners found;
    for (int64_t oy = 0; oy < r->out.h; oy++)
        for (int64_t ox = 0; ox < r->out.w; ox++) {
            if (ox % BLOCK == 0) find_in_plane(r, x, oy, ox, block_at(r, ox), &found);
            int64_t at = winner_at(r, &found, ox % BLOCK, oy, ox);
            if (at >= 0) gx[at] += gy[oy * r->out.w + ox];
        }
}

/* One piece is some channels of an image. */
static void backward_pixels(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t c = r->in.c, blocks = (c + CHANNELS - 1) / CHANNELS, image = (int64_t)index / blocks;
    int64_t first = (int64_t)index % blocks * CHANNELS, end = first + CHANNELS < c ? first + CHANNELS : c;
    const float *x = r->x + image * r->in.h * r->in.w * c, *gy = r->gy + image * r->out.h * r->out.w * c;
    float *gx = r->gx + image * r->in.h * r->in.w * c;
    winners found;
    for (int64_t oy = 0; oy < r->out.h; oy++)
        for (int64_t ox = 0; ox < r->out.w; ox++, gy += c) {
            find_in_pixels(r, x + first, oy, ox, end - first, &found);
            for (int64_t k = first; k < end; k++) {
                int64_t at = winner_at(r, &found, k - first, oy, ox);
                if (at >= 0) gx[at * c + k] += gy[k];
            }
        }
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.gy = xai_grad_out(exec, node, 0);
    r.gx = xai_grad_in(exec, node, 0);
    if (!r.gx || !r.gy) return;
    size_t blocks = (size_t)(r.in.c + CHANNELS - 1) / CHANNELS;
    if (node->channels_last) xai_par_for(exec->par, (size_t)r.in.n * blocks, backward_pixels, &r);
    else xai_par_for(exec->par, (size_t)(r.out.n * r.out.c), backward_plane, &r);
}

static xai_order order(const xai_node *node)
{
    return node->in[0]->shape.rank == 4 && !gives_places(node) ? XAI_ORDER_EITHER : XAI_ORDER_PLAIN;
}

static void tangent_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const float *x = r->x + (int64_t)index * r->in.h * r->in.w, *dx = r->dx + (int64_t)index * r->in.h * r->in.w;
    float *dy = r->y + (int64_t)index * r->out.h * r->out.w;
    winners found;
    for (int64_t oy = 0; oy < r->out.h; oy++)
        for (int64_t ox = 0; ox < r->out.w; ox++) {
            if (ox % BLOCK == 0) find_in_plane(r, x, oy, ox, block_at(r, ox), &found);
            int64_t at = winner_at(r, &found, ox % BLOCK, oy, ox);
            *dy++ = at >= 0 ? dx[at] : 0;
        }
}

static void tangent(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.dx = xai_tangent_in(exec, node, 0);
    r.y = xai_tangent_out(exec, node, 0);
    xai_par_for(exec->par, (size_t)(r.out.n * r.out.c), tangent_plane, &r);
}

static const xai_op_case CASES[] = {
    {"three_by_three_stride_two", {"2x3x9x8", NULL}, "kernel_shape=3,3;strides=2,2;pads=1,1,1,1", 0},
    {"ceil_mode", {"1x2x6x7", NULL}, "kernel_shape=3,3;strides=2,2;ceil_mode=1", 0},
    {"dilated_uneven_pads", {"1x2x9x10", NULL}, "kernel_shape=2,3;dilations=3,2;pads=1,0,2,1", 0},
    {"same_upper", {"1x2x5x7", NULL}, "kernel_shape=2,2;strides=2,2;auto_pad=SAME_UPPER", 0},
    {"with_places", {"2x2x5x6", NULL}, "kernel_shape=3,3;strides=2,2;pads=1,1,1,1;outputs=2", 0},
    {"one_dimensional", {"2x3x9", NULL}, "kernel_shape=3;strides=2", 0},
    {0},
};

const xai_op xai_op_max_pool = {
    .type = "MaxPool",
    .min_in = 1,
    .max_in = 1,
    .max_out = 2,
    .state_size = sizeof(xai_window),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .reach = reach,
    .forward_box = forward_box,
    .tangent = tangent,
    .flow = XAI_FLOW_ROUTE,
    .order = order,
    .cases = CASES,
};
