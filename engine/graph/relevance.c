/*
 * The relevance pass (relevance.h): a walk over the nodes in reverse, like the backward pass, in the same buffers: what
 * is a gradient there is relevance here. Runs allocate nothing. Not thread-safe, like the session.
 */
#include "relevance_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static size_t count_of(const xai_value *v) { return (size_t)xai_value_count(v); }
static bool is_float(const xai_value *v) { return v && v->dtype == XAI_F32; }

/* ---------------------------------------------------------------- memory */

typedef struct sizes {
    size_t input, weight, bias, out, grad;
} sizes;

static void measure(const xai_node *node, sizes *s)
{
    size_t all = 0;
    for (int i = 0; i < node->in_count; i++)
        if (is_float(node->in[i]) && xai_value_runs(node->in[i])) all += count_of(node->in[i]);
    s->grad = larger(s->grad, all);
    if (node->op->flow != XAI_FLOW_WEIGH) return;
    bool left = node->in[0]->constant != NULL; /* the weights are on the left */
    s->input = larger(s->input, count_of(node->in[left]));
    s->weight = larger(s->weight, count_of(node->in[!left]));
    s->out = larger(s->out, count_of(node->out[0]));
    if (xai_has_input(node, 2)) s->bias = larger(s->bias, count_of(node->in[2]));
}

static sizes sizes_of(const xai_program *p)
{
    sizes z = {0};
    for (int i = 0; i < p->node_count; i++) measure(p->nodes[i], &z);
    return z;
}

size_t xai_session_relevance_bytes(const xai_session *s)
{
    sizes z = sizes_of(s->program);
    return (z.input + z.weight + z.bias + 3 * z.out + z.grad) * sizeof(float);
}

xai_status xai_session_add_relevance(xai_session *s, xai_error *err)
{
    const xai_program *p = s->program;
    sizes z = sizes_of(p);
    XAI_CHECK(p->plain && p->open_weights, err, INTERNAL, "", "relevance needs a plain program with open weights");
    xai_relevance_room *r = s->room = XAI_NEW(s->arena, xai_relevance_room, 1);
    if (!r) XAI_NO_MEMORY(err);
    r->input = XAI_NEW(s->arena, float, z.input);
    r->weight = XAI_NEW(s->arena, float, z.weight);
    r->bias = XAI_NEW(s->arena, float, z.bias);
    r->sum = XAI_NEW(s->arena, float, z.out);
    r->scaled = XAI_NEW(s->arena, float, z.out);
    r->part = XAI_NEW(s->arena, float, z.out);
    r->grad = XAI_NEW(s->arena, float, z.grad);
    if (!r->input || !r->weight || !r->bias || !r->sum || !r->scaled || !r->part || !r->grad) XAI_NO_MEMORY(err);
    s->block_bytes += xai_session_relevance_bytes(s);
    return xai_stage_new(p->nodes, p->node_count, s->arena, &r->stage, err);
}

/* ---------------------------------------------------------------- who makes a value */

static const xai_node *maker_of(const xai_program *p, const xai_value *v)
{
    for (int i = 0; i < p->node_count; i++)
        for (int k = 0; k < p->nodes[i]->out_count; k++)
            if (p->nodes[i]->out[k] == v) return p->nodes[i];
    return NULL;
}

static bool is_any(const xai_node *node, const char *types)
{
    char word[64];
    if (!node || strlen(node->op->type) > sizeof word - 3) return false;
    snprintf(word, sizeof word, " %s ", node->op->type);
    return strstr(types, word) != NULL;
}

/* Whether the value is a gate: made by a function that ends, seen through views and constant factors. */
static bool is_gate(const xai_program *p, const xai_value *v)
{
    for (;;) {
        const xai_node *node = maker_of(p, v);
        if (is_any(node, " Sigmoid HardSigmoid Softmax Clip ")) return true;
        bool scaled = is_any(node, " Mul Div ") && (node->in[0]->constant || node->in[1]->constant);
        if (!node || !(node->op->view || scaled || node->index < 0)) return false; /* < 0: laid out anew, no more */
        v = node->in[scaled && node->in[0]->constant ? 1 : 0];
    }
}

