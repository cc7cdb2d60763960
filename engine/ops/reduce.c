/*
 * Reductions. Along the innermost axis sums run in double; in which order depends on the shape alone. The gradient of
 * a largest or smallest value is shared by all elements that are it, as in PyTorch's amax.
 */
#include "reduce.h"

/* ---------------------------------------------------------------- setup */

static xai_status read_axes(xai_node *node, xai_setup *setup, bool reduced[XAI_MAX_RANK], xai_error *err)
{
    const int64_t *axes;
    size_t count;
    const xai_shape *in = &node->in[0]->shape;
    XAI_TRY(xai_node_ints(node, 1, "axes", setup, &axes, &count, err));
    bool all = count == 0 && xai_attr_int(node, "noop_with_empty_axes", 0) == 0;
    for (int i = 0; i < in->rank; i++) reduced[i] = all;
    for (size_t i = 0; i < count; i++) {
        int axis = xai_shape_axis(in, axes[i]);
        XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axes is out of range");
        reduced[axis] = true;
    }
    return XAI_OK;
}

static bool is_served(xai_reduction kind, xai_dtype dtype)
{
    return dtype == XAI_F32 || (kind != XAI_REDUCE_MEAN && (dtype == XAI_I64 || dtype == XAI_I32));
}

xai_status xai_reduce_setup(xai_node *node, xai_setup *setup, xai_reduction kind, xai_error *err)
{
    xai_reduce *s = node->state;
    const xai_shape *in = &node->in[0]->shape;
    xai_shape kept = *in, out = {.rank = 0};
    const xai_shape *operand = &kept;
    bool reduced[XAI_MAX_RANK], keepdims = xai_attr_int(node, "keepdims", 1) != 0;
    XAI_NODE_CHECK(is_served(kind, node->in[0]->dtype), node, UNSUPPORTED_OP, err, "%s is not served",
                   xai_dtype_name(node->in[0]->dtype));
    XAI_TRY(read_axes(node, setup, reduced, err));
    s->kind = kind;
    s->terms = 1;
    for (int i = 0; i < in->rank; i++) {
        if (reduced[i]) s->terms *= in->dim[i];
        if (reduced[i]) kept.dim[i] = 1;
        if (!reduced[i] || keepdims) out.dim[out.rank++] = kept.dim[i];
    }
    XAI_NODE_CHECK(s->terms > 0, node, BAD_MODEL, err, "there is nothing to reduce");
    xai_nest_broadcast(&s->nest, in, &operand, 1);
    XAI_TRY(xai_node_output(node, 0, node->in[0]->dtype, &out, err));
    bool picks = kind == XAI_REDUCE_MAX || kind == XAI_REDUCE_MIN;
    if (picks) node->scratch = (size_t)xai_shape_count(&out) * sizeof(float); /* ties, for the backward pass */
    return XAI_OK;
}

/* ---------------------------------------------------------------- forward */

typedef void (*reduce_row)(const void *x, int64_t sx, void *y, int64_t sy, int64_t n);

/* y = y op x, in a wide accumulator where all n terms go into one element. */
#define REDUCE_ROW(name, type, wide, expression)                                                \
    static void name(const void *x_, int64_t sx, void *y_, int64_t sy, int64_t n)               \
    {                                                                                           \
        const type *x = x_;                                                                     \
        type *y = y_;                                                                           \
        wide sum = (wide)*y;                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                       \
            const wide a = sy ? (wide)y[i * sy] : sum, b = (wide)x[i * sx];                     \
            sum = (expression);                                                                 \
            if (sy) y[i * sy] = (type)sum;                                                      \
        }                                                                                       \
        if (!sy) *y = (type)sum;                                                                \
    }

REDUCE_ROW(sum_f32, float, double, a + b)
REDUCE_ROW(sum_i64, int64_t, uint64_t, a + b)
REDUCE_ROW(sum_i32, int32_t, uint32_t, a + b)
REDUCE_ROW(max_f32, float, float, b > a || b != b ? b : a)
REDUCE_ROW(max_i64, int64_t, int64_t, b > a ? b : a)
REDUCE_ROW(max_i32, int32_t, int32_t, b > a ? b : a)
REDUCE_ROW(min_f32, float, float, b < a || b != b ? b : a)
REDUCE_ROW(min_i64, int64_t, int64_t, b < a ? b : a)
REDUCE_ROW(min_i32, int32_t, int32_t, b < a ? b : a)
REDUCE_ROW(prod_f32, float, double, (a * b))
REDUCE_ROW(prod_i64, int64_t, uint64_t, (a * b))
REDUCE_ROW(prod_i32, int32_t, uint32_t, (a * b))

static const struct {
    reduce_row row[XAI_DTYPE_COUNT];
    float start; /* of float32; integers begin with what it becomes */
} RULES[] = {
    [XAI_REDUCE_SUM] = {{[XAI_F32] = sum_f32, [XAI_I64] = sum_i64, [XAI_I32] = sum_i32}, 0},
    [XAI_REDUCE_MEAN] = {{[XAI_F32] = sum_f32}, 0},
    [XAI_REDUCE_MAX] = {{[XAI_F32] = max_f32, [XAI_I64] = max_i64, [XAI_I32] = max_i32}, -INFINITY},
    [XAI_REDUCE_MIN] = {{[XAI_F32] = min_f32, [XAI_I64] = min_i64, [XAI_I32] = min_i32}, INFINITY},
    [XAI_REDUCE_PROD] = {{[XAI_F32] = prod_f32, [XAI_I64] = prod_i64, [XAI_I32] = prod_i32}, 1},
};

