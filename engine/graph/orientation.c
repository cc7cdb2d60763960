/*
 * Orientation: which 4-D tensors of a graph have their channels last. ONNX's own operators want them second; converters
 * of TensorFlow's graphs turn the picture on its way in, and here and there turn back for what does not care. Whoever
 * takes such a tensor for maps of height x width would read columns as channels. Pure.
 */
#include "model.h"

#include <string.h>

static bool turns_by(const xai_node *n, const int64_t order[4])
{
    size_t count;
    const int64_t *perm = xai_attr_ints(n, "perm", &count);
    return strcmp(n->op->type, "Transpose") == 0 && perm && count == 4 && memcmp(perm, order, 4 * sizeof *perm) == 0;
}

/* The maps that a node's output is made of: the input of its size, before one that is widened to it; NULL: none. */
static const xai_value *maps_of(const xai_node *n)
{
    const xai_value *found = NULL;
    for (int k = 0; k < n->in_count; k++) {
        const xai_value *v = n->in[k];
        if (!xai_value_runs(v) || v->shape.rank != 4) continue;
        if (!found) found = v;
        if (xai_value_count(v) == xai_value_count(n->out[0])) return v;
    }
    return found;
}

/* A Transpose says it; anything else that has maps in and out leaves it as it was. */
static bool makes_last(const xai_node *n, const bool *last)
{
    static const int64_t TO_LAST[] = {0, 2, 3, 1}, TO_FIRST[] = {0, 3, 1, 2};
    if (turns_by(n, TO_LAST)) return true;
    if (turns_by(n, TO_FIRST)) return false;
    const xai_value *maps = maps_of(n);
    return maps && last[maps->id];
}

xai_status xai_model_orient(xai_model *m, xai_error *err)
{
    const xai_program *p = m->outline;
    bool *last = XAI_NEW(m->arena, bool, (size_t)p->value_count);
    if (!last) XAI_NO_MEMORY(err);
    last[p->inputs[m->input_index]->id] = m->info.layout == XAI_LAYOUT_NHWC;
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        bool here = makes_last(n, last);
        for (int k = 0; k < n->out_count; k++)
            if (n->out[k] && n->out[k]->shape.rank == 4) last[n->out[k]->id] = here;
    }
    m->channels_last = last;
    return XAI_OK;
}
