/*
 * Reweigh: finds the layers with weights, and makes a model of the same graph with some of them replaced.
 *
 * The new model is a shallow copy: names, shapes, labels and the outline are the first one's, which it holds a
 * reference to; a graph of its own, with the new tensors, and a program packed from it are what differs. A weight may
 * be an initializer or come out of a Constant node, and pass reshaping nodes on its way to its layer. One thread
 * calls this.
 */
#include "reweigh.h"

#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------- finding */

static bool is_type(const xai_graph_node *n, const char *const *types)
{
    for (; *types; types++)
        if (strcmp(n->type, *types) == 0) return true;
    return false;
}

static const xai_tensor *value_of_constant(const xai_graph_node *n)
{
    for (size_t i = 0; strcmp(n->type, "Constant") == 0 && i < n->attr_count; i++)
        if (n->attrs[i].kind == XAI_ATTR_TENSOR && strcmp(n->attrs[i].name, "value") == 0) return n->attrs[i].tensor;
    return NULL;
}

/* The constant that a tensor is, as it is or reshaped: *name becomes the constant's own. NULL: it is none of float32. */
static const xai_tensor *find_constant(const xai_graph *g, const char **name)
{
    static const char *const SAME[] = {"Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", NULL};
    for (;;) {
        const xai_tensor *t = xai_names_get(g->constants, *name);
        const xai_graph_node *maker = t ? NULL : xai_names_get(g->makers, *name);
        if (maker && is_type(maker, SAME)) {
            *name = maker->in[0];
            continue;
        }
        if (maker) t = value_of_constant(maker);
        return t && t->dtype == XAI_F32 ? t : NULL;
    }
}

/* Channels that the layer makes: of products of matrices the last axis. */
static int64_t outputs_of(const xai_model *m, const xai_graph_node *n, const xai_tensor *weight, bool conv)
{
    const xai_value *v = conv ? NULL : xai_program_find(m->outline, n->out[0]);
    return v && v->shape.rank > 0 ? v->shape.dim[v->shape.rank - 1] : weight->shape.dim[0];
}

/* False: this node has no weights. */
static bool read_layer(const xai_model *m, const xai_graph_node *n, xai_weight *w)
{
    static const char *const CONV[] = {"Conv", "ConvTranspose", NULL}, *const PRODUCT[] = {"Gemm", "MatMul", NULL};
    bool conv = is_type(n, CONV);
    if ((!conv && !is_type(n, PRODUCT)) || n->in_count < 2) return false;
    *w = (xai_weight){.layer = n->out[0], .name = n->in[1]};
    w->tensor = find_constant(m->graph, &w->name);
    if (!w->tensor && !conv) {
        w->name = n->in[0];
        w->tensor = find_constant(m->graph, &w->name);
    }
    if (!w->tensor || w->tensor->shape.rank < 2 || xai_tensor_count(w->tensor) == 0) return false;
    if (n->in_count > 2 && n->in[2][0]) {
        w->bias = n->in[2];
        w->bias_tensor = find_constant(m->graph, &w->bias);
        if (!w->bias_tensor) w->bias = NULL;
    }
    int64_t outputs = outputs_of(m, n, w->tensor, conv);
    w->fan_in = outputs > 0 ? xai_tensor_count(w->tensor) / outputs : 1;
    if (w->fan_in < 1) w->fan_in = 1;
    return true;
}

/* Marks what the scores depend on, from behind: nodes stand behind those that make their inputs. */
static void mark_needed(const xai_model *m, bool *needed)
{
    const xai_graph *g = m->graph;
    const xai_graph_node *maker = xai_names_get(g->makers, m->logits);
    if (maker) needed[maker - g->nodes] = true;
    for (size_t i = g->node_count; i-- > 0;)
        for (int k = 0; needed[i] && k < g->nodes[i].in_count; k++)
            if ((maker = xai_names_get(g->makers, g->nodes[i].in[k]))) needed[maker - g->nodes] = true;
}

xai_status xai_model_weights(const xai_model *m, xai_arena *arena, xai_weight **out, size_t *count, xai_error *err)
{
    const xai_graph *g = m->graph;
    xai_names *seen = xai_names_new(arena);
    bool *needed = XAI_NEW(arena, bool, g->node_count);
    xai_weight *list = XAI_NEW(arena, xai_weight, g->node_count);
    if (!seen || !needed || !list) XAI_NO_MEMORY(err);
    mark_needed(m, needed);
    *count = 0;
    for (size_t i = 0; i < g->node_count; i++) {
        xai_weight *w = &list[*count];
        if (!needed[i] || !read_layer(m, &g->nodes[i], w) || xai_names_get(seen, w->name)) continue;
        XAI_TRY(xai_names_put(seen, w->name, w, err));
        ++*count;
    }
    *out = list;
    return XAI_OK;
}

/* ---------------------------------------------------------------- the new model */

static const xai_tensor *replaced(const xai_new_weight *weights, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(weights[i].name, name) == 0) return weights[i].tensor;
    return NULL;
}

