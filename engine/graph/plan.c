/*
 * Planner: intervals over the node order, placed greedily, the largest first, at the lowest offset that is free for
 * the whole lifetime. One sweep over those already placed, sorted by offset, finds it: quadratic in the number of
 * values, which is a few hundred. Pure.
 */
#include "plan.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, UNUSED = -2 };

typedef struct interval {
    int id;
    int first, last; /* node indices, inclusive; -1: before the first node */
    size_t bytes, offset;
} interval;

/* The value whose bytes this value shares. */
static int *find_roots(const xai_program *p, const xai_part *part, xai_arena *arena)
{
    int *root = XAI_NEW(arena, int, (size_t)p->value_count);
    if (!root) return NULL;
    for (int i = 0; i < p->value_count; i++) root[i] = i;
    for (int i = 0; i < part->node_count; i++) {
        const xai_node *n = part->nodes[i];
        if (n->op->view && xai_value_runs(n->in[0])) root[n->out[0]->id] = root[n->in[0]->id];
    }
    return root;
}

size_t xai_plan_step(const xai_value *v)
{
    size_t bytes = (size_t)xai_value_count(v) * xai_dtype_size(v->dtype);
    return (bytes + ALIGN) / ALIGN * ALIGN; /* at least one line: empty tensors have an address too */
}

typedef struct planner {
    const xai_program *program;
    const xai_part *part;
    const bool *kept;
    const int *root, *together;
    interval *spans, *chosen;
    const interval **placed; /* sorted by offset */
    xai_plan *plan;
} planner;

/* First and last use of every value; `root` NULL: no sharing. UNUSED where the part does not know the value. Nodes that
 * run as one begin with the first and end with the last of them. */
static void find_lifetimes(const planner *pl, const int *root, interval *spans)
{
    const xai_program *p = pl->program;
    const xai_part *part = pl->part;
    for (int i = 0; i < p->value_count; i++) spans[i] = (interval){.id = i, .first = -1, .last = UNUSED};
    for (int i = 0; i < part->input_count; i++) spans[part->inputs[i]->id].last = -1;
    for (int i = 0, first = 0; i < part->node_count; i++) {
        const xai_node *n = part->nodes[i];
        if (pl->together[i] > 0) first = i;
        int last = first + pl->together[first] - 1;
        for (int k = 0; k < n->out_count; k++) {
            if (!n->out[k]) continue;
            int id = n->out[k]->id;
            if (!root || root[id] == id) spans[id].first = first;
            spans[root ? root[id] : id].last = last;
        }
        for (int k = 0; k < n->in_count; k++)
            if (xai_value_runs(n->in[k])) spans[root ? root[n->in[k]->id] : n->in[k]->id].last = last;
    }
}

/* What only passes from one node to the next within one run of them. */
static void leave_out_inner(const planner *pl, interval *spans)
{
    for (int i = 0; i < pl->part->node_count; i += pl->together[i])
        for (int k = 0; k + 1 < pl->together[i]; k++) spans[pl->part->nodes[i + k]->out[0]->id].last = UNUSED;
}

static int by_size(const void *a, const void *b)
{
    const interval *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->id - y->id;
}

static bool overlap(const interval *a, const interval *b) { return a->first <= b->last && b->first <= a->last; }

/* Lowest offset at which `s` fits among the `n` placed ones, which are sorted by offset. */
static size_t lowest_offset(const interval *const *placed, int n, const interval *s)
{
    size_t offset = 0;
    for (int i = 0; i < n; i++) {
        const interval *q = placed[i];
        if (q->offset >= offset + s->bytes) break;
        if (overlap(q, s) && q->offset + q->bytes > offset) offset = q->offset + q->bytes;
    }
    return offset;
}

/* Keeps the order; equal offsets belong to lifetimes that do not meet, whose order does not matter. */
static void insert(const interval **placed, int n, const interval *s)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (placed[middle]->offset <= s->offset) low = middle + 1;
        else high = middle;
    }
    memmove(placed + low + 1, placed + low, (size_t)(n - low) * sizeof *placed);
    placed[low] = s;
}

/* Places the `n` chosen intervals behind the plan's bytes and adds theirs. Ends as soon as the block is too large, so
 * that no sum overflows: one value has at most 2^43 bytes. */
