/* Clip: to [min, max], attributes before opset 11, constant inputs since. Also the loops that Relu shares. */
#include "clip.h"

#include "rectifier.h"

#include <string.h>

enum { CHUNK = 4096 }; /* elements a piece of work; a constant, so that nothing depends on the threads */

typedef struct span {
    const xai_node *node;
    const xai_exec *exec;
    size_t count;
} span;

static size_t chunk_size(const span *s, size_t index)
{
    size_t left = s->count - index * CHUNK;
    return left < CHUNK ? left : CHUNK;
}

static void forward_chunk(void *context, size_t index, int thread)
{
    (void)thread;
    const span *s = context;
    xai_clamp c = *(const xai_clamp *)s->node->state;
    const float *x = xai_in_f32(s->exec, s->node, 0) + index * CHUNK;
    float *y = xai_out_f32(s->exec, s->node, 0) + index * CHUNK;
    size_t n = chunk_size(s, index);
    for (size_t i = 0; i < n; i++) y[i] = xai_clamp_apply(c, x[i]);
}

static void backward_chunk(void *context, size_t index, int thread)
{
    (void)thread;
    const span *s = context;
    float g[CHUNK], *gx = xai_grad_in(s->exec, s->node, 0) + index * CHUNK;
    size_t n = chunk_size(s, index);
    xai_rectify_backward(s->exec->policy, *(const xai_clamp *)s->node->state,
                         xai_out_f32(s->exec, s->node, 0) + index * CHUNK,
                         xai_grad_out(s->exec, s->node, 0) + index * CHUNK, g, n);
    for (size_t i = 0; i < n; i++) gx[i] += g[i];
}

static void run_chunks(const xai_node *node, const xai_exec *exec, xai_par_body body)
{
    span s = {node, exec, (size_t)xai_value_count(node->out[0])};
    xai_par_for(exec->par, (s.count + CHUNK - 1) / CHUNK, body, &s);
}

void xai_clamp_forward(const xai_node *node, const xai_exec *exec) { run_chunks(node, exec, forward_chunk); }

void xai_clamp_backward(const xai_node *node, const xai_exec *exec)
{
    if (xai_grad_in(exec, node, 0)) run_chunks(node, exec, backward_chunk);
}

bool xai_node_clamp(const xai_node *node, xai_clamp *out)
{
    bool is_rectifier = strcmp(node->op->type, "Relu") == 0 || strcmp(node->op->type, "Clip") == 0;
    if (is_rectifier) *out = *(const xai_clamp *)node->state;
    return is_rectifier;
}

static xai_status read_bound(const xai_node *node, int i, float *bound, xai_error *err)
{
    if (!xai_has_input(node, i)) return XAI_OK;
    const xai_tensor *t = node->in[i]->constant;
    XAI_NODE_CHECK(t && t->dtype == XAI_F32 && xai_tensor_count(t) == 1, node, UNSUPPORTED_OP, err,
                   "min and max must be constant float scalars");
    *bound = *(const float *)t->data;
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_clamp *c = node->state;
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "only float32 is supported");
    *c = (xai_clamp){xai_attr_real(node, "min", -INFINITY), xai_attr_real(node, "max", INFINITY)};
    XAI_TRY(read_bound(node, 1, &c->lo, err));
    XAI_TRY(read_bound(node, 2, &c->hi, err));
    return xai_node_output(node, 0, XAI_F32, &node->in[0]->shape, err);
}

static const xai_op_case CASES[] = {
    {"relu6_attributes", {"3x40", NULL}, "min=0.0;max=0.5", 10},
    {"no_bounds", {"2x3", NULL}, "", 0},
    {0},
};

const xai_op xai_op_clip = {
    .type = "Clip", .min_in = 1, .max_in = 3, .max_out = 1, .state_size = sizeof(xai_clamp), .setup = setup,
    .forward = xai_clamp_forward, .backward = xai_clamp_backward, .cases = CASES,
};
