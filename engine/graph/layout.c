/*
 * Layout: which 4-D tensors lie channels last, and the Reorder nodes between the two orders.
 *
 * Nodes are taken in order of execution. Convolutions want their channels last; operators that take either order
 * follow what reaches them; the rest, and whatever is named (kept tensors, inputs, outputs), stays as ONNX has it, so
 * that hooks and explainers see nothing of all this. A kept tensor stands between two Reorders: who changes it, or asks
 * for its gradient, reaches everything that depends on it. Tensors of one channel or one pixel have the same bytes in
 * both orders and are never moved. Runs between fusion and prepare, on the builder's thread.
 */
#include "ops/reorder.h"
#include "program.h"

typedef struct layout {
    xai_program *program;
    const bool *kept;   /* by value id */
    xai_value **twin;   /* by value id: the same tensor in the other order, or NULL */
    int known;          /* values that have an id */
    xai_node **nodes;   /* the new list */
    int count;
} layout;

static bool is_same_in_both(const xai_value *v)
{
    const xai_shape *s = &v->shape;
    return s->rank != 4 || v->dtype != XAI_F32 || s->dim[1] == 1 || s->dim[2] * s->dim[3] == 1;
}

static bool has_id(const layout *l, const xai_value *v) { return v->id >= 0 && v->id < l->known; }

static xai_status new_value(layout *l, const xai_value *like, bool channels_last, xai_value **out, xai_error *err)
{
    xai_value *v = *out = XAI_NEW(l->program->arena, xai_value, 1);
    if (!v) XAI_NO_MEMORY(err);
    *v = (xai_value){.name = like->name, .id = -1, .dtype = like->dtype, .shape = like->shape,
                     .channels_last = channels_last};
    return XAI_OK;
}

static xai_status add_reorder(layout *l, xai_value *from, xai_value *to, xai_error *err)
{
    xai_arena *arena = l->program->arena;
    xai_node *node = XAI_NEW(arena, xai_node, 1);
    xai_value **ends = XAI_NEW(arena, xai_value *, 2);
    if (!node || !ends) XAI_NO_MEMORY(err);
    ends[0] = from;
    ends[1] = to;
    *node = (xai_node){.op = &xai_op_reorder, .name = "", .index = -1, .in = ends, .in_count = 1, .out = ends + 1,
                       .out_count = 1};
    l->nodes[l->count++] = node;
    return XAI_OK;
}

/* The tensor of *v in the wanted order: itself, its twin, or a new twin. Constants are left alone. */
static xai_status bring(layout *l, xai_value **v, bool channels_last, xai_error *err)
{
    xai_value *from = *v;
    if (!xai_value_runs(from) || from->channels_last == channels_last || is_same_in_both(from)) return XAI_OK;
    xai_value **twin = has_id(l, from) ? &l->twin[from->id] : NULL;
    if (twin && *twin) {
        *v = *twin;
        return XAI_OK;
    }
    XAI_TRY(new_value(l, from, channels_last, v, err));
    if (twin) *twin = *v;
    return add_reorder(l, from, *v, err);
}

static bool wants_last(const xai_node *node)
{
    xai_order order = node->op->order ? node->op->order(node) : XAI_ORDER_PLAIN;
    if (order != XAI_ORDER_EITHER) return order == XAI_ORDER_LAST;
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] && node->in[i]->channels_last) return true;
    return false;
}

/* A kept output is made channels last under another name and brought back. */
static xai_status settle_output(layout *l, xai_value **out, xai_error *err)
{
    xai_value *v = *out;
    if (!v || is_same_in_both(v)) return XAI_OK;
    if (!l->kept[v->id]) {
        v->channels_last = true;
        return XAI_OK;
    }
    XAI_TRY(new_value(l, v, true, out, err));
    return add_reorder(l, *out, v, err);
}

static xai_status settle(layout *l, xai_node *node, xai_error *err)
{
    node->channels_last = wants_last(node);
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i]) XAI_TRY(bring(l, &node->in[i], node->channels_last, err));
    l->nodes[l->count++] = node;
    for (int i = 0; i < node->out_count && node->channels_last; i++) XAI_TRY(settle_output(l, &node->out[i], err));
    return XAI_OK;
}

xai_status xai_program_lay_out(xai_program *p, const bool *kept, xai_error *err)
{
    size_t most = (size_t)p->node_count;
    for (int i = 0; i < p->node_count; i++) most += (size_t)(p->nodes[i]->in_count + p->nodes[i]->out_count);
    layout l = {.program = p, .kept = kept, .known = p->value_count};
    l.twin = XAI_NEW(p->arena, xai_value *, (size_t)p->value_count);
    l.nodes = XAI_NEW(p->arena, xai_node *, most);
    if (!l.twin || !l.nodes) XAI_NO_MEMORY(err);
    for (int i = 0; i < p->node_count; i++) XAI_TRY(settle(&l, p->nodes[i], err));
    p->nodes = l.nodes;
    p->node_count = l.count;
    return XAI_OK;
}
