/*
 * The pass of multipliers (multipliers.h): the walk of a backward pass, in the same buffers, that knows for each node
 * which rule is its own. Runs allocate nothing. Not thread-safe, like the session.
 */
#include "multipliers_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }
static bool is_float(const xai_value *v) { return v && v->dtype == XAI_F32; }
static bool is(const xai_node *node, const char *type) { return strcmp(node->op->type, type) == 0; }

/* ---------------------------------------------------------------- what Captum does */

/* Modules that Captum hooks. */
static bool is_hooked(const xai_node *node)
{
    static const char *const TYPES[] = {"Relu", "Elu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "MaxPool", "Softmax"};
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (is(node, TYPES[i])) return true;
    return false;
}

static const xai_node *maker_of(const xai_program *p, const xai_value *v)
{
    for (int i = 0; i < p->node_count; i++)
        if (p->nodes[i]->out[0] == v) return p->nodes[i];
    return NULL;
}

static bool follows_hooked(const xai_program *p, const xai_node *node)
{
    const xai_node *maker = maker_of(p, node->in[0]);
    return maker && is_hooked(maker);
}

/* Whether the node's hook is passed over, and the hook of the MaxPool before it is not. */
static bool drifts(const xai_program *p, const xai_node *node)
{
    const xai_node *maker = is_hooked(node) ? maker_of(p, node->in[0]) : NULL;
    return maker && is(maker, "MaxPool") && !follows_hooked(p, maker);
}

/* ---------------------------------------------------------------- memory */

typedef struct sizes {
    size_t in, out, places, drift;
} sizes;

static sizes sizes_of(const xai_program *p)
{
    sizes z = {1, 1, 1, 0};
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        size_t in = 0;
        for (int k = 0; k < n->in_count; k++)
            if (is_float(n->in[k]) && xai_value_runs(n->in[k])) in += (size_t)xai_value_count(n->in[k]);
        z.in = larger(z.in, in);
        if (n->out[0]) z.out = larger(z.out, (size_t)xai_value_count(n->out[0]));
        if (is(n, "MaxPool")) z.places = larger(z.places, (size_t)xai_value_count(n->out[0]));
        if (drifts(p, n)) z.drift += (size_t)xai_value_count(n->in[0]);
    }
    return z;
}

size_t xai_session_multiplier_bytes(const xai_session *s)
{
    sizes z = sizes_of(s->program);
    return (2 * z.out + 3 * z.in + z.drift) * sizeof(float) + z.places * sizeof(int64_t);
}

static xai_status add_drifts(xai_session *s, xai_error *err)
{
    const xai_program *p = s->program;
    float **drift = s->multipliers->drift = XAI_NEW(s->arena, float *, (size_t)p->value_count);
    if (!drift) XAI_NO_MEMORY(err);
    for (int i = 0; i < p->node_count; i++) {
        const xai_value *v = p->nodes[i]->in[0];
        if (!drifts(p, p->nodes[i]) || drift[v->id]) continue;
        if (!(drift[v->id] = XAI_NEW(s->arena, float, (size_t)xai_value_count(v)))) XAI_NO_MEMORY(err);
    }
    return XAI_OK;
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
    XAI_TRY(add_drifts(s, err));
    s->block_bytes += xai_session_multiplier_bytes(s);
    return xai_stage_new(p->nodes, p->node_count, s->arena, &r->stage, err);
}

/* ---------------------------------------------------------------- which rule */

/* A program, and what a change of its inputs reaches. */
typedef struct reach {
    const xai_program *program;
    const bool *moves;
} reach;

typedef struct pass_down {
    xai_session *session;
    reach reach;
    const xai_multipliers *request;
    xai_exec exec;
} pass_down;