/* A Constant node that holds a weight: the same with the new tensor. */
static xai_status change_node(xai_graph_node *n, const xai_new_weight *weights, size_t count, xai_arena *arena,
                              xai_error *err)
{
    const xai_tensor *tensor = n->out_count == 1 && value_of_constant(n) ? replaced(weights, count, n->out[0]) : NULL;
    if (!tensor) return XAI_OK;
    xai_attr *attrs = XAI_NEW(arena, xai_attr, n->attr_count);
    if (!attrs) XAI_NO_MEMORY(err);
    memcpy(attrs, n->attrs, n->attr_count * sizeof *attrs);
    for (size_t i = 0; i < n->attr_count; i++)
        if (attrs[i].kind == XAI_ATTR_TENSOR) attrs[i].tensor = tensor;
    n->attrs = attrs;
    return XAI_OK;
}

/* The first graph's initializers, but for those that are replaced. The table has no list of its names: nodes do. */
static xai_status copy_constants(const xai_graph *from, xai_graph *to, const xai_new_weight *weights, size_t count,
                                 xai_error *err)
{
    for (size_t i = 0; i < from->node_count; i++)
        for (int k = 0; k < from->nodes[i].in_count; k++) {
            const char *name = from->nodes[i].in[k];
            void *tensor = xai_names_get(from->constants, name);
            if (tensor) XAI_TRY(xai_names_put(to->constants, name, tensor, err));
        }
    for (size_t i = 0; i < from->output_count; i++) {
        void *tensor = xai_names_get(from->constants, from->outputs[i]);
        if (tensor) XAI_TRY(xai_names_put(to->constants, from->outputs[i], tensor, err));
    }
    for (size_t i = 0; i < count; i++)
        if (xai_names_get(from->constants, weights[i].name))
            XAI_TRY(xai_names_put(to->constants, weights[i].name, (void *)weights[i].tensor, err));
    return XAI_OK;
}

static xai_status copy_graph(const xai_graph *from, const xai_new_weight *weights, size_t count, xai_arena *arena,
                             xai_graph **out, xai_error *err)
{
    xai_graph *g = XAI_NEW(arena, xai_graph, 1);
    if (!g) XAI_NO_MEMORY(err);
    *g = *from;
    g->arena = arena;
    g->constants = xai_names_new(arena);
    g->makers = xai_names_new(arena);
    g->nodes = XAI_NEW(arena, xai_graph_node, g->node_count);
    if (!g->constants || !g->makers || !g->nodes) XAI_NO_MEMORY(err);
    memcpy(g->nodes, from->nodes, g->node_count * sizeof *g->nodes);
    XAI_TRY(copy_constants(from, g, weights, count, err));
    for (size_t i = 0; i < g->node_count; i++) XAI_TRY(change_node(&g->nodes[i], weights, count, arena, err));
    *out = g;
    return xai_graph_sort(g, err);
}

xai_status xai_model_reweigh(xai_model *model, const xai_new_weight *weights, size_t count, xai_model **out,
                             xai_error *err)
{
    xai_arena *arena = xai_arena_new(xai_memory_limit());
    xai_model *m = arena ? XAI_NEW(arena, xai_model, 1) : NULL;
    if (!m) {
        xai_arena_free(arena);
        XAI_NO_MEMORY(err);
    }
    *m = *model;
    m->arena = arena;
    m->of = xai_model_ref(model);
    m->program = m->bf16 = NULL;
    atomic_init(&m->references, 1);
    pthread_mutex_init(&m->lock, NULL);
    xai_status status = copy_graph(model->graph, weights, count, arena, &m->graph, err);
    if (status == XAI_OK) status = xai_model_build_own(m, NULL, &m->program, err);
    if (status != XAI_OK) xai_model_unref(m);
    else *out = m;
    return status;
}

/* ---------------------------------------------------------------- new numbers */

/* Fisher and Yates. */
static void shuffle(const xai_tensor *from, xai_rng *rng, float *out)
{
    int64_t n = xai_tensor_count(from);
    memcpy(out, from->data, (size_t)n * sizeof *out);
    for (int64_t k = n; k > 1; k--) {
        uint32_t other = xai_rng_below(rng, k > UINT32_MAX ? UINT32_MAX : (uint32_t)k);
        float swap = out[k - 1];
        out[k - 1] = out[other];
        out[other] = swap;
    }
}

static void draw(int64_t n, double bound, xai_rng *rng, float *out)
{
    for (int64_t i = 0; i < n; i++) out[i] = (float)((2 * xai_rng_uniform(rng) - 1) * bound);
}

void xai_weight_redraw(const xai_weight *layer, size_t index, xai_redraw how, uint64_t seed, xai_tensor *weight,
                       xai_tensor *bias)
{
    xai_rng rng = xai_rng_init(seed, index);
    double bound = 1 / sqrt((double)layer->fan_in);
    if (how == XAI_REDRAW_SHUFFLE) shuffle(layer->tensor, &rng, weight->data);
    else draw(xai_tensor_count(weight), bound, &rng, weight->data);
    if (!bias) return;
    int64_t n = xai_tensor_count(bias);
    if (how == XAI_REDRAW_SHUFFLE) memcpy(bias->data, layer->bias_tensor->data, (size_t)n * sizeof(float));
    else draw(n, bound, &rng, bias->data);
}
