/*
 * Layers: the list of a model's tensors, and which one a CAM takes by default.
 *
 * The list comes from an outline, in which nothing is fused, so that every tensor of the file can be named. Pure.
 */
#include "model.h"

#include <string.h>

static bool is_spatial(const xai_value *v) { return v->dtype == XAI_F32 && v->shape.rank == 4; }
static int64_t area(const xai_value *v) { return v->shape.dim[2] * v->shape.dim[3]; }

typedef struct walk {
    const xai_program *outline;
    int *uses;              /* by value id: readers that have not run yet */
    const xai_value *cut;   /* last spatial tensor through which every path passes */
    const xai_value *small; /* last spatial tensor with the smallest area */
} walk;

static void count_uses(walk *w, const xai_value *output)
{
    const xai_program *p = w->outline;
    for (int i = 0; i < p->node_count; i++)
        for (int k = 0; k < p->nodes[i]->in_count; k++)
            if (xai_value_runs(p->nodes[i]->in[k])) w->uses[p->nodes[i]->in[k]->id]++;
    w->uses[output->id]++;
}

/* One tensor alive between two nodes means that every path passes through it. */
static void find_default(walk *w)
{
    const xai_program *p = w->outline;
    int alive = 0;
    for (int i = 0; i < p->input_count; i++) alive += w->uses[p->inputs[i]->id] > 0;
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        for (int k = 0; k < n->in_count; k++)
            if (xai_value_runs(n->in[k])) alive -= --w->uses[n->in[k]->id] == 0;
        for (int k = 0; k < n->out_count; k++) alive += n->out[k] && w->uses[n->out[k]->id] > 0;
        const xai_value *v = n->out[0];
        if (!v || !is_spatial(v) || area(v) <= 1) continue;
        if (alive == 1 && w->uses[v->id] > 0) w->cut = v;
        if (!w->small || area(v) <= area(w->small)) w->small = v;
    }
}

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
                .spatial = is_spatial(v)};
        }
    }
    return XAI_OK;
}

static xai_status describe_outline(xai_model *m, const xai_program *outline, xai_error *err)
{
    walk w = {.outline = outline, .uses = XAI_NEW(m->arena, int, (size_t)outline->value_count)};
    if (!w.uses) XAI_NO_MEMORY(err);
    count_uses(&w, xai_program_find(outline, m->info.output_name));
    find_default(&w);
    const xai_value *v = w.cut ? w.cut : w.small;
    m->info.default_layer = v ? v->name : NULL; /* names belong to the graph */
    m->info.macs = outline->macs;
    return add_layers(m, outline, err);
}

xai_status xai_model_list_layers(xai_model *m, xai_error *err)
{
    xai_program_spec spec = {.shapes = m->shapes, .outputs = &m->info.output_name, .output_count = 1, .outline = true};
    xai_program *outline;
    XAI_TRY(xai_program_build(m->graph, &spec, &outline, err));
    xai_status status = describe_outline(m, outline, err);
    xai_program_free(outline);
    return status;
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
    if (!text) {
        XAI_CHECK(m->info.default_layer, err, UNKNOWN_LAYER, "", "the model has no layer with a spatial map");
        *tensor = m->info.default_layer;
        return XAI_OK;
    }
    XAI_TRY(xai_graph_find_tensor(m->graph, text, tensor, err));
    XAI_CHECK(is_listed(m, *tensor), err, UNKNOWN_LAYER, text,
              "'%s' is no layer: it does not lie between the image and the output", text);
    return XAI_OK;
}

xai_status xai_model_check_spatial(const xai_model *m, const char *tensor, xai_error *err)
{
    for (size_t i = 0; i < m->info.layer_count; i++)
        if (strcmp(m->info.layers[i].name, tensor) == 0 && m->info.layers[i].spatial) return XAI_OK;
    XAI_FAIL(err, UNKNOWN_LAYER, tensor, "'%s' has no spatial map (it is not 4-D): name a convolution or what follows it",
             tensor);
}
