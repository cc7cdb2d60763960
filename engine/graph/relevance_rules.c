/*
 * The rules of products with weights (relevance.h), as a table: a rule is one or two groups of terms, each a forward
 * with changed inputs, weights and bias; their sum is the divisor, and a backward with the same changes hands down.
 * Loops over elements run on the session's thread; the passes use all of `par`.
 */
#include "relevance_inside.h"

#include <string.h>

/* How a term sees the inputs, the weights or the bias. */
typedef enum change {
    LEFT_OUT, /* a bias only */
    AS_IS,
    POSITIVE,
    NEGATIVE,
    MORE_POSITIVE, /* w + gamma w+ */
    MORE_NEGATIVE, /* w + gamma w- */
    SQUARED,
    ONES,
    LOW, /* bounds of the input, by channel */
    HIGH
} change;

typedef struct term {
    change input, weight, bias;
    float sign;
} term;

typedef struct group {
    term terms[3];
    int count;
    int where; /* 1: where the output is positive, -1: where negative, 0: everywhere */
} group;

static const group RULES[][2] = {
    [XAI_RULE_EPSILON] = {{{{AS_IS, AS_IS, AS_IS, 1}}, 1, 0}},
    [XAI_RULE_GAMMA] = {{{{POSITIVE, MORE_POSITIVE, MORE_POSITIVE, 1}, {NEGATIVE, MORE_NEGATIVE, LEFT_OUT, 1}}, 2, 1},
                        {{{POSITIVE, MORE_NEGATIVE, MORE_NEGATIVE, 1}, {NEGATIVE, MORE_POSITIVE, LEFT_OUT, 1}}, 2, -1}},
    [XAI_RULE_ALPHA_BETA] = {{{{POSITIVE, POSITIVE, POSITIVE, 1}, {NEGATIVE, NEGATIVE, LEFT_OUT, 1}}, 2, 0},
                             {{{POSITIVE, NEGATIVE, NEGATIVE, 1}, {NEGATIVE, POSITIVE, LEFT_OUT, 1}}, 2, 0}},
    [XAI_RULE_FLAT] = {{{{ONES, ONES, LEFT_OUT, 1}}, 1, 0}},
    [XAI_RULE_W_SQUARE] = {{{{ONES, SQUARED, SQUARED, 1}}, 1, 0}},
    [XAI_RULE_Z_BOX] = {{{{AS_IS, AS_IS, LEFT_OUT, 1}, {LOW, POSITIVE, LEFT_OUT, -1}, {HIGH, NEGATIVE, LEFT_OUT, -1}},
                         3, 0}},
    [XAI_RULE_WINNER] = {{{{AS_IS, POSITIVE, LEFT_OUT, 1}}, 1, 0}},
};

xai_status xai_relevance_check_rule(const xai_node *node, const xai_rule *r, xai_error *err)
{
    const xai_shape *in = &node->in[0]->shape;
    XAI_NODE_CHECK(r->kind >= XAI_RULE_EPSILON && r->kind <= XAI_RULE_WINNER && r->epsilon >= 0, node, BAD_PARAM, err,
                   "there is no such rule, or its epsilon is negative");
    XAI_NODE_CHECK(!r->negated || r->kind != XAI_RULE_EPSILON, node, BAD_PARAM, err,
                   "the epsilon rule has no negated form");
    XAI_NODE_CHECK(r->kind != XAI_RULE_GAMMA || r->gamma >= 0, node, BAD_PARAM, err, "gamma is negative");
    XAI_NODE_CHECK(r->kind != XAI_RULE_ALPHA_BETA || (r->beta >= 0 && r->alpha - r->beta == 1), node, BAD_PARAM, err,
                   "alpha - beta must be 1, and beta not negative");
    XAI_NODE_CHECK(r->kind != XAI_RULE_Z_BOX ||
                       (r->low && r->high && in->rank >= 2 && in->dim[1] == r->channels && !node->in[0]->constant),
                   node, BAD_PARAM, err, "the z-box rule needs bounds for each of its input's channels");
    bool scales = xai_attr_real(node, "alpha", 1) != 1 || xai_attr_real(node, "beta", 1) != 1;
    XAI_NODE_CHECK(!scales || r->kind == XAI_RULE_EPSILON, node, UNSUPPORTED_METHOD, err,
                   "its alpha or beta is not 1: only the epsilon rule is served");
    return XAI_OK;
}

/* ---------------------------------------------------------------- changes */

static void change_floats(const float *values, size_t n, float sign, change how, float gamma, float *y)
{
    for (size_t i = 0; i < n; i++) {
        float x = sign * values[i], positive = x > 0 ? x : 0, negative = x < 0 ? x : 0;
        switch (how) {
        case POSITIVE: y[i] = positive; break;
        case NEGATIVE: y[i] = negative; break;
        case MORE_POSITIVE: y[i] = x + gamma * positive; break;
        case MORE_NEGATIVE: y[i] = x + gamma * negative; break;
        case SQUARED: y[i] = x * x; break;
        case ONES: y[i] = 1; break;
        default: y[i] = x;
        }
    }
}

