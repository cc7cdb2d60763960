/* Parts: one walk down marks what depends on the cut, one walk up what leads to the wanted values. Pure. */
#include "part.h"

typedef struct walk {
    const xai_program *program;
    bool *after;  /* by value id: depends on the cut */
    bool *needed; /* by value id: a wanted value depends on it */
    bool *listed; /* by value id: among the inputs already */
} walk;

static bool any(const bool *mark, xai_value *const *values, int count)
{
    for (int i = 0; i < count; i++)
        if (values[i] && mark[values[i]->id]) return true;
    return false;
}

static void set_all(bool *mark, xai_value *const *values, int count)
{
    for (int i = 0; i < count; i++)
        if (values[i]) mark[values[i]->id] = true;
}

/* What is made before the cut and feeds it, or another value of the same node, is no part of what follows. */
static void walk_down(walk *w, const xai_value *cut)
{
    w->after[cut->id] = true;
    for (int i = 0; i < w->program->node_count; i++) {
        const xai_node *n = w->program->nodes[i];
        if (any(w->after, n->in, n->in_count)) set_all(w->after, n->out, n->out_count);
    }
}

static void walk_up(walk *w)
{
    for (int i = w->program->node_count; i-- > 0;) {
        const xai_node *n = w->program->nodes[i];
        if (any(w->needed, n->out, n->out_count)) set_all(w->needed, n->in, n->in_count);
    }
}

static bool belongs(const walk *w, const xai_node *n)
{
    return any(w->after, n->in, n->in_count) && any(w->needed, n->out, n->out_count);
}

static void add_border(walk *w, xai_value *const *values, int count, xai_value **inputs, xai_part *part)
{
    for (int k = 0; k < count; k++) {
        xai_value *v = values[k];
        if (!xai_value_runs(v) || w->after[v->id] || w->listed[v->id]) continue;
        w->listed[v->id] = true;
        inputs[part->input_count++] = v;
    }
}

xai_status xai_part_after(const xai_program *p, xai_value *cut, xai_value *const *wanted, size_t wanted_count,
                          xai_arena *arena, xai_part *out, xai_error *err)
{
    size_t n = (size_t)p->value_count;
    walk w = {p, XAI_NEW(arena, bool, n), XAI_NEW(arena, bool, n), XAI_NEW(arena, bool, n)};
    xai_node **nodes = XAI_NEW(arena, xai_node *, (size_t)p->node_count);
    xai_value **inputs = XAI_NEW(arena, xai_value *, n);
    if (!w.after || !w.needed || !w.listed || !nodes || !inputs) XAI_NO_MEMORY(err);
    *out = (xai_part){.nodes = nodes, .inputs = inputs};
    walk_down(&w, cut);
    for (size_t i = 0; i < wanted_count; i++) w.needed[wanted[i]->id] = true;
    walk_up(&w);
    inputs[out->input_count++] = cut;
    for (int i = 0; i < p->node_count; i++) {
        if (!belongs(&w, p->nodes[i])) continue;
        nodes[out->node_count++] = p->nodes[i];
        add_border(&w, p->nodes[i]->in, p->nodes[i]->in_count, inputs, out);
    }
    add_border(&w, wanted, (int)wanted_count, inputs, out); /* what the cut does not reach stays as it was */
    return XAI_OK;
}

int xai_part_first_shared(const xai_part *part)
{
    int i = 0;
    while (i < part->node_count && !part->nodes[i]->op->forward_slots) i++;
    return i;
}
