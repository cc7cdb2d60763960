/*
 * One walk over the outline, in order of execution: interval arithmetic where an operator is monotone in one tensor,
 * nothing known elsewhere. Constants have their values from the model's program, which has folded them. Pure.
 */
#include "facts.h"

#include <math.h>
#include <string.h>

enum { MOST_SCANNED = 1 << 16 }; /* elements of a constant that are looked at for its bounds */

static bool is_any(const char *type, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(type, *list) == 0) return true;
    return false;
}

static bool is(const xai_node *node, const char *type) { return node && strcmp(node->op->type, type) == 0; }

const xai_graph_node *xai_facts_written(const xai_facts *f, const xai_node *node)
{
    return xai_names_get(f->model->graph->makers, node->out[0]->name);
}

/* ---------------------------------------------------------------- constants */

static const xai_tensor *constant_of(const xai_facts *f, const xai_node *node, int k)
{
    const xai_graph_node *written = xai_facts_written(f, node);
    if (!written || k >= written->in_count || !written->in[k][0]) return NULL;
    const xai_value *v = xai_names_get(f->model->program->names, written->in[k]);
    return v && v->constant ? v->constant : xai_names_get(f->model->graph->constants, written->in[k]);
}

bool xai_facts_constant(const xai_facts *f, const xai_node *node, int k, double *low, double *high)
{
    const xai_tensor *t = k < node->in_count && !node->in[k] ? constant_of(f, node, k) : NULL;
    int64_t n = t ? xai_tensor_count(t) : 0;
    if (n < 1 || n > MOST_SCANNED) return false;
    *low = INFINITY;
    *high = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double v = xai_tensor_real(t, i);
        *low = fmin(*low, v);
        *high = fmax(*high, v);
    }
    return true;
}

size_t xai_facts_constants(const xai_facts *f, const xai_node *node, int k, int64_t *out, size_t room)
{
    const xai_tensor *t = k < node->in_count && !node->in[k] ? constant_of(f, node, k) : NULL;
    size_t n = t ? (size_t)xai_tensor_count(t) : 0;
    for (size_t i = 0; i < n && n <= room; i++) out[i] = xai_tensor_int(t, (int64_t)i);
    return n <= room ? n : 0;
}

/* A bound of Clip: an input, or an attribute in old files. */
static double clip_bound(const xai_facts *f, const xai_node *node, int k, const char *name, double open)
{
    double low, high;
    if (xai_facts_constant(f, node, k, &low, &high)) return low;
    const xai_graph_node *written = xai_facts_written(f, node);
    for (size_t i = 0; written && i < written->attr_count; i++)
        if (strcmp(written->attrs[i].name, name) == 0) return (double)written->attrs[i].real;
    return open;
}

/* ---------------------------------------------------------------- what passes through */

/* The only input that runs, if all the others are there and constant; -1. */
static int lone_input(const xai_node *node)
{
    int at = -1;
    for (int k = 0; k < node->in_count; k++) {
        if (!xai_value_runs(node->in[k])) continue;
        if (at >= 0) return -1;
        at = k;
    }
    return at;
}

/* Whether the axes that hold more than one element keep their order. */
static bool keeps_order(const xai_facts *f, const xai_node *node)
{
    const xai_graph_node *written = xai_facts_written(f, node);
    const xai_shape *s = &node->in[0]->shape;
    const int64_t *perm = NULL;
    for (size_t i = 0; written && i < written->attr_count; i++)
        if (strcmp(written->attrs[i].name, "perm") == 0 && (int)written->attrs[i].count == s->rank)
            perm = written->attrs[i].integers;
    int64_t last = -1;
    for (int i = 0; i < s->rank; i++) {
        int64_t axis = perm ? perm[i] : s->rank - 1 - i;
        if (axis < 0 || axis >= s->rank || s->dim[axis] == 1) continue;
        if (axis < last) return false;
        last = axis;
    }
    return true;
}