static xai_status place(planner *pl, int n, size_t *offsets, xai_error *err)
{
    size_t base = pl->plan->bytes, end = 0;
    qsort(pl->chosen, (size_t)n, sizeof *pl->chosen, by_size);
    for (int i = 0; i < n; i++) {
        interval *s = &pl->chosen[i];
        s->offset = lowest_offset(pl->placed, i, s);
        insert(pl->placed, i, s);
        offsets[s->id] = base + s->offset;
        if (s->offset + s->bytes > end) end = s->offset + s->bytes;
        XAI_TRY(xai_memory_check(base + end, "the model's activations", err));
    }
    pl->plan->bytes = base + end;
    return XAI_OK;
}

/* Values whose bytes are in the block, with the lifetimes of the mode. */
static int choose_data(planner *pl, xai_plan_mode mode)
{
    const xai_program *p = pl->program;
    int n = 0, shared = xai_part_first_shared(pl->part);
    bool partial = pl->part->nodes != p->nodes; /* then a base run fills the inputs once, for all runs */
    find_lifetimes(pl, pl->root, pl->spans);
    leave_out_inner(pl, pl->spans);
    for (int i = 0; i < p->value_count; i++)
        if (pl->kept[i] || (p->values[i]->initial && (!partial || pl->spans[i].last != UNUSED)))
            pl->spans[pl->root[i]].last = p->node_count;
    for (int i = 0; partial && i < pl->part->input_count; i++)
        pl->spans[pl->part->inputs[i]->id].last = p->node_count;
    for (int i = 0; i < p->value_count; i++) {
        interval s = pl->spans[i];
        if (p->values[i]->constant || pl->root[i] != i || s.last == UNUSED) continue;
        s.bytes = xai_plan_step(p->values[i]) * pl->plan->slots;
        if (mode != XAI_PLAN_FORWARD) s.last = p->node_count;
        /* slot after slot runs up to `shared`: what is read from there on must survive the next slot's nodes */
        if (mode != XAI_PLAN_FORWARD || (pl->plan->slots > 1 && s.first < shared && s.last >= shared)) s.first = -1;
        pl->chosen[n++] = s;
    }
    return n;
}

/* A gradient lives from the last use of its value (backward's first) to the node that made it. */
static int choose_grads(planner *pl)
{
    const xai_program *p = pl->program;
    int n = 0;
    find_lifetimes(pl, NULL, pl->spans);
    for (int i = 0; i < p->value_count; i++) {
        interval s = pl->spans[i];
        if (p->values[i]->constant || p->values[i]->dtype != XAI_F32 || s.last == UNUSED) continue;
        s.bytes = xai_plan_step(p->values[i]);
        pl->chosen[n++] = s;
    }
    return n;
}

xai_status xai_plan_make(const xai_program *p, const xai_part *part, xai_plan_mode mode, const bool *kept,
                         const int *together, xai_arena *arena, xai_plan *out, xai_error *err)
{
    size_t n = (size_t)p->value_count;
    planner pl = {.program = p, .part = part, .kept = kept, .together = together, .plan = out};
    pl.root = find_roots(p, part, arena);
    pl.spans = XAI_NEW(arena, interval, n);
    pl.chosen = XAI_NEW(arena, interval, n);
    pl.placed = XAI_NEW(arena, const interval *, n);
    out->data_offset = XAI_NEW(arena, size_t, n);
    out->grad_offset = XAI_NEW(arena, size_t, n);
    if (!pl.root || !pl.spans || !pl.chosen || !pl.placed || !out->data_offset || !out->grad_offset)
        XAI_NO_MEMORY(err);
    memset(out->data_offset, 0xff, n * sizeof(size_t));
    memset(out->grad_offset, 0xff, n * sizeof(size_t));
    out->bytes = 0;
    XAI_TRY(place(&pl, choose_data(&pl, mode), out->data_offset, err));
    for (size_t i = 0; i < n; i++)
        if (!p->values[i]->constant) out->data_offset[i] = out->data_offset[pl.root[i]];
    return mode == XAI_PLAN_GRADIENT ? place(&pl, choose_grads(&pl), out->grad_offset, err) : XAI_OK;
}