/* The input that takes all; -1: several do. Of a product of two gates, or of none, each factor takes half. */
static int signal_of(const xai_program *p, const xai_node *node)
{
    const xai_value *a = node->in[0], *b = node->in_count > 1 ? node->in[1] : NULL;
    xai_flow flow = node->op->flow;
    if (flow == XAI_FLOW_PASS) return 0;
    if (node->op->view || (flow != XAI_FLOW_GATE && flow != XAI_FLOW_WEIGH)) return -1;
    if (a->constant || b->constant) return a->constant ? 1 : 0;
    if (flow == XAI_FLOW_WEIGH) return is_gate(p, a) ? 1 : is_gate(p, b) ? 0 : -1;
    if (strcmp(node->op->type, "Div") == 0) return 0;
    if (count_of(a) != count_of(b)) return count_of(a) > count_of(b) ? 0 : 1;
    bool gate_a = is_gate(p, a), gate_b = is_gate(p, b);
    return gate_a == gate_b ? -1 : gate_a ? 1 : 0;
}

/* ---------------------------------------------------------------- what passes */

static xai_status check_node(const xai_program *p, const xai_node *node, xai_error *err)
{
    XAI_NODE_CHECK(node->op->view || node->op->flow != XAI_FLOW_NONE, node, UNSUPPORTED_METHOD, err,
                   "relevance does not pass it");
    XAI_NODE_CHECK(node->op->view || node->op->flow != XAI_FLOW_WEIGH || signal_of(p, node) >= 0, node,
                   UNSUPPORTED_METHOD, err, "relevance does not pass a product of two tensors of which none is a gate");
    return XAI_OK;
}

xai_status xai_relevance_check(const xai_program *p, xai_error *err)
{
    bool *moves = calloc((size_t)p->value_count + 1, sizeof *moves);
    if (!moves) XAI_NO_MEMORY(err);
    xai_program_moves(p, moves);
    xai_status status = XAI_OK;
    for (int i = 0; status == XAI_OK && i < p->node_count; i++)
        if (p->nodes[i]->index >= 0 && xai_node_hands_on(p->nodes[i], moves)) status = check_node(p, p->nodes[i], err);
    free(moves);
    return status;
}

/* ---------------------------------------------------------------- one node */

typedef struct pass_down {
    xai_session *session;
    xai_relevance_room *room;
    const xai_relevance *request;
    xai_exec exec; /* grads: relevance */
} pass_down;

/* Adds factor * R to the input, element by element; where it was repeated, its copies' relevance comes together. */
static void pass(const xai_node *node, const pass_down *w, int i, float factor)
{
    const float *from = xai_grad_out(&w->exec, node, 0);
    float *to = xai_grad_in(&w->exec, node, i);
    const xai_shape *in = &node->in[i]->shape, *out = &node->out[0]->shape;
    int64_t n = to ? xai_value_count(node->out[0]) : 0;
    if (xai_value_count(node->in[i]) == n) {
        for (int64_t k = 0; k < n; k++) to[k] += factor * from[k];
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        int64_t rest = k, at = 0, step = 1;
        for (int axis = out->rank - 1, own = in->rank - 1; axis >= 0 && own >= 0; axis--, own--) {
            at += rest % out->dim[axis] % in->dim[own] * step;
            rest /= out->dim[axis];
            step *= in->dim[own];
        }
        to[at] += factor * from[k];
    }
}

static void pass_gate(const xai_node *node, const pass_down *w)
{
    int signal = signal_of(w->session->program, node);
    for (int i = 0; i < 2; i++)
        if (signal < 0 || signal == i) pass(node, w, i, signal < 0 ? 0.5F : 1);
}