xai_pass xai_facts_pass(const xai_facts *f, const xai_node *node, int *at)
{
    static const char *const VIEWS[] = {"Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze", NULL};
    static const char *const RESIZES[] = {"Expand", "Resize", "Tile", "Upsample", NULL};
    static const char *const AFFINE[] = {"Add", "Div", "Mul", "Sub", "Where", NULL};
    *at = lone_input(node);
    if (is(node, "Where")) { /* of a softmax whose NaN become 0 */
        int value = node->in[1] ? 1 : 2;
        if (!node->in[value] || (node->in[1] && node->in[2])) return XAI_PASS_NONE;
        *at = value;
    }
    if (*at < 0) return XAI_PASS_NONE;
    if (is_any(node->op->type, VIEWS)) return *at == 0 ? XAI_PASS_VIEW : XAI_PASS_NONE;
    if (is(node, "Transpose")) return keeps_order(f, node) ? XAI_PASS_VIEW : XAI_PASS_TURN;
    if (is_any(node->op->type, RESIZES)) return *at == 0 ? XAI_PASS_RESIZE : XAI_PASS_NONE;
    if (!is_any(node->op->type, AFFINE)) return XAI_PASS_NONE;
    bool grows = xai_value_count(node->out[0]) > xai_value_count(node->in[*at]);
    return grows ? XAI_PASS_RESIZE : XAI_PASS_COMPUTE;
}

/* ---------------------------------------------------------------- intervals */

static xai_fact between(double low, double high) { return (xai_fact){.low = low, .high = high}; }
static xai_fact anything(void) { return between(-INFINITY, INFINITY); }

static xai_fact increasing(double (*function)(double), const xai_fact *x)
{
    return between(function(x->low), function(x->high));
}

static double softplus(double x) { return x > 30 ? x : log1p(exp(x)); }
static double relu(double x) { return fmax(x, 0); }
static double softsign(double x) { return isinf(x) ? copysign(1, x) : x / (1 + fabs(x)); }

static xai_fact product(const xai_fact *a, const xai_fact *b)
{
    double v[] = {a->low * b->low, a->low * b->high, a->high * b->low, a->high * b->high};
    xai_fact r = between(INFINITY, -INFINITY);
    for (int i = 0; i < 4; i++) {
        double x = isnan(v[i]) ? 0 : v[i]; /* 0 times an end that is never reached */
        r.low = fmin(r.low, x);
        r.high = fmax(r.high, x);
    }
    return r;
}

/* 1 / x for a positive x. */
static xai_fact reciprocal(const xai_fact *x)
{
    return x->low > 0 ? between(1 / x->high, 1 / x->low) : x->low == 0 ? between(0, INFINITY) : anything();
}

/* Of two tensors that both run nothing is known, but for Min and Max: products of gates are found by their factors. */
static xai_fact binary(const xai_node *node, const xai_fact *a, const xai_fact *b)
{
    bool constant = !node->in[0] || !node->in[1];
    if (is(node, "Min")) return between(fmin(a->low, b->low), fmin(a->high, b->high));
    if (is(node, "Max")) return between(fmax(a->low, b->low), fmax(a->high, b->high));
    if (!constant) return anything();
    if (is(node, "Add")) return between(a->low + b->low, a->high + b->high);
    if (is(node, "Sub")) return between(a->low - b->high, a->high - b->low);
    if (is(node, "Mul")) return product(a, b);
    xai_fact inverse = reciprocal(b);
    if (!is(node, "Div")) return anything();
    return isinf(inverse.high) && isinf(inverse.low) ? anything() : product(a, &inverse);
}

static xai_fact input_fact(const xai_facts *f, const xai_node *node, int k)
{
    xai_fact r = anything();
    if (k < node->in_count && node->in[k]) return f->of[node->in[k]->id];
    xai_facts_constant(f, node, k, &r.low, &r.high);
    return r;
}

static xai_fact unary(const xai_facts *f, const xai_node *node, const xai_fact *x)
{
    if (is(node, "Sigmoid") || is(node, "HardSigmoid")) return between(0, 1);
    if (is(node, "Exp")) return increasing(exp, x);
    if (is(node, "Tanh")) return increasing(tanh, x);
    if (is(node, "Erf")) return increasing(erf, x);
    if (is(node, "Relu")) return increasing(relu, x);
    if (is(node, "Softplus")) return increasing(softplus, x);
    if (is(node, "Softsign")) return increasing(softsign, x);
    if (is(node, "LogSoftmax")) return between(-INFINITY, 0);
    if (is(node, "Neg")) return between(-x->high, -x->low);
    if (is(node, "Abs")) return between(0, fmax(fabs(x->low), fabs(x->high)));
    if (is(node, "Reciprocal")) return reciprocal(x);
    if (is(node, "Clip")) {
        double low = clip_bound(f, node, 1, "min", -INFINITY), high = clip_bound(f, node, 2, "max", INFINITY);
        return between(fmin(fmax(x->low, low), high), fmin(fmax(x->high, low), high));
    }
    return anything();
}

/* ---------------------------------------------------------------- shares of a whole */

