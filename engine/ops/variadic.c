/* Element-wise operators of any number of inputs, input by input over loop nests. Sums have the inputs' order. */
#include "variadic.h"

static xai_status broadcast(const xai_node *node, xai_shape *out, xai_error *err)
{
    char a[128], b[128];
    *out = node->in[0]->shape;
    for (int i = 0; i < node->in_count; i++) {
        XAI_NODE_CHECK(node->in[i], node, BAD_MODEL, err, "input %d is missing", i);
        const xai_shape *in = &node->in[i]->shape;
        XAI_NODE_CHECK(node->in[i]->dtype == node->in[0]->dtype, node, UNSUPPORTED_OP, err,
                       "the inputs are %s and %s", xai_dtype_name(node->in[0]->dtype),
                       xai_dtype_name(node->in[i]->dtype));
        XAI_NODE_CHECK(xai_broadcast_shape(out, in, out), node, BAD_MODEL, err, "%s and %s do not broadcast",
                       xai_shape_text(out, a, sizeof a), xai_shape_text(in, b, sizeof b));
    }
    return XAI_OK;
}

xai_status xai_variadic_setup(xai_node *node, xai_setup *setup, const xai_variadic_rule *rule, xai_error *err)
{
    xai_variadic *s = node->state;
    xai_dtype dtype = node->in[0]->dtype;
    xai_shape out;
    XAI_NODE_CHECK(rule->row[dtype], node, UNSUPPORTED_OP, err, "%s is not served", xai_dtype_name(dtype));
    XAI_TRY(broadcast(node, &out, err));
    XAI_TRY(xai_node_output(node, 0, dtype, &out, err));
    s->rule = rule;
    s->nests = XAI_NEW(setup->arena, xai_nest, (size_t)node->in_count);
    if (!s->nests) XAI_NO_MEMORY(err);
    for (int i = 0; i < node->in_count; i++) {
        const xai_shape *shapes[] = {i == 1 ? &node->in[0]->shape : &out, &node->in[i]->shape};
        xai_nest_broadcast(&s->nests[i], &out, shapes, 2);
    }
    return XAI_OK;
}

/* Room for the number of winners of each element. */
xai_status xai_variadic_prepare_backward(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup, (void)err;
    const xai_variadic *s = node->state;
    if (s->rule->picks) node->scratch = (size_t)xai_value_count(node->out[0]) * sizeof(float);
    return XAI_OK;
}

typedef struct run {
    xai_binary_row row;
    const xai_nest *nest;
    const unsigned char *a, *b;
    unsigned char *z;
    int64_t size; /* bytes an element */
    const float *x, *y, *gy;
    float *gx, *ties;
    float scale;
} run;

static void join_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    r->row(r->a + at[1] * r->size, xai_nest_step(r->nest, 1), r->b + at[2] * r->size, xai_nest_step(r->nest, 2),
           r->z + at[0] * r->size, n);
}

static void divide(float *y, int64_t count, int divisor)
{
    for (int64_t i = 0; i < count; i++) y[i] /= (float)divisor;
}

static void copy_only_input(const xai_node *node, const xai_exec *exec)
{
    xai_nest nest;
    const xai_shape *shape = &node->in[0]->shape;
    xai_nest_broadcast(&nest, &node->out[0]->shape, &shape, 1);
    xai_nest_copy(&nest, exec->par, xai_in_data(exec, node, 0), xai_out_data(exec, node, 0),
                  xai_dtype_size(node->in[0]->dtype));
}

void xai_variadic_forward(const xai_node *node, const xai_exec *exec)
{
    const xai_variadic *s = node->state;
    xai_dtype dtype = node->in[0]->dtype;
    run r = {.row = s->rule->row[dtype], .z = xai_out_data(exec, node, 0), .size = (int64_t)xai_dtype_size(dtype)};
    if (node->in_count == 1) copy_only_input(node, exec);
    for (int i = 1; i < node->in_count; i++) {
        r.nest = &s->nests[i];
        r.a = i == 1 ? xai_in_data(exec, node, 0) : r.z;
        r.b = xai_in_data(exec, node, i);
        xai_nest_run(r.nest, exec->par, 0, join_row, &r);
    }
    if (s->rule->mean) divide(xai_out_f32(exec, node, 0), xai_value_count(node->out[0]), node->in_count);
}

/* ---------------------------------------------------------------- backward */

static void count_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    int64_t out = xai_nest_step(r->nest, 0), in = xai_nest_step(r->nest, 2);
    for (int64_t i = 0; i < n; i++)
        r->ties[at[0] + i * out] += r->x[at[2] + i * in] == r->y[at[0] + i * out] ? 1 : 0;
}

static void share_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    int64_t out = xai_nest_step(r->nest, 0), in = xai_nest_step(r->nest, 2);
    const float *gy = r->gy + at[0];
    float *gx = r->gx + at[2];
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        float g = r->scale * gy[i * out];
        if (r->ties) g = r->x[at[2] + i * in] == r->y[at[0] + i * out] ? g / r->ties[at[0] + i * out] : 0;
        if (in == 0) sum += (double)g;
        else gx[i * in] += g;
    }
    if (in == 0) *gx += (float)sum;
}

/* The parts of both passes that are the same for all inputs: the factor, and who ties. */
static run begin_back(const xai_node *node, const xai_exec *exec)
{
    const xai_variadic *s = node->state;
    run r = {.y = xai_out_f32(exec, node, 0), .scale = s->rule->mean ? 1 / (float)node->in_count : 1};
    if (s->rule->picks) r.ties = xai_scratch(exec, 0);
    for (int64_t i = 0; r.ties && i < xai_value_count(node->out[0]); i++) r.ties[i] = 0;
    for (int i = 0; r.ties && i < node->in_count; i++) {
        r.nest = &s->nests[i];
        r.x = xai_in_f32(exec, node, i);
        xai_nest_run(r.nest, exec->par, 0, count_row, &r);
    }
    return r;
}

void xai_variadic_backward(const xai_node *node, const xai_exec *exec)
{
    const xai_variadic *s = node->state;
    const float *gy = xai_grad_out(exec, node, 0);
    if (!gy) return;
    run r = begin_back(node, exec);
    r.gy = gy;
    for (int i = 0; i < node->in_count; i++) {
        r.nest = &s->nests[i];
        r.x = xai_in_f32(exec, node, i);
        r.gx = xai_grad_in(exec, node, i);
        if (r.gx) xai_nest_run(r.nest, exec->par, 2, share_row, &r);
    }
}

/* gx is the output's tangent, gy an input's. */
static void move_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    int64_t out = xai_nest_step(r->nest, 0), in = xai_nest_step(r->nest, 2);
    for (int64_t i = 0; i < n; i++) {
        float d = r->scale * r->gy[at[2] + i * in];
        if (r->ties) d = r->x[at[2] + i * in] == r->y[at[0] + i * out] ? d / r->ties[at[0] + i * out] : 0;
        r->gx[at[0] + i * out] += d;
    }
}

void xai_variadic_tangent(const xai_node *node, const xai_exec *exec)
{
    const xai_variadic *s = node->state;
    run r = begin_back(node, exec);
    r.gx = xai_tangent_out(exec, node, 0);
    for (int64_t i = 0; i < xai_value_count(node->out[0]); i++) r.gx[i] = 0;
    for (int i = 0; i < node->in_count; i++) {
        r.nest = &s->nests[i];
        r.x = xai_in_f32(exec, node, i);
        r.gy = xai_tangent_in(exec, node, i);
        if (r.gy) xai_nest_run(r.nest, exec->par, 0, move_row, &r);
    }
}
