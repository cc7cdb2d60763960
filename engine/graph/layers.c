/*
 * Layers: the list of a model's tensors, and which one a CAM takes by default.
 *
 * The list comes from the outline, in which nothing is fused, so that every tensor of the file can be named. Pure.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

static bool is_spatial(const xai_model *m, const xai_value *v)
{
    return v->dtype == XAI_F32 && v->shape.rank == 4 && !m->channels_last[v->id];
}

static int64_t area(const xai_value *v) { return v->shape.dim[2] * v->shape.dim[3]; }

static const xai_node *maker_of(const xai_program *outline, const xai_value *v)
{
    for (int i = 0; i < outline->node_count; i++)
        for (int k = 0; k < outline->nodes[i]->out_count; k++)
            if (outline->nodes[i]->out[k] == v) return outline->nodes[i];
    return NULL;
}

/* ---------------------------------------------------------------- the default layer */

typedef struct walk {
    const xai_model *model;
    const xai_program *outline;
    bool *leads;            /* by value id: the target depends on it */
    int *uses;              /* by value id: readers on the way to the target that have not run yet */
    const xai_value *cut;   /* last spatial tensor through which every path passes */
    const xai_value *small; /* last spatial tensor with the smallest area */
} walk;

static bool leads(const walk *w, const xai_node *n)
{
    for (int k = 0; k < n->out_count; k++)
        if (n->out[k] && w->leads[n->out[k]->id]) return true;
    return false;
}

static void count_uses(walk *w, const xai_value *target)
{
    const xai_program *p = w->outline;
    w->leads[target->id] = true;
    w->uses[target->id] = 1;
    for (int i = p->node_count; i-- > 0;)
        for (int k = 0; leads(w, p->nodes[i]) && k < p->nodes[i]->in_count; k++) {
            if (!xai_value_runs(p->nodes[i]->in[k])) continue;
            w->leads[p->nodes[i]->in[k]->id] = true;
            w->uses[p->nodes[i]->in[k]->id]++;
        }
}

/* One tensor alive between two nodes means that every path passes through it. Ends before `last` is made. */
static void find_default(walk *w, const xai_value *last)
{
    const xai_program *p = w->outline;
    int alive = 0;
    for (int i = 0; i < p->input_count; i++) alive += w->uses[p->inputs[i]->id] > 0;
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        const xai_value *v = n->out[0];
        if (v == last) return;
        if (!leads(w, n)) continue;
        for (int k = 0; k < n->in_count; k++)
            if (xai_value_runs(n->in[k])) alive -= --w->uses[n->in[k]->id] == 0;
        for (int k = 0; k < n->out_count; k++) alive += n->out[k] && w->uses[n->out[k]->id] > 0;
        if (!v || !is_spatial(w->model, v) || area(v) <= 1) continue;
        if (alive == 1 && w->uses[v->id] > 0) w->cut = v;
        if (!w->small || area(v) <= area(w->small)) w->small = v;
    }
}

/* Whether the node only shapes what the layer before it has made: its activation or its normalisation. */
static bool belongs_to_layer(const xai_node *n)
{
    static const char *const TYPES[] = {"BatchNormalization", "Clip", "Elu", "HardSigmoid", "HardSwish", "LeakyRelu",
                                        "PRelu", "Relu", "Sigmoid", "Softmax", "Softplus", "Tanh", "Identity"};
    for (size_t i = 0; n && i < sizeof TYPES / sizeof TYPES[0]; i++)
        if (strcmp(n->op->type, TYPES[i]) == 0) return true;
    return false;
}

/* Where the layer that makes the target begins: its convolution, before normalisation and activation. */
static const xai_value *beginning_of_layer(const xai_program *outline, const xai_value *target)
{
    for (;;) {
        const xai_node *n = maker_of(outline, target);
        if (!belongs_to_layer(n) || !xai_value_runs(n->in[0])) return target;
        target = n->in[0];
    }
}

