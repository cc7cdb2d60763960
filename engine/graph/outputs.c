/*
 * Outputs: all that a graph offers, and the outline of those that can be computed from the image alone.
 *
 * A model is served for the sake of one output. The others are told of, and may be targets, but what stands in their
 * way (an operator that is not known, another input) must not keep the model from being loaded. Pure.
 */
#include "model.h"

#include <string.h>

enum { MOST_TRIED = 64 }; /* outputs that are tried one by one */

static xai_status build(const xai_model *m, const char *const *names, size_t count, xai_program **out, xai_error *err)
{
    xai_program_spec spec = {.shapes = m->shapes, .outputs = names, .output_count = count, .outline = true};
    XAI_TRY(xai_program_build(m->graph, &spec, out, err));
    xai_status status = xai_model_check_inputs(m, *out, err);
    if (status == XAI_OK) return XAI_OK;
    xai_program_free(*out);
    *out = NULL;
    return status;
}

/* Keeps those of the other outputs that can be computed, and says why the rest cannot. */
static xai_status sift(xai_model *m, const char **names, size_t *count, xai_output_info *list, xai_error *err)
{
    for (size_t i = 0; i < m->graph->output_count; i++) {
        xai_error why = {0};
        xai_program *outline;
        const char *pair[] = {m->info.output_name, m->graph->outputs[i]};
        if (strcmp(pair[0], pair[1]) == 0) continue;
        bool tried = i < MOST_TRIED;
        xai_status status = tried ? build(m, pair, 2, &outline, &why) : XAI_E_TOO_LARGE;
        if (status == XAI_E_NO_MEMORY) XAI_NO_MEMORY(err);
        if (status == XAI_OK) {
            xai_program_free(outline);
            names[(*count)++] = pair[1];
            continue;
        }
        list[i].refusal = xai_arena_strdup(m->arena, tried ? why.msg : "the graph has too many outputs");
        if (!list[i].refusal) XAI_NO_MEMORY(err);
    }
    return XAI_OK;
}

static xai_status build_outline(xai_model *m, xai_output_info *list, xai_error *err)
{
    size_t count = 1;
    xai_status status = build(m, m->graph->outputs, m->graph->output_count, &m->outline, err);
    if (status == XAI_OK || status == XAI_E_NO_MEMORY || m->graph->output_count == 1) return status;
    const char **names = XAI_NEW(m->arena, const char *, m->graph->output_count);
    if (!names) XAI_NO_MEMORY(err);
    names[0] = m->info.output_name;
    xai_program *alone;
    XAI_TRY(build(m, names, 1, &alone, err)); /* this one must be there: its error is the model's */
    xai_program_free(alone);
    XAI_TRY(sift(m, names, &count, list, err));
    return build(m, names, count, &m->outline, err);
}

/* ---------------------------------------------------------------- which */

/* Several numbers in one row. */
static bool looks_like_scores(const xai_model *m, const xai_program *outline, const char *name)
{
    const xai_value *v = xai_program_find(outline, name);
    int64_t count = xai_value_count(v);
    bool row = false;
    for (int i = 0; i < v->shape.rank; i++) row = row || v->shape.dim[i] == count;
    return xai_value_runs(v) && v->id >= (int)m->graph->input_count && v->dtype == XAI_F32 && row && count > 1;
}

static xai_status looks_usable(const xai_model *m, const char *name, bool *yes, xai_error *err)
{
    xai_error why;
    xai_program *outline;
    xai_status status = build(m, &name, 1, &outline, &why);
    *yes = status == XAI_OK && looks_like_scores(m, outline, name);
    if (status == XAI_OK) xai_program_free(outline);
    if (status == XAI_E_NO_MEMORY) XAI_NO_MEMORY(err);
    return XAI_OK;
}

xai_status xai_model_choose_output(xai_model *m, xai_error *err)
{
    size_t n = m->graph->output_count;
    bool found = false;
    for (size_t i = 0; n > 1 && i < n && i < MOST_TRIED && !found; i++) {
        XAI_TRY(looks_usable(m, m->graph->outputs[i], &found, err));
        if (found) m->info.output_name = m->graph->outputs[i];
    }
    if (n == 1) return XAI_OK;
    const char *text = xai_arena_printf(m->arena, "the graph has %zu outputs: '%s' is taken; a sidecar file can name another",
                                        n, m->info.output_name);
    if (!text) XAI_NO_MEMORY(err);
    return xai_model_warn(m, text, err);
}

/* ---------------------------------------------------------------- all */