static void fill_bounds(const xai_shape *shape, const float *bound, float *y)
{
    int64_t planes = xai_shape_span(shape, 0, 2), size = xai_shape_span(shape, 2, shape->rank);
    for (int64_t p = 0; p < planes; p++)
        for (int64_t i = 0; i < size; i++) *y++ = bound[p % shape->dim[1]];
}

/* The bytes of input i as the term sees them; `room` is where a changed copy goes. */
static float *seen(const xai_weighing *w, int i, change how, float *room)
{
    const xai_value *v = w->node->in[i];
    float *own = w->exec->data[v->id], sign = w->rule->negated && i != w->signal ? -1 : 1;
    if (how == AS_IS && sign > 0) return own;
    if (how == LOW || how == HIGH) fill_bounds(&v->shape, how == LOW ? w->rule->low : w->rule->high, room);
    else change_floats(own, (size_t)xai_value_count(v), sign, how, w->rule->gamma, room);
    return room;
}

/* Puts the term's data on the stage; returns the input as it sees it. */
static const float *set_term(const xai_weighing *w, const term *t)
{
    xai_stage *s = w->room->stage;
    xai_stage_set(s, w->node, w->exec);
    float *input = seen(w, w->signal, t->input, w->room->input);
    s->data[w->signal] = input;
    s->data[w->weight] = seen(w, w->weight, t->weight, w->room->weight);
    if (!xai_has_input(w->node, 2)) return input;
    if (t->bias == LEFT_OUT) xai_stage_leave_out(s, 2);
    else s->data[2] = seen(w, 2, t->bias, w->room->bias);
    return input;
}

/* ---------------------------------------------------------------- one group */

static size_t count_of(const xai_value *v) { return (size_t)xai_value_count(v); }

static bool has_negatives(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] < 0) return true;
    return false;
}

/* The divisors, to room->sum. A lone unchanged term is what the forward computed. */
static void sum_terms(const xai_weighing *w, const group *g, bool negatives)
{
    xai_relevance_room *r = w->room;
    size_t n = count_of(w->node->out[0]);
    if (g->count == 1 && g->terms[0].weight == AS_IS) {
        memcpy(r->sum, w->exec->data[w->node->out[0]->id], n * sizeof *r->sum);
        return;
    }
    memset(r->sum, 0, n * sizeof *r->sum);
    for (int k = 0; k < g->count; k++) {
        if (g->terms[k].input == NEGATIVE && !negatives) continue;
        set_term(w, &g->terms[k]);
        r->stage->data[xai_stage_out(r->stage, 0)] = r->part;
        xai_stage_forward(r->stage, w->exec, false);
        for (size_t i = 0; i < n; i++) r->sum[i] += g->terms[k].sign * r->part[i];
    }
}

static void hand_down(const xai_weighing *w, const term *t)
{
    xai_relevance_room *r = w->room;
    size_t n = count_of(w->node->in[w->signal]);
    const float *input = set_term(w, t);
    memset(r->grad, 0, n * sizeof *r->grad);
    r->stage->grads[w->signal] = r->grad;
    r->stage->grads[xai_stage_out(r->stage, 0)] = r->scaled;
    xai_stage_backward(r->stage, w->exec);
    for (size_t i = 0; i < n; i++) w->to[i] += t->sign * input[i] * r->grad[i];
}

static void run_group(const xai_weighing *w, const group *g, float factor)
{
    xai_relevance_room *r = w->room;
    const float *y = w->exec->data[w->node->out[0]->id];
    bool negatives = has_negatives(w->exec->data[w->node->in[w->signal]->id], count_of(w->node->in[w->signal]));
    sum_terms(w, g, negatives);
    for (size_t i = 0, n = count_of(w->node->out[0]); i < n; i++) {
        bool here = g->where == 0 || (g->where > 0 ? y[i] > 0 : y[i] < 0);
        r->scaled[i] = here ? factor * xai_relevance_ratio(w->from[i], r->sum[i], w->rule->epsilon) : 0;
    }
    for (int k = 0; k < g->count; k++)
        if (g->terms[k].input != NEGATIVE || negatives) hand_down(w, &g->terms[k]);
}

void xai_relevance_weigh(const xai_weighing *w)
{
    bool two_sides = w->rule->kind == XAI_RULE_ALPHA_BETA;
    for (int k = 0; k < 2; k++) {
        const group *g = &RULES[w->rule->kind][k];
        float factor = !two_sides ? 1 : k == 0 ? w->rule->alpha : -w->rule->beta;
        if (g->count > 0 && factor != 0) run_group(w, g, factor);
    }
}
