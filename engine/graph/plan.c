/*
 * Planner: intervals over the node order, placed greedily, the largest first, at the lowest offset that is free for
 * the whole lifetime. Quadratic in the number of values, which is a few hundred. Pure.
 */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

typedef struct interval {
    int id;
    int first, last; /* node indices, inclusive; -1: before the first node */
    size_t bytes, offset;
} interval;

/* The value whose bytes this value shares. */
static int *find_roots(const xai_program *p, xai_arena *arena)
{
    int *root = XAI_NEW(arena, int, (size_t)p->value_count);
    if (!root) return NULL;
    for (int i = 0; i < p->value_count; i++) root[i] = i;
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        if (n->op->view && xai_value_runs(n->in[0])) root[n->out[0]->id] = root[n->in[0]->id];
    }
    return root;
}

static size_t bytes_of(const xai_value *v)
{
    size_t bytes = (size_t)xai_value_count(v) * xai_dtype_size(v->dtype);
    return (bytes + ALIGN) / ALIGN * ALIGN; /* at least one line: empty tensors have an address too */
}

/* First and last use of every value; `root` NULL: no sharing. */
static void find_lifetimes(const xai_program *p, const int *root, interval *spans)
{
    for (int i = 0; i < p->value_count; i++) spans[i] = (interval){.id = i, .first = -1, .last = -1};
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        for (int k = 0; k < n->out_count; k++) {
            if (!n->out[k]) continue;
            int id = n->out[k]->id;
            if (!root || root[id] == id) spans[id].first = i;
            spans[root ? root[id] : id].last = i;
        }
        for (int k = 0; k < n->in_count; k++)
            if (xai_value_runs(n->in[k])) spans[root ? root[n->in[k]->id] : n->in[k]->id].last = i;
    }
}

static int by_size(const void *a, const void *b)
{
    const interval *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->id - y->id;
}

static bool overlap(const interval *a, const interval *b) { return a->first <= b->last && b->first <= a->last; }

/* Lowest offset at which `s` fits among the `n` placed ones. */
static size_t lowest_offset(const interval *placed, int n, const interval *s)
{
    size_t offset = 0;
    for (int i = 0; i < n; i++) {
        const interval *q = &placed[i];
        bool collides = overlap(q, s) && offset < q->offset + q->bytes && q->offset < offset + s->bytes;
        if (collides) {
            offset = q->offset + q->bytes;
            i = -1; /* look again from the start */
        }
    }
    return offset;
}

/* Places all intervals; returns the size of the block. */
static size_t place(interval *spans, int n, size_t *offsets, size_t base)
{
    size_t end = 0;
    qsort(spans, (size_t)n, sizeof *spans, by_size);
    for (int i = 0; i < n; i++) {
        spans[i].offset = lowest_offset(spans, i, &spans[i]);
        offsets[spans[i].id] = base + spans[i].offset;
        if (spans[i].offset + spans[i].bytes > end) end = spans[i].offset + spans[i].bytes;
    }
    return end;
}

typedef struct planner {
    const xai_program *program;
    const bool *kept;
    const int *root;
    interval *spans, *chosen;
    xai_plan *plan;
} planner;

/* Values whose bytes are in the block, with the lifetimes of the mode. */
static int choose_data(planner *pl, xai_plan_mode mode)
{
    const xai_program *p = pl->program;
    int n = 0;
    find_lifetimes(p, pl->root, pl->spans);
    for (int i = 0; i < p->value_count; i++)
        if (pl->kept[i]) pl->spans[pl->root[i]].last = p->node_count;
    for (int i = 0; i < p->value_count; i++) {
        interval s = pl->spans[i];
        if (p->values[i]->constant || pl->root[i] != i) continue;
        s.bytes = bytes_of(p->values[i]);
        if (mode == XAI_PLAN_GRADIENT) {
            s.first = -1;
            s.last = p->node_count;
        }
        pl->chosen[n++] = s;
    }
    return n;
}

/* A gradient lives from the last use of its value (backward's first) to the node that made it. */
static int choose_grads(planner *pl)
{
    const xai_program *p = pl->program;
    int n = 0;
    find_lifetimes(p, NULL, pl->spans);
    for (int i = 0; i < p->value_count; i++) {
        interval s = pl->spans[i];
        if (p->values[i]->constant || p->values[i]->dtype != XAI_F32) continue;
        s.bytes = bytes_of(p->values[i]);
        pl->chosen[n++] = s;
    }
    return n;
}

xai_status xai_plan_make(const xai_program *p, xai_plan_mode mode, const bool *kept, xai_arena *arena, xai_plan *out,
                         xai_error *err)
{
    size_t n = (size_t)p->value_count;
    planner pl = {.program = p, .kept = kept, .plan = out};
    pl.root = find_roots(p, arena);
    pl.spans = XAI_NEW(arena, interval, n);
    pl.chosen = XAI_NEW(arena, interval, n);
    out->data_offset = XAI_NEW(arena, size_t, n);
    out->grad_offset = XAI_NEW(arena, size_t, n);
    if (!pl.root || !pl.spans || !pl.chosen || !out->data_offset || !out->grad_offset) XAI_NO_MEMORY(err);
    memset(out->data_offset, 0xff, n * sizeof(size_t));
    memset(out->grad_offset, 0xff, n * sizeof(size_t));
    out->bytes = place(pl.chosen, choose_data(&pl, mode), out->data_offset, 0);
    for (size_t i = 0; i < n; i++)
        if (!p->values[i]->constant) out->data_offset[i] = out->data_offset[pl.root[i]];
    if (mode == XAI_PLAN_GRADIENT) out->bytes += place(pl.chosen, choose_grads(&pl), out->grad_offset, out->bytes);
    return XAI_OK;
}
