/* Element-wise functions of one input, over chunks of a fixed size. */
#include "unary.h"

enum { CHUNK = 8192 }; /* elements a piece of work */

xai_status xai_unary_setup(xai_node *node, const xai_unary_rule *rule, xai_error *err)
{
    xai_unary *s = node->state;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "%s is not served, only float32",
                   xai_dtype_name(node->in[0]->dtype));
    s->rule = rule;
    return xai_node_output(node, 0, XAI_F32, &node->in[0]->shape, err);
}

typedef struct run {
    const xai_unary *state;
    xai_policy policy;
    const float *x, *gy, *dx;
    float *y, *gx;
    xai_unary_bend bend;
    size_t count;
} run;

static size_t chunk_size(const run *r, size_t at) { return r->count - at < CHUNK ? r->count - at : CHUNK; }

static void forward_chunk(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    size_t at = index * CHUNK;
    r->state->rule->forward(r->state, r->x + at, r->y + at, chunk_size(r, at));
}

static void backward_chunk(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    size_t at = index * CHUNK;
    r->state->rule->backward(r->state, r->policy, r->x + at, r->y + at, r->gy + at, r->gx + at, chunk_size(r, at));
}

static run begin(const xai_node *node, const xai_exec *exec)
{
    return (run){.state = node->state,
                 .policy = exec->policy,
                 .x = xai_in_f32(exec, node, 0),
                 .y = xai_out_f32(exec, node, 0),
                 .count = (size_t)xai_value_count(node->out[0])};
}

void xai_unary_forward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    xai_par_for(exec->par, (r.count + CHUNK - 1) / CHUNK, forward_chunk, &r);
}

void xai_unary_reach(const xai_node *node, int i, const xai_box *in, xai_box *out)
{
    (void)node;
    (void)i;
    *out = *in;
}

static void forward_row(void *context, const int64_t *index, int64_t at, int64_t n)
{
    (void)index;
    const run *r = context;
    r->state->rule->forward(r->state, r->x + at, r->y + at, (size_t)n);
}

void xai_unary_forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box)
{
    run r = begin(node, exec);
    xai_shape shape = node->out[0]->shape;
    xai_box b = *box;
    if (node->channels_last) {
        shape = xai_shape_turned(&shape);
        b = xai_box_turned(&b);
    }
    xai_box_rows(&b, &shape, forward_row, &r);
}

void xai_unary_backward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.gy = xai_grad_out(exec, node, 0);
    r.gx = xai_grad_in(exec, node, 0);
    if (r.gx && r.gy) xai_par_for(exec->par, (r.count + CHUNK - 1) / CHUNK, backward_chunk, &r);
}

static void curve_chunk(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    size_t at = index * CHUNK;
    r->bend(r->state, r->x + at, r->y + at, r->dx + at, r->gy + at, r->gx + at, chunk_size(r, at));
}

void xai_unary_curve(const xai_node *node, const xai_exec *exec, xai_unary_bend bend)
{
    run r = begin(node, exec);
    r.dx = xai_tangent_in(exec, node, 0);
    r.gy = xai_first_out(exec, node, 0);
    r.gx = xai_grad_in(exec, node, 0);
    r.bend = bend;
    if (r.dx && r.gx && r.gy) xai_par_for(exec->par, (r.count + CHUNK - 1) / CHUNK, curve_chunk, &r);
}
