/* GlobalLpPool: the p-norm of each plane; derivative 0 where it is 0. */
#include "op.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const xai_shape *in = &node->in[0]->shape;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "only float32 is served");
    XAI_NODE_CHECK(in->rank >= 3 && xai_shape_count(in) > 0, node, BAD_MODEL, err, "the input has no plane");
    XAI_NODE_CHECK(xai_attr_int(node, "p", 2) >= 1, node, BAD_MODEL, err, "p is below 1");
    xai_shape out = *in;
    for (int i = 2; i < out.rank; i++) out.dim[i] = 1;
    return xai_node_output(node, 0, XAI_F32, &out, err);
}

typedef struct run {
    const float *x, *gy;
    float *y, *gx;
    double p;
    int64_t size; /* of a plane */
} run;

static void forward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const float *x = r->x + (int64_t)index * r->size;
    double sum = 0;
    for (int64_t i = 0; i < r->size; i++) {
        double v = fabs((double)x[i]);
        sum += r->p == 2 ? v * v : pow(v, r->p);
    }
    r->y[index] = (float)pow(sum, 1 / r->p);
}

static void backward_plane(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const float *x = r->x + (int64_t)index * r->size;
    float *gx = r->gx + (int64_t)index * r->size;
    double scale = r->y[index] > 0 ? (double)r->gy[index] * pow((double)r->y[index], 1 - r->p) : 0;
    for (int64_t i = 0; i < r->size; i++)
        gx[i] += (float)(scale * pow(fabs((double)x[i]), r->p - 1) * ((x[i] > 0) - (x[i] < 0)));
}

static run begin(const xai_node *node, const xai_exec *exec)
{
    const xai_shape *in = &node->in[0]->shape;
    return (run){.x = xai_in_f32(exec, node, 0),
                 .y = xai_out_f32(exec, node, 0),
                 .p = (double)xai_attr_int(node, "p", 2),
                 .size = xai_shape_span(in, 2, in->rank)};
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    xai_par_for(exec->par, (size_t)xai_value_count(node->out[0]), forward_plane, &r);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.gy = xai_grad_out(exec, node, 0);
    r.gx = xai_grad_in(exec, node, 0);
    if (r.gx && r.gy) xai_par_for(exec->par, (size_t)xai_value_count(node->out[0]), backward_plane, &r);
}

static const xai_op_case CASES[] = {
    {"euclidean", {"2x3x4x5", NULL}, "", 0},
    {"third_power", {"2x3x7", NULL}, "p=3", 0},
    {0},
};

const xai_op xai_op_global_lp_pool = {
    .type = "GlobalLpPool",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .cases = CASES,
};