xai_status xai_model_default_layer(const xai_model *m, const char *target, const char **tensor, xai_error *err)
{
    const xai_program *p = m->outline;
    const xai_value *end = xai_program_find(p, target);
    XAI_CHECK(end, err, INTERNAL, target, "the outline does not hold '%s'", target);
    walk w = {.model = m, .outline = p, .leads = calloc((size_t)p->value_count, sizeof *w.leads),
              .uses = calloc((size_t)p->value_count, sizeof *w.uses)};
    if (w.leads && w.uses) {
        count_uses(&w, end);
        find_default(&w, beginning_of_layer(p, end));
    }
    bool memory = w.leads && w.uses;
    free(w.leads);
    free(w.uses);
    if (!memory) XAI_NO_MEMORY(err);
    const xai_value *v = w.cut ? w.cut : w.small;
    XAI_CHECK(v, err, UNKNOWN_LAYER, target, "no layer with a spatial map lies between the image and '%s'", target);
    *tensor = v->name; /* names belong to the graph */
    return XAI_OK;
}

xai_status xai_model_check_reaches(const xai_model *m, const char *layer, const char *target, xai_error *err)
{
    const xai_program *p = m->outline;
    const xai_value *from = xai_program_find(p, layer), *to = xai_program_find(p, target);
    bool *reached = calloc((size_t)p->value_count, sizeof *reached);
    if (!reached) XAI_NO_MEMORY(err);
    if (from) reached[from->id] = true;
    for (int i = 0; i < p->node_count; i++) {
        bool any = false;
        for (int k = 0; k < p->nodes[i]->in_count; k++)
            any = any || (p->nodes[i]->in[k] && reached[p->nodes[i]->in[k]->id]);
        for (int k = 0; any && k < p->nodes[i]->out_count; k++)
            if (p->nodes[i]->out[k]) reached[p->nodes[i]->out[k]->id] = true;
    }
    bool depends = to && reached[to->id];
    free(reached);
    XAI_CHECK(depends, err, BAD_PARAM, "params.layer", "the target does not depend on the layer '%s': '%s' lies before it, "
              "or on another branch", layer, target);
    return XAI_OK;
}

/* ---------------------------------------------------------------- the list */

static xai_status add_layers(xai_model *m, const xai_program *outline, xai_error *err)
{
    xai_layer_info *layers = XAI_NEW(m->arena, xai_layer_info, (size_t)outline->value_count);
    if (!layers) XAI_NO_MEMORY(err);
    m->info.layers = layers;
    for (int i = 0; i < outline->node_count; i++) {
        const xai_node *n = outline->nodes[i];
        for (int k = 0; k < n->out_count; k++) {
            const xai_value *v = n->out[k];
            if (!xai_value_runs(v)) continue;
            xai_shape *shape = XAI_NEW(m->arena, xai_shape, 1);
            if (!shape) XAI_NO_MEMORY(err);
            *shape = v->shape;
            layers[m->info.layer_count++] = (xai_layer_info){
                .name = v->name, .node = n->name, .op = n->op->type, .shape = shape->dim, .rank = shape->rank,
                .spatial = is_spatial(m, v)};
        }
    }
    return XAI_OK;
}

xai_status xai_model_list_layers(xai_model *m, xai_error *err)
{
    xai_status status = xai_model_default_layer(m, m->logits, &m->info.default_layer, err);
    if (status != XAI_E_UNKNOWN_LAYER) XAI_TRY(status); /* a model need not have one */
    return add_layers(m, m->outline, err);
}

/* ---------------------------------------------------------------- naming */

static bool is_listed(const xai_model *m, const char *tensor)
{
    for (size_t i = 0; tensor && i < m->info.layer_count; i++)
        if (strcmp(m->info.layers[i].name, tensor) == 0) return true;
    return false;
}

xai_status xai_model_find_layer(const xai_model *m, const char *text, const char **tensor, xai_error *err)
{
    XAI_TRY(xai_graph_find_tensor(m->graph, text, tensor, err));
    XAI_CHECK(is_listed(m, *tensor), err, UNKNOWN_LAYER, text,
              "'%s' is no layer: it does not lie between the image and an output", text);
    return XAI_OK;
}

xai_status xai_model_check_spatial(const xai_model *m, const char *tensor, xai_error *err)
{
    for (size_t i = 0; i < m->info.layer_count; i++)
        if (strcmp(m->info.layers[i].name, tensor) == 0 && m->info.layers[i].spatial) return XAI_OK;
    XAI_FAIL(err, UNKNOWN_LAYER, tensor, "'%s' has no spatial map (it is not N x C x H x W): name a convolution or what follows it",
             tensor);
}
