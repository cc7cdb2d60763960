/*
 * MaxUnpool: each element goes to the place that MaxPool has noted for it; the rest is 0. Places are counted in the
 * plane that the window makes, also where output_shape, a constant, asks for a larger one. Places that do not exist,
 * which only a hostile model has, are left out. Of elements with one place the last stays.
 */
#include "window.h"

#include <string.h>

typedef struct unpool {
    xai_plane made, out; /* what the window makes of the input, and what is asked for */
} unpool;

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    unpool *s = node->state;
    const xai_shape *in = &node->in[0]->shape;
    xai_window window;
    int64_t made[2];
    const int64_t *asked;
    size_t count;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32 && node->in[1]->dtype == XAI_I64, node, UNSUPPORTED_OP, err,
                   "only float32 with places in int64 is served");
    XAI_NODE_CHECK(xai_shape_equal(in, &node->in[1]->shape), node, BAD_MODEL, err,
                   "input and places differ in shape");
    XAI_TRY(xai_window_read_transposed(node, NULL, &window, made, err));
    xai_shape out = xai_window_shape(in, in->dim[1], made);
    XAI_NODE_CHECK(xai_shape_count(&out) >= 0, node, BAD_MODEL, err, "the output is too large");
    XAI_TRY(xai_plane_of(node, &out, &s->made, err));
    if (xai_has_input(node, 2)) {
        XAI_TRY(xai_node_ints(node, 2, "output_shape", setup, &asked, &count, err));
        bool fits = (int)count == in->rank && asked[0] == in->dim[0] && asked[1] == in->dim[1];
        XAI_NODE_CHECK(fits, node, BAD_MODEL, err, "output_shape does not fit the input");
        memcpy(out.dim, asked, count * sizeof *asked);
    }
    XAI_TRY(xai_node_output(node, 0, XAI_F32, &out, err));
    return xai_plane_of(node, &out, &s->out, err);
}

/* The element of the output that a place means, or -1. */
static int64_t element(const unpool *s, int64_t place)
{
    const xai_plane *m = &s->made, *o = &s->out;
    int64_t size = m->h * m->w;
    if (place < 0 || place >= m->n * m->c * size) return -1;
    int64_t y = place % size / m->w, x = place % m->w;
    return y < o->h && x < o->w ? (place / size * o->h + y) * o->w + x : -1;
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const float *x = xai_in_f32(exec, node, 0);
    const int64_t *place = xai_in_data(exec, node, 1);
    float *y = xai_out_f32(exec, node, 0);
    memset(y, 0, (size_t)xai_value_count(node->out[0]) * sizeof *y);
    for (int64_t i = 0; i < xai_value_count(node->in[0]); i++) {
        int64_t to = element(node->state, place[i]);
        if (to >= 0) y[to] = x[i];
    }
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const int64_t *place = xai_in_data(exec, node, 1);
    const float *gy = xai_grad_out(exec, node, 0);
    float *gx = xai_grad_in(exec, node, 0);
    for (int64_t i = 0; gx && gy && i < xai_value_count(node->in[0]); i++) {
        int64_t from = element(node->state, place[i]);
        if (from >= 0) gx[i] += gy[from];
    }
}

static const xai_op_case CASES[] = {
    {"plane", {"1x1x2x2", "=5,7,13,15:1x1x2x2", NULL}, "kernel_shape=2,2;strides=2,2", 0},
    {"larger", {"1x1x2x2", "=5,7,13,15:1x1x2x2", "=1,1,5,5", NULL}, "kernel_shape=2,2;strides=2,2", 0},
    {"nowhere", {"1x1x2", "=99,-1:1x1x2", NULL}, "kernel_shape=2;strides=2", 0},
    {0},
};

const xai_op xai_op_max_unpool = {
    .type = "MaxUnpool",
    .min_in = 2,
    .max_in = 3,
    .max_out = 1,
    .state_size = sizeof(unpool),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
