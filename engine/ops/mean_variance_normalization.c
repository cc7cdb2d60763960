/*
 * MeanVarianceNormalization: (x - mean) / (deviation + 1e-9) over the given axes, by default all but the channels.
 * Sums run in double, in an order that depends on the shape alone.
 */
#include "nest.h"

#define EPSILON 1e-9

typedef struct mvn {
    xai_nest nest; /* the input, dense; what is kept, which stands still along the axes */
    int64_t terms, kept;
} mvn;

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    static const int64_t PLANES[] = {0, 2, 3};
    mvn *s = node->state;
    const xai_shape *in = &node->in[0]->shape;
    xai_shape kept = *in;
    const xai_shape *operand = &kept;
    size_t count;
    const int64_t *axes = xai_attr_ints(node, "axes", &count);
    if (!axes) count = 3;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "only float32 is served");
    for (size_t i = 0; i < count; i++) {
        int axis = xai_shape_axis(in, axes ? axes[i] : PLANES[i]);
        XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axes is out of range");
        kept.dim[axis] = 1;
    }
    s->kept = xai_shape_count(&kept);
    XAI_NODE_CHECK(xai_shape_count(in) > 0, node, BAD_MODEL, err, "there is nothing to normalise");
    s->terms = xai_shape_count(in) / s->kept;
    xai_nest_broadcast(&s->nest, in, &operand, 1);
    node->scratch = 4 * (size_t)s->kept * sizeof(double);
    return xai_node_output(node, 0, XAI_F32, in, err);
}

typedef struct run {
    const mvn *s;
    const float *x, *gy;
    float *y, *gx;
    double *mean, *deviation, *sum, *product; /* by what is kept */
    int64_t in, out;                          /* steps of a row */
} run;

/* A row with the index of its element i and of what is kept of it. */
#define ROW(name, body)                                                                         \
    static void name(void *context, const int64_t *at, int64_t n)                               \
    {                                                                                           \
        const run *r = context;                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                       \
            const int64_t x = at[0] + i * r->in, k = at[1] + i * r->out;                        \
            body;                                                                               \
        }                                                                                       \
    }

ROW(add_mean, r->mean[k] += (double)r->x[x])
ROW(add_square, r->deviation[k] += ((double)r->x[x] - r->mean[k]) * ((double)r->x[x] - r->mean[k]))
ROW(divide, r->y[x] = (float)(((double)r->x[x] - r->mean[k]) / (r->deviation[k] + EPSILON)))
ROW(add_gradient, r->sum[k] += (double)r->gy[x])
ROW(add_product, r->product[k] += (double)r->gy[x] * ((double)r->x[x] - r->mean[k]))
/* With s the deviation: (gy - mean(gy)) / (s + e) - (x - mean) * mean(gy * (x - mean)) / (s * (s + e)^2). */
ROW(spread, r->gx[x] += (float)(((double)r->gy[x] - r->sum[k]) / (r->deviation[k] + EPSILON) -
                                ((double)r->x[x] - r->mean[k]) * r->product[k]))

static void scale(double *v, int64_t count, double by)
{
    for (int64_t i = 0; i < count; i++) v[i] *= by;
}

static run measure(const xai_node *node, const xai_exec *exec)
{
    const mvn *s = node->state;
    run r = {.s = s, .x = xai_in_f32(exec, node, 0)};
    r.in = xai_nest_step(&s->nest, 0);
    r.out = xai_nest_step(&s->nest, 1);
    r.mean = xai_scratch(exec, 0);
    r.deviation = r.mean + s->kept;
    r.sum = r.deviation + s->kept;
    r.product = r.sum + s->kept;
    for (int64_t i = 0; i < 4 * s->kept; i++) r.mean[i] = 0;
    xai_nest_run(&s->nest, exec->par, 1, add_mean, &r);
    scale(r.mean, s->kept, 1 / (double)s->terms);
    xai_nest_run(&s->nest, exec->par, 1, add_square, &r);
    for (int64_t i = 0; i < s->kept; i++) r.deviation[i] = sqrt(r.deviation[i] / (double)s->terms);
    return r;
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    run r = measure(node, exec);
    r.y = xai_out_f32(exec, node, 0);
    xai_nest_run(&r.s->nest, exec->par, 0, divide, &r);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const float *gy = xai_grad_out(exec, node, 0);
    float *gx = xai_grad_in(exec, node, 0);
    if (!gx || !gy) return;
    run r = measure(node, exec);
    r.gy = gy;
    r.gx = gx;
    xai_nest_run(&r.s->nest, exec->par, 1, add_gradient, &r);
    xai_nest_run(&r.s->nest, exec->par, 1, add_product, &r);
    scale(r.sum, r.s->kept, 1 / (double)r.s->terms);
    for (int64_t i = 0; i < r.s->kept; i++) {
        double d = r.deviation[i], whole = d * (d + EPSILON) * (d + EPSILON) * (double)r.s->terms;
        r.product[i] = whole > 0 ? r.product[i] / whole : 0;
    }
    xai_nest_run(&r.s->nest, exec->par, 0, spread, &r);
}

static const xai_op_case CASES[] = {
    {"planes", {"2x3x4x5", NULL}, "", 0},
    {"last_axis", {"3x8", NULL}, "axes=-1", 0},
    {0},
};

const xai_op xai_op_mean_variance_normalization = {
    .type = "MeanVarianceNormalization",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(mvn),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .cases = CASES,
};