/* The inputs that have moved, as a mask, and the last of them. */
static unsigned moving_inputs(const reach *r, const xai_node *node, int *count, int *last)
{
    unsigned mask = 0;
    *count = 0;
    for (int i = 0; i < node->in_count; i++) {
        const xai_value *v = node->in[i];
        if (!xai_value_runs(v) || v->dtype != XAI_F32 || !r->moves[v->id]) continue;
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

static bool is_choice(const xai_node *node, bool *smallest)
{
    *smallest = is(node, "Min") || is(node, "ReduceMin");
    return *smallest || is(node, "Max") || is(node, "ReduceMax") || is(node, "MaxPool") || is(node, "GlobalMaxPool");
}

static bool is_element_wise(const xai_node *node, int count, int moving)
{
    bool same_shape = count == 1 && xai_shape_equal(&node->in[moving]->shape, &node->out[0]->shape);
    return same_shape && (node->op->flow == XAI_FLOW_PASS || is(node, "Div"));
}

enum { DEEPEST = 12 }; /* nodes that a written-out function may have on one way */

/* The value of which `v` is an element-wise function, however many nodes write it out; v itself if it is none. */
static const xai_value *origin_of(const reach *r, const xai_value *v, int depth)
{
    const xai_node *node = depth < DEEPEST ? maker_of(r->program, v) : NULL;
    const xai_value *origin = NULL;
    bool sums = node && (is(node, "Add") || is(node, "Sub") || is(node, "Mul") || is(node, "Div"));
    if (!node || !(sums || node->op->flow == XAI_FLOW_PASS)) return v;
    for (int i = 0; i < node->in_count; i++) {
        const xai_value *in = node->in[i];
        if (!xai_value_runs(in) || !r->moves[in->id]) continue;
        const xai_value *found = xai_shape_equal(&in->shape, &v->shape) ? origin_of(r, in, depth + 1) : NULL;
        if (!found || (origin && found != origin)) return v;
        origin = found;
    }
    return origin ? origin : v;
}

/* A product or quotient inside a written-out function of one tensor: SiLU, HardSwish, GELU. */
static bool is_written_out(const reach *r, const xai_node *node)
{
    return (is(node, "Mul") || is(node, "Div")) && origin_of(r, node->out[0], 0) != node->out[0];
}

/* How a node hands multipliers down. */
typedef enum way {
    BY_GRADIENT,
    BY_DRIFT,    /* Captum: of two hooked modules in a row, the second */
    BY_ELEMENTS, /* rescaled */
    BY_SUM,      /* by rules that add up */
    AS_CAPTUM    /* a max-pool or Softmax as Captum has them */
} way;

static bool has_sum_rule(const xai_node *node, int count)
{
    bool smallest;
    return node->op->bilinear || is(node, "Mul") || (is(node, "Div") && count == 2) || is_choice(node, &smallest) ||
           is(node, "Softmax");
}

static way way_of(const reach *r, const xai_node *node, bool complete)
{
    int count, moving = 0;
    unsigned mask = moving_inputs(r, node, &count, &moving);
    if (is_linear(node, mask, count)) return BY_GRADIENT;
    if (!complete && is_hooked(node) && follows_hooked(r->program, node)) return BY_DRIFT;
    if (is_element_wise(node, count, moving)) return BY_ELEMENTS;
    if (complete || is_written_out(r, node)) return BY_SUM;
    return is(node, "MaxPool") || is(node, "Softmax") ? AS_CAPTUM : BY_GRADIENT;
}

static xai_status check_node(const reach *r, const xai_node *node, bool complete, xai_error *err)
{
    int count, moving;
    way w = way_of(r, node, complete);
    moving_inputs(r, node, &count, &moving);
    XAI_NODE_CHECK(w != BY_SUM || has_sum_rule(node, count), node, UNSUPPORTED_METHOD, err,
                   "there is no rule for its multipliers that adds up");
    XAI_NODE_CHECK((w != BY_GRADIENT && w != BY_DRIFT) || node->op->backward || node->op->view, node, UNSUPPORTED_METHOD,
                   err, "it has no derivative");
    return XAI_OK;
}

xai_status xai_multipliers_check(const xai_program *p, bool complete, xai_error *err)
{
    bool *moves = calloc((size_t)p->value_count + 1, sizeof *moves);
    if (!moves) XAI_NO_MEMORY(err);
    xai_program_moves(p, moves);
    reach r = {p, moves};
    xai_status status = XAI_OK;
    for (int i = 0; status == XAI_OK && i < p->node_count; i++)
        if (p->nodes[i]->index >= 0 && xai_node_hands_on(p->nodes[i], moves))
            status = check_node(&r, p->nodes[i], complete, err);
    free(moves);
    return status;
}

static void hand_down_sum(const xai_difference *d, int count)
{
    const xai_node *node = d->node;
    bool smallest;
    if (node->op->bilinear || is(node, "Mul")) xai_multiply_product(d);
    else if (is(node, "Div") && count == 2) xai_multiply_quotient(d);
    else if (is_choice(node, &smallest)) xai_multiply_choice(d, smallest);
    else xai_multiply_softmax(d, true);
}

static xai_status hand_down(const pass_down *w, const xai_node *node, xai_error *err)
{
    int count, moving = 0;
    struct xai_multiplier_room *room = w->session->multipliers;
    xai_difference d = {node, &w->exec, w->request->reference->data, room};
    XAI_TRY(check_node(&w->reach, node, w->request->complete, err));
    moving_inputs(&w->reach, node, &count, &moving);
    switch (way_of(&w->reach, node, w->request->complete)) {
    case BY_DRIFT:
        if (room->drift[node->in[0]->id]) xai_multiply_drift(&d, room->drift[node->in[0]->id]);
        xai_node_backward(node, &w->exec);
        break;
    case BY_GRADIENT: xai_node_backward(node, &w->exec); break;
    case BY_ELEMENTS: xai_multiply_elements(&d, moving); break;
    case BY_SUM: hand_down_sum(&d, count); break;
    case AS_CAPTUM:
        if (is(node, "MaxPool")) xai_multiply_max_pool_captum(&d, room->drift[node->out[0]->id]);
        else xai_multiply_softmax(&d, false);
    }
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
    pass_down w = {s, {s->program, s->mark}, q, xai_session_exec(s, XAI_POLICY_PLAIN, par)};
    xai_walk walk = {q->seeds, q->seed_count, q->wanted, q->wanted_count, visit, &w};
    return xai_session_walk_back(s, &walk, err);
}
