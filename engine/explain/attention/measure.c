/*
 * What the axes of a gate count, told from the product that it takes part in: the axes that are summed over are
 * positions; of maps the channels are where graph/orientation.c says; of tokens, positions are those whose number is
 * that of a convolution's or a pooling's map. Pure.
 */
#include "gates.h"

#include <string.h>

enum { MOST_LEAD = 8 }; /* tokens before those of the picture: the class's, registers */

static bool is(const xai_node *node, const char *type) { return node && strcmp(node->op->type, type) == 0; }

static const xai_attr *attr_of(const xai_facts *f, const xai_node *node, const char *name)
{
    const xai_graph_node *written = xai_facts_written(f, node);
    for (size_t i = 0; written && i < written->attr_count; i++)
        if (strcmp(written->attrs[i].name, name) == 0) return &written->attrs[i];
    return NULL;
}

static int64_t flag_of(const xai_facts *f, const xai_node *node, const char *name)
{
    const xai_attr *a = attr_of(f, node, name);
    return a ? a->integer : 0;
}

/* ---------------------------------------------------------------- the grid of tokens */

static bool has_map(const xai_node *n)
{
    return (is(n, "Conv") || is(n, "MaxPool") || is(n, "AveragePool") || is(n, "ConvTranspose")) &&
           n->out[0]->shape.rank == 4;
}

/* Marks by value id what `v` was computed from. */
static void mark_ancestors(const xai_facts *f, const xai_value *v, bool *mark)
{
    memset(mark, 0, (size_t)f->outline->value_count * sizeof *mark);
    mark[v->id] = true;
    for (int i = f->outline->node_count; i-- > 0;) {
        const xai_node *n = f->outline->nodes[i];
        bool here = false;
        for (int k = 0; k < n->out_count; k++) here = here || (n->out[k] && mark[n->out[k]->id]);
        for (int k = 0; here && k < n->in_count; k++)
            if (xai_value_runs(n->in[k])) mark[n->in[k]->id] = true;
    }
}

/* The nearest map before `v` with as many positions as there are tokens, but for a few before them. */
static void find_grid(const xai_facts *f, const xai_value *v, int64_t tokens, xai_gate *gate)
{
    mark_ancestors(f, v, f->mark);
    for (int64_t lead = 0; lead <= MOST_LEAD && lead < tokens; lead++)
        for (int i = f->outline->node_count; i-- > 0;) {
            const xai_node *n = f->outline->nodes[i];
            if (!has_map(n) || !f->mark[n->out[0]->id]) continue;
            const int64_t *d = n->out[0]->shape.dim;
            if (d[0] != 1 || d[2] * d[3] == 1 || d[2] * d[3] != tokens - lead) continue;
            gate->lead = lead;
            gate->rows = d[2];
            gate->cols = d[3];
            return;
        }
}

/* ---------------------------------------------------------------- element by element */

static bool holds(const int64_t *list, size_t count, int64_t axis, int rank)
{
    for (size_t i = 0; i < count; i++)
        if ((list[i] < 0 ? list[i] + rank : list[i]) == axis) return true;
    return count == 0; /* all of them */
}

/* Whether a node sums or averages over this axis of its input. */
static bool reduces(const xai_facts *f, const xai_node *n, int axis)
{
    int rank = n->in[0]->shape.rank;
    if (is(n, "GlobalAveragePool")) return axis >= 2;
    if (!is(n, "ReduceSum") && !is(n, "ReduceMean")) return false;
    const xai_attr *a = attr_of(f, n, "axes");
    if (a) return holds(a->integers, a->count, axis, rank);
    int64_t axes[XAI_MAX_RANK];
    size_t count = xai_facts_constants(f, n, 1, axes, XAI_MAX_RANK);
    return holds(axes, count, axis, rank);
}

/* Whether this reader of the product sums it over an axis; behind a Reshape, over the last one that joins the rest. */
static bool is_summed_by(const xai_facts *f, const xai_node *n, const xai_value *product, int axis)
{
    if (!is(n, "Reshape") && !is(n, "Flatten")) return n->in[0] == product && reduces(f, n, axis);
    const xai_value *flat = n->out[0];
    int last = flat->shape.rank - 1;
    int64_t joined = last < 0 ? 0 : xai_shape_span(&product->shape, last, product->shape.rank);
    if (axis < last || flat->shape.dim[last] != joined) return false;
    for (int i = 0; i < f->outline->node_count; i++)
        if (f->outline->nodes[i]->in_count && f->outline->nodes[i]->in[0] == flat && reduces(f, f->outline->nodes[i], last))
            return true;
    return false;
}

static bool is_summed(const xai_facts *f, const xai_value *product, int axis)
{
    for (int i = 0; i < f->outline->node_count; i++) {
        const xai_node *n = f->outline->nodes[i];
        for (int k = 0; k < n->in_count; k++)
            if (n->in[k] == product && is_summed_by(f, n, product, axis)) return true;
    }
    return false;
}

/* Which axis of the product counts channels. */
static int channel_axis(const xai_product *p, const xai_value *out)
{
    const xai_value *other = p->node->in[1 - p->side];
    const bool *last = p->facts->model->channels_last;
    int rank = out->shape.rank;
    if (rank == 4) return last[(p->widened && p->shown->shape.rank == 4 ? p->shown : other)->id] ? 3 : 1;
    return rank == 3 ? 2 : 1;
}

/* Of [N, tokens, channels] or [N, channels, tokens] the axis of the tokens. */
static int token_axis(const xai_product *p, const xai_value *out)
{
    xai_gate grid = {.rows = 0};
    for (int axis = 1; axis < 3; axis++)
        if (is_summed(p->facts, out, axis)) return axis;
    for (int axis = 1; axis < 3; axis++) {
        find_grid(p->facts, out, out->shape.dim[axis], &grid);
        if (grid.rows) return axis;
    }
    return 1;
}

