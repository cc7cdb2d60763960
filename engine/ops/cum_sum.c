/* CumSum: sums along a constant axis, with or without the element itself, from the beginning or from the end. */
#include "op.h"

typedef struct cum_sum {
    int64_t outer, n, inner;
    bool exclusive, reverse;
} cum_sum;

/* y[i] (+)= sum of x before or up to i, for one vector; in double for reals. */
typedef void (*sum_row)(const cum_sum *s, const void *x, void *y);

#define SUM_ROW(name, type, wide, join)                                                         \
    static void name(const cum_sum *s, const void *x_, void *y_)                                \
    {                                                                                           \
        const type *x = x_;                                                                     \
        type *y = y_;                                                                           \
        wide sum = 0;                                                                           \
        for (int64_t i = 0; i < s->n; i++) {                                                    \
            int64_t at = (s->reverse ? s->n - 1 - i : i) * s->inner;                            \
            wide before = sum;                                                                  \
            sum += (wide)x[at];                                                                 \
            y[at] join(type)(s->exclusive ? before : sum);                                      \
        }                                                                                       \
    }

SUM_ROW(sum_f32, float, double, =)
SUM_ROW(sum_i64, int64_t, uint64_t, =)
SUM_ROW(sum_i32, int32_t, uint32_t, =)
SUM_ROW(add_f32, float, double, +=)

static const sum_row ROWS[XAI_DTYPE_COUNT] = {
    [XAI_F32] = sum_f32, [XAI_I64] = sum_i64, [XAI_I32] = sum_i32};

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    cum_sum *s = node->state;
    const xai_shape *in = &node->in[0]->shape;
    const int64_t *where;
    size_t count;
    XAI_NODE_CHECK(ROWS[node->in[0]->dtype], node, UNSUPPORTED_OP, err, "%s is not served",
                   xai_dtype_name(node->in[0]->dtype));
    XAI_TRY(xai_node_ints(node, 1, "axis", setup, &where, &count, err));
    int axis = count == 1 ? xai_shape_axis(in, *where) : -1;
    XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    *s = (cum_sum){xai_shape_span(in, 0, axis), in->dim[axis], xai_shape_span(in, axis + 1, in->rank),
                   xai_attr_int(node, "exclusive", 0) != 0, xai_attr_int(node, "reverse", 0) != 0};
    return xai_node_output(node, 0, node->in[0]->dtype, in, err);
}

typedef struct run {
    cum_sum s;
    sum_row row;
    const unsigned char *x;
    unsigned char *y;
    int64_t size; /* bytes an element */
} run;

static void run_outer(void *context, size_t outer, int thread)
{
    (void)thread;
    const run *r = context;
    int64_t first = (int64_t)outer * r->s.n * r->s.inner;
    for (int64_t i = first; i < first + r->s.inner; i++) r->row(&r->s, r->x + i * r->size, r->y + i * r->size);
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    xai_dtype dtype = node->in[0]->dtype;
    run r = {*(const cum_sum *)node->state, ROWS[dtype], xai_in_data(exec, node, 0), xai_out_data(exec, node, 0),
             (int64_t)xai_dtype_size(dtype)};
    xai_par_for(exec->par, (size_t)r.s.outer, run_outer, &r);
}

/* The transposed map: the sum from the other end. */
static void backward(const xai_node *node, const xai_exec *exec)
{
    run r = {.s = *(const cum_sum *)node->state, .row = add_f32, .size = sizeof(float)};
    r.s.reverse = !r.s.reverse;
    r.x = (const unsigned char *)xai_grad_out(exec, node, 0);
    r.y = (unsigned char *)xai_grad_in(exec, node, 0);
    if (r.x && r.y) xai_par_for(exec->par, (size_t)r.s.outer, run_outer, &r);
}

static const xai_op_case CASES[] = {
    {"middle_axis", {"2x5x3", "=1", NULL}, "", 0},
    {"exclusive", {"2x5", "=-1", NULL}, "exclusive=1", 0},
    {"from_the_end", {"5x3", "=0", NULL}, "reverse=1;exclusive=1", 0},
    {0},
};

const xai_op xai_op_cum_sum = {
    .type = "CumSum",
    .min_in = 2,
    .max_in = 2,
    .max_out = 1,
    .state_size = sizeof(cum_sum),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .linear = 1,
    .flow = XAI_FLOW_SHARE,
    .cases = CASES,
};
