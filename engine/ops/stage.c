/* Stand-ins for the values of one node at a time (stage.h). A stage belongs to one session, thus to one thread. */
#include "stage.h"

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t floats_of(const xai_value *v) { return v && v->dtype == XAI_F32 ? (size_t)xai_value_count(v) : 0; }

/* What stands still in a sum counts as zero (tangent.c); a product of two that move has two parts. */
static void measure(const xai_node *node, size_t *zeros, size_t *spare)
{
    for (int i = 0; node->op->linear && i < node->in_count; i++) *zeros = larger(*zeros, floats_of(node->in[i]));
    if (!node->op->bilinear) return;
    *zeros = larger(*zeros, floats_of(node->in[0]));
    *spare = larger(*spare, floats_of(node->out[0]));
}

xai_status xai_stage_new(xai_node *const *nodes, int count, xai_arena *arena, xai_stage **out, xai_error *err)
{
    size_t ins = 1, outs = 1, zeros = 1, spare = 1;
    for (int i = 0; i < count; i++) {
        ins = larger(ins, (size_t)nodes[i]->in_count);
        outs = larger(outs, (size_t)nodes[i]->out_count);
        measure(nodes[i], &zeros, &spare);
    }
    xai_stage *s = XAI_NEW(arena, xai_stage, 1);
    if (!s) XAI_NO_MEMORY(err);
    s->values = XAI_NEW(arena, xai_value, ins + outs);
    s->in = XAI_NEW(arena, xai_value *, ins);
    s->out = XAI_NEW(arena, xai_value *, outs);
    s->data = XAI_NEW(arena, void *, ins + outs);
    s->grads = XAI_NEW(arena, float *, ins + outs);
    s->zeros = XAI_NEW(arena, float, zeros);
    s->spare = XAI_NEW(arena, float, spare);
    if (!s->values || !s->in || !s->out || !s->data || !s->grads || !s->zeros || !s->spare) XAI_NO_MEMORY(err);
    *out = s;
    return XAI_OK;
}

/* The stand-in of `value` at position `at`. */
static xai_value *stand_in(xai_stage *s, const xai_value *value, int at, const xai_exec *exec)
{
    s->grads[at] = NULL;
    s->data[at] = value ? exec->data[value->id] : NULL;
    if (!value) return NULL;
    s->values[at] = *value;
    s->values[at].id = at;
    return &s->values[at];
}

void xai_stage_set(xai_stage *s, const xai_node *node, const xai_exec *exec)
{
    s->node = *node;
    s->node.in = s->in;
    s->node.out = s->out;
    for (int i = 0; i < node->in_count; i++) s->in[i] = stand_in(s, node->in[i], i, exec);
    for (int k = 0; k < node->out_count; k++) s->out[k] = stand_in(s, node->out[k], node->in_count + k, exec);
}

static xai_exec exec_on(const xai_stage *s, const xai_exec *exec)
{
    xai_exec own = *exec;
    own.data = s->data;
    own.grads = s->grads;
    own.policy = XAI_POLICY_PLAIN;
    return own;
}

void xai_stage_forward(const xai_stage *s, const xai_exec *exec, bool homogeneous)
{
    xai_exec own = exec_on(s, exec);
    own.homogeneous = homogeneous;
    s->node.op->forward(&s->node, &own);
}

void xai_stage_backward(const xai_stage *s, const xai_exec *exec)
{
    xai_exec own = exec_on(s, exec);
    s->node.op->backward(&s->node, &own);
}
