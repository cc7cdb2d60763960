/*
 * The finder: for every product, both factors are followed back to the tensor in [0, 1] that they were made of. What
 * the axes of such a tensor count is told in measure.c. Pure.
 */
#include "gates.h"

#include <stdlib.h>
#include <string.h>

const char *xai_gate_kind_name(xai_gate_kind kind)
{
    static const char *const NAMES[] = {"squeeze-excitation", "spatial", "element-wise", "attention pooling",
                                        "self-attention"};
    return NAMES[kind];
}

static bool is(const xai_node *node, const char *type) { return node && strcmp(node->op->type, type) == 0; }

/* ---------------------------------------------------------------- back to the gate */

enum { MOST_STEPS = 32 };

typedef struct chain { /* from the factor of the product back, link by link */
    const xai_value *value[MOST_STEPS + 1];
    xai_pass pass[MOST_STEPS]; /* between value[i + 1] and value[i] */
    int length;
    int origin; /* of `value`: the first tensor in [0, 1] */
} chain;

/* False if nothing on the way back lies in [0, 1]. */
static bool follow_back(const xai_facts *f, const xai_value *factor, chain *c)
{
    c->length = 0;
    c->origin = -1;
    c->value[0] = factor;
    for (;;) {
        const xai_value *v = c->value[c->length];
        const xai_node *maker = f->maker[v->id];
        int at;
        if (xai_in_unit(&f->of[v->id])) c->origin = c->length;
        if (!maker || c->length == MOST_STEPS) break;
        xai_pass pass = xai_facts_pass(f, maker, &at);
        if (pass == XAI_PASS_NONE) break;
        c->pass[c->length++] = pass;
        c->value[c->length] = maker->in[at];
    }
    return c->origin >= 0;
}

/* From the gate towards the product: as far as the values stay what they are, then as far as their order does. */
static void follow_forth(const chain *c, xai_gate *gate, xai_product *p)
{
    int i = c->origin;
    while (i > 0 && (c->pass[i - 1] == XAI_PASS_VIEW || c->pass[i - 1] == XAI_PASS_TURN)) i--;
    gate->read = c->value[i]->name;
    while (i > 0 && (c->pass[i - 1] == XAI_PASS_VIEW || c->pass[i - 1] == XAI_PASS_COMPUTE)) i--;
    p->shown = c->value[i];
    p->widened = i > 0;
}

/* ---------------------------------------------------------------- products */

static bool is_sum_of_products(const xai_node *n) { return is(n, "MatMul") || is(n, "Gemm") || is(n, "Einsum"); }

/* What stands between scores and the shares that are made of them: the function, masks, biases. */
static bool is_between(const xai_node *n)
{
    static const char *const TYPES[] = {"Add", "Clip", "Div", "Exp", "LogSoftmax", "Mul", "Relu", "Sigmoid", "Softmax", "Sub"};
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++)
        if (is(n, TYPES[i])) return xai_value_runs(n->in[0]);
    return false;
}

/* Whether the tensor was computed from a product of two tensors that both depend on the picture: scores. */
static bool from_scores(const xai_facts *f, const xai_value *v)
{
    for (int step = 0; step < MOST_STEPS; step++) {
        const xai_node *n = f->maker[v->id];
        int at = 0;
        if (!n) return false;
        if (is_sum_of_products(n)) return n->in_count >= 2 && xai_value_runs(n->in[0]) && xai_value_runs(n->in[1]);
        if (xai_facts_pass(f, n, &at) == XAI_PASS_NONE && !is_between(n)) return false;
        v = n->in[at < 0 ? 0 : at];
    }
    return false;
}

static bool is_gate(const xai_facts *f, const xai_node *n, int side, const xai_value *origin)
{
    const xai_value *other = n->in[1 - side];
    const xai_fact *fact = &f->of[origin->id];
    if (!xai_value_runs(origin) || !xai_value_runs(other) || origin->dtype != XAI_F32) return false;
    if (is_sum_of_products(n)) return fact->shares || from_scores(f, origin);
    return fact->root != f->of[other->id].root;
}

typedef struct finder {
    const xai_facts *facts;
    int *order; /* of the maker, by value id */
    xai_gate *list;
    size_t count;
} finder;

static bool is_known(const finder *w, const char *tensor)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->list[i].tensor, tensor) == 0) return true;
    return false;
}

static void try_factor(finder *w, const xai_node *n, int side)
{
    chain c;
    if (!xai_value_runs(n->in[side]) || !follow_back(w->facts, n->in[side], &c)) return;
    const xai_value *origin = c.value[c.origin];
    if (!is_gate(w->facts, n, side, origin) || is_known(w, origin->name)) return;
    const xai_fact *fact = &w->facts->of[origin->id];
    xai_gate gate = {.tensor = origin->name, .gated = n->in[1 - side]->name, .order = w->order[origin->id]};
    xai_product p = {.facts = w->facts, .node = n, .side = side, .shares = fact->shares};
    follow_forth(&c, &gate, &p);
    if (!xai_gate_measure(&p, &gate)) return;
    if (gate.kind == XAI_GATE_POOLING && gate.size[XAI_AXIS_QUERY] > 1 && from_scores(w->facts, origin))
        gate.kind = XAI_GATE_SELF;
    w->list[w->count++] = gate;
}

static int by_order(const void *a, const void *b)
{
    const xai_gate *x = a, *y = b;
    return x->order - y->order;
}

xai_status xai_gates_find(const xai_model *model, xai_arena *arena, xai_gate **out, size_t *count, xai_error *err)
{
    const xai_program *p = model->outline;
    xai_facts facts;
    XAI_TRY(xai_facts_find(model, arena, &facts, err));
    size_t products = 0;
    for (int i = 0; i < p->node_count; i++) products += is(p->nodes[i], "Mul") || is_sum_of_products(p->nodes[i]);
    finder w = {.facts = &facts, .order = XAI_NEW(arena, int, (size_t)p->value_count),
                .list = XAI_NEW(arena, xai_gate, 2 * products)};
    if (!w.order || !w.list) XAI_NO_MEMORY(err);
    for (int i = 0; i < p->node_count; i++)
        for (int k = 0; k < p->nodes[i]->out_count; k++)
            if (p->nodes[i]->out[k]) w.order[p->nodes[i]->out[k]->id] = i;
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        if ((!is(n, "Mul") && !is_sum_of_products(n)) || n->in_count < 2) continue;
        for (int side = 0; side < 2; side++) try_factor(&w, n, side);
    }
    qsort(w.list, w.count, sizeof *w.list, by_order);
    *out = w.list;
    *count = w.count;
    return XAI_OK;
}