static xai_status describe(xai_model *m, xai_output_info *info, xai_error *err)
{
    const xai_value *v = xai_program_find(m->outline, info->name);
    info->dtype = v ? xai_dtype_name(v->dtype) : "";
    if (!v) return XAI_OK;
    xai_shape *shape = XAI_NEW(m->arena, xai_shape, 1);
    if (!shape) XAI_NO_MEMORY(err);
    *shape = v->shape;
    info->shape = shape->dim;
    info->rank = shape->rank;
    if (v->dtype != XAI_F32) info->refusal = "it does not hold float numbers";
    else if (v->constant || v->id < m->outline->input_count) info->refusal = "it does not depend on the image";
    else if (v->shape.rank < 1 || v->shape.dim[0] != 1) info->refusal = "its first dimension is not the batch";
    return XAI_OK;
}

xai_status xai_model_list_outputs(xai_model *m, xai_error *err)
{
    size_t n = m->graph->output_count;
    xai_output_info *list = XAI_NEW(m->arena, xai_output_info, n);
    if (!list) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) list[i].name = m->graph->outputs[i];
    XAI_TRY(build_outline(m, list, err));
    for (size_t i = 0; i < n; i++) XAI_TRY(describe(m, &list[i], err));
    m->info.outputs = list;
    m->info.output_count = n;
    return XAI_OK;
}

/* ---------------------------------------------------------------- trim */

/* The copies of those values that are not constant; NULL in place of the others. */
static xai_status copy_edges(xai_program *to, xai_value *const *from, int count, xai_value ***out, xai_error *err)
{
    xai_value **list = *out = XAI_NEW(to->arena, xai_value *, (size_t)count);
    if (!list) XAI_NO_MEMORY(err);
    for (int i = 0; i < count; i++) list[i] = xai_value_runs(from[i]) ? to->values[from[i]->id] : NULL;
    return XAI_OK;
}

static xai_status copy_values(const xai_program *from, xai_program *to, xai_error *err)
{
    if (!(to->values = XAI_NEW(to->arena, xai_value *, (size_t)from->value_count))) XAI_NO_MEMORY(err);
    to->value_count = from->value_count;
    for (int i = 0; i < from->value_count; i++) {
        if (!xai_value_runs(from->values[i])) continue;
        xai_value *v = to->values[i] = XAI_NEW(to->arena, xai_value, 1);
        if (!v) XAI_NO_MEMORY(err);
        *v = *from->values[i];
        XAI_TRY(xai_names_put(to->names, v->name, v, err));
    }
    to->input_count = from->input_count;
    return copy_edges(to, from->inputs, from->input_count, &to->inputs, err);
}

static xai_status copy_nodes(const xai_program *from, xai_program *to, xai_error *err)
{
    xai_node *copies = XAI_NEW(to->arena, xai_node, (size_t)from->node_count);
    to->nodes = XAI_NEW(to->arena, xai_node *, (size_t)from->node_count);
    if (!copies || !to->nodes) XAI_NO_MEMORY(err);
    for (int i = 0; i < from->node_count; i++) {
        const xai_node *n = from->nodes[i];
        to->nodes[i] = &copies[i];
        copies[i] = (xai_node){.op = n->op, .name = n->name, .index = n->index, .in_count = n->in_count,
                               .out_count = n->out_count, .macs = n->macs};
        XAI_TRY(copy_edges(to, n->in, n->in_count, &copies[i].in, err));
        XAI_TRY(copy_edges(to, n->out, n->out_count, &copies[i].out, err));
    }
    to->node_count = from->node_count;
    return XAI_OK;
}

xai_status xai_model_trim_outline(xai_model *m, xai_error *err)
{
    xai_arena *arena = xai_arena_new(0);
    xai_program *p = arena ? XAI_NEW(arena, xai_program, 1) : NULL;
    if (p) p->names = xai_names_new(arena);
    if (!p || !p->names) {
        xai_arena_free(arena);
        XAI_NO_MEMORY(err);
    }
    p->arena = arena;
    p->graph = m->graph;
    pthread_mutex_init(&p->lock, NULL);
    xai_status status = copy_values(m->outline, p, err);
    if (status == XAI_OK) status = copy_nodes(m->outline, p, err);
    xai_program_free(status == XAI_OK ? m->outline : p);
    if (status == XAI_OK) m->outline = p;
    return status;
}

xai_status xai_model_find_output(const xai_model *m, const char *name, const char **tensor, xai_error *err)
{
    for (size_t i = 0; i < m->info.output_count; i++) {
        const xai_output_info *o = &m->info.outputs[i];
        if (strcmp(o->name, name) != 0) continue;
        XAI_CHECK(!o->refusal, err, UNSUPPORTED, "target.output", "the output '%s' cannot be a target: %s", name,
                  o->refusal);
        *tensor = o->name;
        return XAI_OK;
    }
    XAI_FAIL(err, UNKNOWN_LAYER, "target.output", "the model has no output '%s'; its first is '%s'", name,
             m->info.outputs[0].name);
}