/* Whether `sum` is `v` summed over some axes, perhaps widened again, perhaps with something small added. */
static bool is_sum_of(const xai_facts *f, const xai_value *sum, const xai_value *v)
{
    for (;;) {
        const xai_node *n = f->maker[sum->id];
        int at;
        if (is(n, "ReduceSum") || is(n, "ReduceL1")) return n->in[0] == v;
        if (!n || (xai_facts_pass(f, n, &at) == XAI_PASS_NONE && !is(n, "Clip") && !is(n, "Max"))) return false;
        if ((at = lone_input(n)) < 0) return false;
        sum = n->in[at];
    }
}

static bool makes_shares(const xai_facts *f, const xai_node *node)
{
    if (is(node, "Softmax")) return true;
    if (is(node, "Exp")) return is(f->maker[node->in[0]->id], "LogSoftmax");
    if (!is(node, "Div") || !xai_value_runs(node->in[0]) || !xai_value_runs(node->in[1])) return false;
    return f->of[node->in[0]->id].low >= 0 && is_sum_of(f, node->in[1], node->in[0]);
}

/* ---------------------------------------------------------------- the walk */

static bool moves_only(const xai_node *node)
{
    static const char *const MOVES[] = {"Concat", "DepthToSpace", "Gather", "MaxPool", "Slice", "SpaceToDepth", "Split", NULL};
    return is_any(node->op->type, MOVES);
}

static xai_fact range_of(const xai_facts *f, const xai_node *node)
{
    static const char *const BINARY[] = {"Add", "Div", "Max", "Min", "Mul", "Sub", NULL};
    int at;
    if (makes_shares(f, node)) return (xai_fact){.low = 0, .high = 1, .shares = true};
    if (is_any(node->op->type, BINARY)) {
        xai_fact a = input_fact(f, node, 0), b = input_fact(f, node, 1);
        return node->in_count == 2 ? binary(node, &a, &b) : anything();
    }
    if (is(node, "Where")) {
        xai_fact a = input_fact(f, node, 1), b = input_fact(f, node, 2);
        xai_fact r = between(fmin(a.low, b.low), fmax(a.high, b.high));
        r.shares = a.shares || b.shares; /* a masked softmax */
        return r;
    }
    if (node->in_count == 0 || !xai_value_runs(node->in[0])) return anything();
    xai_fact x = f->of[node->in[0]->id];
    if (xai_facts_pass(f, node, &at) != XAI_PASS_NONE) return x;
    if (moves_only(node)) {
        xai_fact r = x;
        for (int k = 1; k < node->in_count; k++) {
            if (!is(node, "Concat")) break;
            xai_fact other = input_fact(f, node, k);
            r = between(fmin(r.low, other.low), fmax(r.high, other.high));
        }
        return r;
    }
    return unary(f, node, &x);
}

/* Operators whose output is a function of the elements of their inputs at the same place. */
static bool is_elementwise(const xai_node *node)
{
    static const char *const TYPES[] = {
        "Abs", "Add", "BatchNormalization", "Cast", "Celu", "Clip", "Div", "Dropout", "Elu", "Erf", "Exp", "Flatten",
        "Gelu", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "PRelu",
        "Pow", "Reciprocal", "Relu", "Reshape", "Selu", "Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Squeeze",
        "Sub", "Swish", "Tanh", "ThresholdedRelu", "Unsqueeze", NULL};
    return is_any(node->op->type, TYPES);
}

static int root_of(const xai_facts *f, const xai_node *node)
{
    int root = -1, own = node->out[0]->id;
    if (!is_elementwise(node)) return own;
    for (int k = 0; k < node->in_count; k++) {
        if (!xai_value_runs(node->in[k])) continue;
        int r = f->of[node->in[k]->id].root;
        if (root >= 0 && r != root) return own;
        root = r;
    }
    return root >= 0 ? root : own;
}

xai_status xai_facts_find(const xai_model *model, xai_arena *arena, xai_facts *f, xai_error *err)
{
    const xai_program *p = model->outline;
    size_t n = (size_t)p->value_count;
    *f = (xai_facts){model, p, XAI_NEW(arena, const xai_node *, n), XAI_NEW(arena, xai_fact, n),
                     XAI_NEW(arena, bool, n)};
    if (!f->maker || !f->of || !f->mark) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) {
        f->of[i] = anything();
        f->of[i].root = (int)i;
    }
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *node = p->nodes[i];
        for (int k = 0; k < node->out_count; k++) {
            if (!xai_value_runs(node->out[k])) continue;
            xai_fact fact = range_of(f, node);
            fact.root = k ? node->out[k]->id : root_of(f, node);
            f->maker[node->out[k]->id] = node;
            f->of[node->out[k]->id] = fact;
        }
    }
    return XAI_OK;
}