static void start_results(xai_reduction kind, xai_dtype dtype, void *y, int64_t count)
{
    float v = RULES[kind].start;
    bool low = v == -INFINITY, high = v == INFINITY;
    for (int64_t i = 0; i < count; i++) switch (dtype) {
        case XAI_I64: ((int64_t *)y)[i] = low ? INT64_MIN : high ? INT64_MAX : (int64_t)v; break;
        case XAI_I32: ((int32_t *)y)[i] = low ? INT32_MIN : high ? INT32_MAX : (int32_t)v; break;
        default: ((float *)y)[i] = v;
        }
}

typedef struct run {
    const xai_reduce *s;
    reduce_row row;
    const unsigned char *in;
    unsigned char *out;
    int64_t size, step_in, step_out;
    const float *x, *y, *gy;
    float *gx, *ties;
    float scale;
} run;

static void forward_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    r->row(r->in + at[0] * r->size, r->step_in, r->out + at[1] * r->size, r->step_out, n);
}

static run begin(const xai_node *node)
{
    const xai_reduce *s = node->state;
    return (run){.s = s, .step_in = xai_nest_step(&s->nest, 0), .step_out = xai_nest_step(&s->nest, 1)};
}

void xai_reduce_forward(const xai_node *node, const xai_exec *exec)
{
    const xai_reduce *s = node->state;
    xai_dtype dtype = node->in[0]->dtype;
    int64_t count = xai_value_count(node->out[0]);
    run r = begin(node);
    r.row = RULES[s->kind].row[dtype];
    r.in = xai_in_data(exec, node, 0);
    r.out = xai_out_data(exec, node, 0);
    r.size = (int64_t)xai_dtype_size(dtype);
    start_results(s->kind, dtype, r.out, count);
    xai_nest_run(&s->nest, exec->par, 1, forward_row, &r);
    float *y = xai_out_data(exec, node, 0);
    for (int64_t i = 0; s->kind == XAI_REDUCE_MEAN && i < count; i++) y[i] = (float)((double)y[i] / (double)s->terms);
}

/* ---------------------------------------------------------------- backward */

static void spread_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    for (int64_t i = 0; i < n; i++)
        r->gx[at[0] + i * r->step_in] += r->gy[at[1] + i * r->step_out] * r->scale;
}

void xai_reduce_backward_sum(const xai_node *node, const xai_exec *exec)
{
    const xai_reduce *s = node->state;
    run r = begin(node);
    r.gy = xai_grad_out(exec, node, 0);
    r.gx = xai_grad_in(exec, node, 0);
    r.scale = s->kind == XAI_REDUCE_MEAN ? 1 / (float)s->terms : 1;
    if (r.gy && r.gx) xai_nest_run(&s->nest, exec->par, 0, spread_row, &r);
}

static void count_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    for (int64_t i = 0; i < n; i++) {
        int64_t out = at[1] + i * r->step_out;
        r->ties[out] += r->x[at[0] + i * r->step_in] == r->y[out] ? 1 : 0;
    }
}

static void pick_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    for (int64_t i = 0; i < n; i++) {
        int64_t in = at[0] + i * r->step_in, out = at[1] + i * r->step_out;
        if (r->x[in] == r->y[out]) r->gx[in] += r->gy[out] / r->ties[out];
    }
}

/* The values of the last forward, and how many elements are each result. */
static run begin_pick(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node);
    int64_t count = xai_value_count(node->out[0]);
    r.x = xai_in_f32(exec, node, 0);
    r.y = xai_out_f32(exec, node, 0);
    r.ties = xai_scratch(exec, 0);
    for (int64_t i = 0; i < count; i++) r.ties[i] = 0;
    xai_nest_run(&r.s->nest, exec->par, 1, count_row, &r);
    return r;
}

void xai_reduce_backward_pick(const xai_node *node, const xai_exec *exec)
{
    const float *gy = xai_grad_out(exec, node, 0);
    float *gx = xai_grad_in(exec, node, 0);
    if (!gy || !gx) return;
    run r = begin_pick(node, exec);
    r.gy = gy;
    r.gx = gx;
    xai_nest_run(&r.s->nest, exec->par, 0, pick_row, &r);
}

/* ---------------------------------------------------------------- tangent of the largest and smallest */

static void move_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    for (int64_t i = 0; i < n; i++) {
        int64_t in = at[0] + i * r->step_in, out = at[1] + i * r->step_out;
        if (r->x[in] == r->y[out]) r->gx[out] += r->gy[in] / r->ties[out];
    }
}

/* As the backward pass shares a gradient among those that tie, so they share in moving the result. */
void xai_reduce_tangent_pick(const xai_node *node, const xai_exec *exec)
{
    int64_t count = xai_value_count(node->out[0]);
    run r = begin_pick(node, exec);
    r.gy = xai_tangent_in(exec, node, 0);
    r.gx = xai_tangent_out(exec, node, 0);
    for (int64_t i = 0; i < count; i++) r.gx[i] = 0;
    xai_nest_run(&r.s->nest, exec->par, 1, move_row, &r);
}
