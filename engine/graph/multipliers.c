/*
 * The pass of multipliers (multipliers.h): the walk of a backward pass, in the same buffers, that knows for each node
 * which rule is its own. Runs allocate nothing. Not thread-safe, like the session.
 */
#include "multipliers_inside.h"

#include <assert.h>
#include <string.h>

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static bool is_float(const xai_value *v) { return v && v->dtype == XAI_F32; }
static bool is(const xai_node *node, const char *type) { return strcmp(node->op->type, type) == 0; }

/* ---------------------------------------------------------------- memory */

typedef struct sizes {
    size_t in, out, places;
} sizes;

static sizes sizes_of(const xai_program *p)
{
    sizes z = {1, 1, 1};
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        size_t in = 0;
        for (int k = 0; k < n->in_count; k++)
            if (is_float(n->in[k]) && xai_value_runs(n->in[k])) in += (size_t)xai_value_count(n->in[k]);
        z.in = larger(z.in, in);
        if (n->out[0]) z.out = larger(z.out, (size_t)xai_value_count(n->out[0]));
        if (is(n, "MaxPool")) z.places = larger(z.places, (size_t)xai_value_count(n->out[0]));
    }
    return z;
}

size_t xai_session_multiplier_bytes(const xai_session *s)
{
    sizes z = sizes_of(s->program);
    return (2 * z.out + 3 * z.in) * sizeof(float) + z.places * sizeof(int64_t);
}

xai_status xai_session_add_multipliers(xai_session *s, xai_error *err)
{
    const xai_program *p = s->program;
    sizes z = sizes_of(p);
    XAI_CHECK(p->plain, err, INTERNAL, "", "multipliers need a plain program");
    struct xai_multiplier_room *r = s->multipliers = XAI_NEW(s->arena, struct xai_multiplier_room, 1);
    if (!r) XAI_NO_MEMORY(err);
    for (int i = 0; i < 2; i++)
        if (!(r->out[i] = XAI_NEW(s->arena, float, z.out))) XAI_NO_MEMORY(err);
    for (int i = 0; i < 3; i++)
        if (!(r->in[i] = XAI_NEW(s->arena, float, z.in))) XAI_NO_MEMORY(err);
    if (!(r->places = XAI_NEW(s->arena, int64_t, z.places))) XAI_NO_MEMORY(err);
    s->block_bytes += xai_session_multiplier_bytes(s);
    return xai_stage_new(p->nodes, p->node_count, s->arena, &r->stage, err);
}

/* ---------------------------------------------------------------- which rule */

typedef struct pass_down {
    xai_session *session;
    const xai_multipliers *request;
    xai_exec exec;
} pass_down;

/* The inputs that have moved, as a mask, and the last of them. */
static unsigned moving_inputs(const pass_down *w, const xai_node *node, int *count, int *last)
{
    unsigned mask = 0;
    *count = 0;
    for (int i = 0; i < node->in_count; i++) {
        const xai_value *v = node->in[i];
        if (!xai_value_runs(v) || v->dtype != XAI_F32 || !w->session->mark[v->id]) continue;
        mask |= i < 32 ? 1U << i : 0;
        *last = i;
        (*count)++;
    }
    return mask;
}

static bool is_linear(const xai_node *node, unsigned mask, int count)
{
    const xai_op *op = node->op;
    if (op->view || op->linear == XAI_ALL_INPUTS || op->flow == XAI_FLOW_SHARE) return true;
    if (op->linear && (mask & ~op->linear) == 0) return true;
    bool product = op->bilinear || op->flow == XAI_FLOW_WEIGH || is(node, "Mul");
    return (product && count == 1) || (is(node, "Div") && mask == 1);
}

/* Modules that Captum hooks. */
static bool is_hooked(const xai_node *node)
{
    static const char *const TYPES[] = {"Relu", "Elu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "MaxPool", "Softmax"};
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (is(node, TYPES[i])) return true;
    return false;
}

static bool follows_hooked(const pass_down *w, const xai_node *node)
{
    const xai_program *p = w->session->program;
    for (int i = 0; i < p->node_count; i++)
        if (p->nodes[i]->out[0] == node->in[0]) return is_hooked(p->nodes[i]);
    return false;
}

static bool is_choice(const xai_node *node, bool *smallest)
{
    *smallest = is(node, "Min") || is(node, "ReduceMin");
    return *smallest || is(node, "Max") || is(node, "ReduceMax") || is(node, "MaxPool") || is(node, "GlobalMaxPool");
}

static xai_status hand_down(const pass_down *w, const xai_node *node, xai_error *err)
{
    int count, moving = 0;
    bool complete = w->request->complete, smallest, choice = is_choice(node, &smallest);
    unsigned mask = moving_inputs(w, node, &count, &moving);
    xai_difference d = {node, &w->exec, w->request->reference->data, w->session->multipliers};
    bool captum = !complete && is_hooked(node);
    bool same_shape = count == 1 && xai_shape_equal(&node->in[moving]->shape, &node->out[0]->shape);
    if (is_linear(node, mask, count) || (captum && follows_hooked(w, node))) {
        XAI_NODE_CHECK(node->op->backward || node->op->view, node, UNSUPPORTED_METHOD, err, "it has no derivative");
        xai_node_backward(node, &w->exec);
    } else if (node->op->bilinear || is(node, "Mul")) xai_multiply_product(&d);
    else if (is(node, "Div") && count == 2) xai_multiply_quotient(&d);
    else if (captum && is(node, "MaxPool")) xai_multiply_max_pool_captum(&d);
    else if (choice) xai_multiply_choice(&d, smallest);
    else if (is(node, "Softmax")) xai_multiply_softmax(&d, complete);
    else if (same_shape && (node->op->flow == XAI_FLOW_PASS || is(node, "Div"))) xai_multiply_elements(&d, moving);
    else return xai_node_fail(node, XAI_E_UNSUPPORTED_METHOD, err, "there is no rule for its multipliers");
    return XAI_OK;
}

static xai_status visit(void *user, const xai_node *node, int position, xai_error *err)
{
    (void)position;
    const pass_down *w = user;
    for (int k = 0; k < node->in_count; k++)
        if (xai_value_runs(node->in[k]))
            xai_session_open_gradient(w->session, node->in[k], w->session->block, w->session->grads);
    return hand_down(w, node, err);
}

xai_status xai_session_multipliers(xai_session *s, const xai_multipliers *q, const xai_par *par, xai_error *err)
{
    assert(s->multipliers && q->reference->program == s->program);
    pass_down w = {s, q, xai_session_exec(s, XAI_POLICY_PLAIN, par)};
    xai_walk walk = {q->seeds, q->seed_count, q->wanted, q->wanted_count, visit, &w};
    return xai_session_walk_back(s, &walk, err);
}