/* R_i += x_i * J^T (R / [y]) */
static void share(const xai_node *node, const pass_down *w)
{
    xai_relevance_room *r = w->room;
    float *out = xai_out_f32(&w->exec, node, 0), *relevance = w->exec.grads[node->out[0]->id];
    size_t used = 0;
    for (size_t i = 0, n = count_of(node->out[0]); i < n; i++)
        relevance[i] = xai_relevance_ratio(relevance[i], out[i], XAI_SHARE_EPSILON);
    xai_stage_set(r->stage, node, &w->exec);
    r->stage->grads[xai_stage_out(r->stage, 0)] = relevance;
    for (int i = 0; i < node->in_count; i++) {
        if (!xai_grad_in(&w->exec, node, i)) continue;
        r->stage->grads[i] = r->grad + used;
        used += count_of(node->in[i]);
    }
    memset(r->grad, 0, used * sizeof *r->grad);
    xai_stage_backward(r->stage, &w->exec);
    for (int i = 0; i < node->in_count; i++) {
        float *to = xai_grad_in(&w->exec, node, i);
        const float *x = to ? xai_in_f32(&w->exec, node, i) : NULL;
        for (size_t k = 0, n = to ? count_of(node->in[i]) : 0; k < n; k++) to[k] += x[k] * r->stage->grads[i][k];
    }
}

static xai_status weigh(const xai_node *node, const pass_down *w, const xai_rule *rule, xai_error *err)
{
    static const xai_rule EPSILON = {.kind = XAI_RULE_EPSILON, .epsilon = XAI_SHARE_EPSILON};
    int signal = signal_of(w->session->program, node);
    if (!node->in[1 - signal]->constant) rule = &EPSILON; /* attention: the weights vary */
    XAI_TRY(xai_relevance_check_rule(node, rule, err));
    xai_weighing weighing = {.node = node, .exec = &w->exec, .room = w->room, .rule = rule, .signal = signal,
                             .weight = 1 - signal, .from = xai_grad_out(&w->exec, node, 0),
                             .to = xai_grad_in(&w->exec, node, signal)};
    if (weighing.to) xai_relevance_weigh(&weighing);
    return XAI_OK;
}

static xai_status hand_down(const pass_down *w, const xai_node *node, int position, xai_error *err)
{
    XAI_TRY(check_node(w->session->program, node, err));
    if (node->op->view) {
        xai_node_backward(node, &w->exec);
        return XAI_OK;
    }
    switch (node->op->flow) {
    case XAI_FLOW_PASS:
        if (w->request->slopes) xai_node_backward(node, &w->exec);
        else pass(node, w, 0, 1);
        return XAI_OK;
    case XAI_FLOW_ROUTE: xai_node_backward(node, &w->exec); return XAI_OK;
    case XAI_FLOW_SHARE: share(node, w); return XAI_OK;
    case XAI_FLOW_GATE: pass_gate(node, w); return XAI_OK;
    case XAI_FLOW_WEIGH: return weigh(node, w, &w->request->rules[position], err);
    case XAI_FLOW_NONE: break;
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- the walk */

static double total(const xai_exec *exec, xai_value *const *values, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        const float *r = values[i] ? exec->grads[values[i]->id] : NULL;
        bool again = false; /* an input that is read twice counts once */
        for (int k = 0; k < i; k++) again = again || values[k] == values[i];
        for (size_t j = 0, n = r && !again ? count_of(values[i]) : 0; j < n; j++) sum += (double)r[j];
    }
    return sum;
}

static xai_status visit(void *user, const xai_node *node, int position, xai_error *err)
{
    const pass_down *w = user;
    xai_session *s = w->session;
    int signal = signal_of(s->program, node);
    for (int k = 0; k < node->in_count; k++)
        if (xai_value_runs(node->in[k]) && (signal < 0 || k == signal))
            xai_session_open_gradient(s, node->in[k], s->block, s->grads);
    double *leak = w->request->leak;
    if (leak) leak[position] = total(&w->exec, node->out, node->out_count) + total(&w->exec, node->in, node->in_count);
    XAI_TRY(hand_down(w, node, position, err));
    if (leak) leak[position] -= total(&w->exec, node->in, node->in_count);
    return XAI_OK;
}

xai_status xai_session_relevance(xai_session *s, const xai_relevance *q, const xai_par *par, xai_error *err)
{
    assert(s->room);
    pass_down w = {s, s->room, q, xai_session_exec(s, XAI_POLICY_PLAIN, par)};
    if (q->leak) memset(q->leak, 0, (size_t)s->program->node_count * sizeof *q->leak);
    xai_walk walk = {q->seeds, q->seed_count, q->wanted, q->wanted_count, visit, &w};
    return xai_session_walk_back(s, &walk, err);
}