static void name_axes(const xai_product *p, const xai_value *out, xai_axis *axes)
{
    int rank = out->shape.rank, channel = channel_axis(p, out);
    for (int i = 0; i < rank; i++) axes[i] = i == channel ? XAI_AXIS_CHANNEL : XAI_AXIS_POSITION;
    if (rank == 3) {
        int tokens = token_axis(p, out);
        axes[tokens] = XAI_AXIS_POSITION;
        axes[3 - tokens] = XAI_AXIS_CHANNEL;
    }
    if (rank >= 5)
        for (int i = 1; i < rank - 2; i++) axes[i] = XAI_AXIS_CHANNEL; /* branches and channels */
    if (out->shape.dim[0] == 1 || rank > 2) axes[0] = XAI_AXIS_HEAD;   /* the batch */
    if (rank == 1) axes[0] = XAI_AXIS_CHANNEL;
    if (rank == 2 && p->shares && is_summed(p->facts, out, 1)) axes[1] = XAI_AXIS_POSITION;
}

static bool sums_positions(const xai_product *p, const xai_value *out, const xai_axis *axes)
{
    bool any = false;
    for (int i = 0; i < out->shape.rank; i++) {
        if (axes[i] != XAI_AXIS_POSITION || out->shape.dim[i] == 1) continue;
        if (!is_summed(p->facts, out, i)) return false;
        any = true;
    }
    return any;
}

/* What is left of the axes when the gate has fewer than the product. */
static bool measure_elements(const xai_product *p, xai_gate *gate)
{
    xai_axis axes[XAI_MAX_RANK];
    const xai_value *out = p->node->out[0];
    int skipped = out->shape.rank - gate->shape.rank;
    if (skipped < 0 || out->shape.rank < 1) return false;
    name_axes(p, out, axes);
    memcpy(gate->axes, axes + skipped, (size_t)gate->shape.rank * sizeof *axes);
    if (out->shape.rank >= 4) {
        int seen = 0;
        gate->rows = gate->cols = 1;
        for (int i = gate->shape.rank; i-- > 0;)
            if (gate->axes[i] == XAI_AXIS_POSITION) *(seen++ ? &gate->rows : &gate->cols) = gate->shape.dim[i];
    }
    gate->kind = p->shares && sums_positions(p, out, axes) ? XAI_GATE_POOLING : XAI_GATE_KINDS;
    return true;
}

/* ---------------------------------------------------------------- sums of products */

static void measure_matrix(const xai_product *p, xai_gate *gate)
{
    int rank = gate->shape.rank;
    bool turned = is(p->node, "Gemm") && flag_of(p->facts, p->node, p->side ? "transB" : "transA");
    bool position_last = (p->side == 0) != turned;
    for (int i = 0; i < rank - 2; i++) gate->axes[i] = XAI_AXIS_HEAD;
    if (rank > 1) gate->axes[rank - 2] = position_last ? XAI_AXIS_QUERY : XAI_AXIS_POSITION;
    gate->axes[rank - 1] = position_last || rank == 1 ? XAI_AXIS_POSITION : XAI_AXIS_QUERY;
}

/* "bhqk,bhkd->bhqd": letters in both factors and not in the result are summed over. */
static bool measure_einsum(const xai_product *p, xai_gate *gate)
{
    const xai_attr *a = attr_of(p->facts, p->node, "equation");
    char term[3][XAI_MAX_RANK + 1] = {"", "", ""};
    int at = 0, n = 0;
    for (const char *c = a ? a->text : ""; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        if (*c == ',' || *c == '>') {
            if (++at > 2) return false;
            n = 0;
        } else if (letter) {
            if (n == XAI_MAX_RANK) return false;
            term[at][n++] = *c;
        } else if (*c == '.') {
            return false;
        }
    }
    const char *own = term[p->side], *other = term[1 - p->side];
    if (at != 2 || (int)strlen(own) != gate->shape.rank) return false;
    for (int i = 0; i < gate->shape.rank; i++) {
        bool shared = strchr(other, own[i]), stays = strchr(term[2], own[i]);
        gate->axes[i] = !stays ? XAI_AXIS_POSITION : shared ? XAI_AXIS_HEAD : XAI_AXIS_QUERY;
    }
    return true;
}

static bool measure_sum(const xai_product *p, xai_gate *gate)
{
    if (p->widened || gate->shape.rank < 1) return false;
    gate->kind = XAI_GATE_POOLING;
    if (is(p->node, "Einsum")) return measure_einsum(p, gate);
    measure_matrix(p, gate);
    return true;
}

/* ---------------------------------------------------------------- together */

bool xai_gate_measure(const xai_product *p, xai_gate *gate)
{
    gate->shape = p->shown->shape;
    if (!(is(p->node, "Mul") ? measure_elements(p, gate) : measure_sum(p, gate))) return false;
    for (int kind = 0; kind < XAI_AXIS_KINDS; kind++) gate->size[kind] = 1;
    for (int i = 0; i < gate->shape.rank; i++) gate->size[gate->axes[i]] *= gate->shape.dim[i];
    int64_t positions = gate->size[XAI_AXIS_POSITION];
    if (!gate->rows && positions > 1) find_grid(p->facts, p->node->in[1 - p->side], positions, gate);
    if (gate->kind == XAI_GATE_KINDS)
        gate->kind = positions == 1                       ? XAI_GATE_CHANNEL
                     : gate->size[XAI_AXIS_CHANNEL] == 1 ? XAI_GATE_SPATIAL
                                                         : XAI_GATE_ELEMENT;
    return true;
}
