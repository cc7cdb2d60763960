/*
 * Reductions. Along the innermost axis sums run in double; in which order depends on the shape alone. The gradient of
 * a largest or smallest value is shared by all elements that are it, as in PyTorch's amax. The logarithm of a sum of
 * exponentials is taken relative to the largest, which a first pass finds.
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

static bool is_served(xai_reduction kind, xai_dtype dtype);

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
    if (kind == XAI_REDUCE_LOG_SUM_EXP) node->scratch = (size_t)xai_shape_count(&out) * sizeof(double);
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

/* The rows of one kind for all types; `wrap32` and `wrap64` are what integers are computed in. */
#define REDUCE_ROWS(name, wrap32, wrap64, expression)                                           \
    REDUCE_ROW(name##_f32, float, double, expression)                                           \
    REDUCE_ROW(name##_i64, int64_t, wrap64, expression)                                         \
    REDUCE_ROW(name##_i32, int32_t, wrap32, expression)
#define REDUCE_TABLE(name) {[XAI_F32] = name##_f32, [XAI_I64] = name##_i64, [XAI_I32] = name##_i32}
#define REDUCE_REALS(name) {[XAI_F32] = name##_f32}

REDUCE_ROWS(sum, uint32_t, uint64_t, a + b)
REDUCE_ROWS(max, int32_t, int64_t, b > a || b != b ? b : a)
REDUCE_ROWS(min, int32_t, int64_t, b < a || b != b ? b : a)
REDUCE_ROWS(prod, uint32_t, uint64_t, (a * b))
REDUCE_ROW(magnitude_f32, float, double, a + fabs(b))
REDUCE_ROW(magnitude_i64, int64_t, uint64_t, (int64_t)b < 0 ? a - b : a + b)
REDUCE_ROW(magnitude_i32, int32_t, uint64_t, (int64_t)b < 0 ? a - b : a + b)
REDUCE_ROWS(square, uint32_t, uint64_t, a + b * b)

static const struct {
    reduce_row row[XAI_DTYPE_COUNT]; /* NULL: the type is refused */
    double start;
} RULES[] = {
    [XAI_REDUCE_SUM] = {REDUCE_TABLE(sum), 0},
    [XAI_REDUCE_MEAN] = {REDUCE_REALS(sum), 0},
    [XAI_REDUCE_MAX] = {REDUCE_TABLE(max), -INFINITY},
    [XAI_REDUCE_MIN] = {REDUCE_TABLE(min), INFINITY},
    [XAI_REDUCE_PROD] = {REDUCE_TABLE(prod), 1},
    [XAI_REDUCE_L1] = {REDUCE_TABLE(magnitude), 0},
    [XAI_REDUCE_L2] = {REDUCE_REALS(square), 0},
    [XAI_REDUCE_SUM_SQUARE] = {REDUCE_TABLE(square), 0},
    [XAI_REDUCE_LOG_SUM] = {REDUCE_REALS(sum), 0},
    [XAI_REDUCE_LOG_SUM_EXP] = {REDUCE_REALS(max), -INFINITY},
};

static bool is_served(xai_reduction kind, xai_dtype dtype) { return RULES[kind].row[dtype] != NULL; }

/* Where all numbers begin; for integers an infinity is the end of their range. */
static void start_results(xai_reduction kind, xai_dtype dtype, void *y, int64_t count)
{
    double v = RULES[kind].start;
    bool low = v < 0, high = v > 1;
    for (int64_t i = 0; i < count; i++) switch (dtype) {
        case XAI_I64: ((int64_t *)y)[i] = low ? INT64_MIN : high ? INT64_MAX : (int64_t)v; break;
        case XAI_I32: ((int32_t *)y)[i] = low ? INT32_MIN : high ? INT32_MAX : (int32_t)v; break;
        default: ((float *)y)[i] = (float)v;
        }
}

/* What remains to be done with a finished sum. `exps`: of exponentials, relative to the largest, which is y. */
static double finish(const xai_reduce *s, double y, const double *exps, int64_t i)
{
    switch (s->kind) {
    case XAI_REDUCE_MEAN: return y / (double)s->terms;
    case XAI_REDUCE_L2: return sqrt(y);
    case XAI_REDUCE_LOG_SUM: return log(y);
    case XAI_REDUCE_LOG_SUM_EXP: return isfinite(y) ? y + log(exps[i]) : y;
    default: return y;
    }
}

static void finish_results(const xai_reduce *s, const double *exps, float *y, int64_t count)
{
    for (int64_t i = 0; i < count; i++) y[i] = (float)finish(s, (double)y[i], exps, i);
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
    double *exps;
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

static void exps_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    for (int64_t i = 0; i < n; i++) {
        int64_t out = at[1] + i * r->step_out;
        r->exps[out] += exp((double)r->x[at[0] + i * r->step_in] - (double)r->y[out]);
    }
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
    if (s->kind == XAI_REDUCE_LOG_SUM_EXP) {
        r.x = xai_in_f32(exec, node, 0);
        r.y = xai_out_f32(exec, node, 0);
        r.exps = xai_scratch(exec, 0);
        for (int64_t i = 0; i < count; i++) r.exps[i] = 0;
        xai_nest_run(&s->nest, exec->par, 1, exps_row, &r);
    }
    bool unfinished = s->kind == XAI_REDUCE_MEAN || s->kind == XAI_REDUCE_L2 || s->kind >= XAI_REDUCE_LOG_SUM;
    if (unfinished) finish_results(s, r.exps, xai_out_f32(exec, node, 0), count);
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

/* d result / d element, of a result y and its element x. */
static float slope(xai_reduction kind, float x, float y)
{
    switch (kind) {
    case XAI_REDUCE_L1: return (float)((x > 0) - (x < 0));
    case XAI_REDUCE_L2: return y > 0 ? x / y : 0;
    case XAI_REDUCE_SUM_SQUARE: return 2 * x;
    case XAI_REDUCE_LOG_SUM: return expf(-y);
    default: return expf(x - y); /* XAI_REDUCE_LOG_SUM_EXP */
    }
}

static void norm_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    for (int64_t i = 0; i < n; i++) {
        int64_t in = at[0] + i * r->step_in, out = at[1] + i * r->step_out;
        r->gx[in] += r->gy[out] * slope(r->s->kind, r->x[in], r->y[out]);
    }
}

void xai_reduce_backward_norm(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node);
    r.x = xai_in_f32(exec, node, 0);
    r.y = xai_out_f32(exec, node, 0);
    r.gy = xai_grad_out(exec, node, 0);
    r.gx = xai_grad_in(exec, node, 0);
    if (r.gy && r.gx) xai_nest_run(&r.s->nest, exec->par, 0, norm_row, &r);
}
