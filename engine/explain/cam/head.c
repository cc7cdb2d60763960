/*
 * The linear head: found in the graph's outline by what each operator says of itself (linear, bilinear, a view), not by
 * how an exporter spelt it. Pure.
 *
 * With y = sum_k w_k mean(A_k) + b, the gradient is w_k / cells everywhere, so its sum over a channel is w_k: no weight
 * has to be looked for, and a contrast of classes, a scale or an offset behind the head are in it.
 */
#include "head.h"

#include <stdlib.h>
#include <string.h>

/* What a value of the outline is to the layer. */
typedef enum stage {
    APART,  /* does not depend on it */
    MAPS,   /* its own values */
    MEANS,  /* a linear function of the means of its channels */
    BROKEN  /* something else */
} stage;

typedef struct walk {
    const xai_model *model;
    int64_t channels;
    stage *stages;           /* by value id */
    const xai_node **breaks; /* of a BROKEN one: where that began */
} walk;

static bool is_type(const xai_node *n, const char *types)
{
    const char *at = strstr(types, n->op->type);
    size_t len = strlen(n->op->type);
    return at && (at == types || at[-1] == '|') && (at[len] == '|' || at[len] == '\0');
}

static bool is_mean(const walk *w, const xai_node *n)
{
    return is_type(n, "GlobalAveragePool|AveragePool|ReduceMean|ReduceSum") &&
           xai_value_count(n->out[0]) == w->channels;
}

static stage stage_of(const walk *w, const xai_node *n, int i)
{
    return n->in[i] ? w->stages[n->in[i]->id] : APART;
}

/* Whether a node is linear in all of its inputs that depend on the layer. */
static bool is_linear(const walk *w, const xai_node *n)
{
    int moving = 0;
    unsigned mask = 0;
    for (int i = 0; i < n->in_count; i++) {
        if (stage_of(w, n, i) == APART) continue;
        moving++;
        mask |= i < 32 ? 1U << i : 0;
    }
    if (n->op->view || (mask & ~n->op->linear) == 0) return true;
    if (is_type(n, "Add|Sub|Identity|Dropout|Sum|Neg")) return true;
    if (n->op->bilinear) return moving == 1 || (mask & 3) != 3;
    return moving == 1 && (is_type(n, "Mul") || (is_type(n, "Div") && mask == 1));
}

static stage next_stage(const walk *w, const xai_node *n)
{
    stage all = APART;
    for (int i = 0; i < n->in_count; i++) {
        stage one = stage_of(w, n, i);
        if (one == APART) continue;
        if (one == BROKEN || (all != APART && all != one)) return BROKEN;
        all = one;
    }
    if (all == APART) return APART;
    if (all == MEANS) return is_linear(w, n) ? MEANS : BROKEN;
    if (is_mean(w, n)) return MEANS;
    return is_type(n, "Identity|Dropout|Cast|Transpose") ? MAPS : BROKEN;
}

static void follow(walk *w, const xai_node *n)
{
    stage s = next_stage(w, n);
    const xai_node *begun = n;
    for (int i = 0; i < n->in_count; i++)
        if (stage_of(w, n, i) == BROKEN) begun = w->breaks[n->in[i]->id];
    for (int i = 0; i < n->out_count; i++) {
        if (!n->out[i]) continue;
        w->stages[n->out[i]->id] = s;
        w->breaks[n->out[i]->id] = begun;
    }
}

static bool makes(const xai_node *n, const xai_value *v)
{
    for (int i = 0; i < n->out_count; i++)
        if (n->out[i] == v) return true;
    return false;
}

static void walk_from(walk *w, const xai_value *layer)
{
    const xai_program *outline = w->model->outline;
    int i = 0;
    while (i < outline->node_count && !makes(outline->nodes[i], layer)) i++;
    w->stages[layer->id] = MAPS;
    for (i++; i < outline->node_count; i++) follow(w, outline->nodes[i]);
}

static xai_status judge(const walk *w, const xai_value *layer, const xai_value *target, xai_error *err)
{
    const xai_node *n = w->breaks[target->id];
    switch (w->stages[target->id]) {
    case MEANS: return XAI_OK;
    case BROKEN:
        XAI_FAIL(err, UNSUPPORTED_METHOD, layer->name,
                 "this method needs a global average pool behind the layer and a linear head behind that; but from '%s' "
                 "to '%s' there is the %s '%s': use gradcam", layer->name, target->name, n->op->type, n->name);
    case MAPS:
    case APART: break;
    }
    XAI_FAIL(err, UNSUPPORTED_METHOD, layer->name,
             "this method needs a global average pool and a linear head, but there is no pool from '%s' to '%s'",
             layer->name, target->name);
}

/* From one tensor of the outline to another. */
static xai_status check_between(const xai_model *model, const char *layer, const char *target, xai_error *err)
{
    const xai_program *outline = model->outline;
    const xai_value *from = xai_program_find(outline, layer), *to = xai_program_find(outline, target);
    size_t count = (size_t)outline->value_count;
    walk w = {.model = model, .channels = from->shape.dim[1]};
    w.stages = calloc(count, sizeof *w.stages);
    w.breaks = calloc(count, sizeof *w.breaks);
    xai_status status = w.stages && w.breaks ? XAI_OK : XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    if (status == XAI_OK) {
        walk_from(&w, from);
        status = judge(&w, from, to, err);
    }
    free(w.stages);
    free(w.breaks);
    return status;
}

xai_status xai_cam_check_head(const xai_model *model, const void *params, const xai_target *target, xai_error *err)
{
    return check_between(model, ((const xai_cam_options *)params)->layer, xai_target_tensor(model, target), err);
}

/* The last layers are asked first: what follows them is short. */
static bool has_head(const xai_model *model, const char *target)
{
    const xai_model_info *info = &model->info;
    for (size_t i = info->layer_count; i-- > 0;)
        if (info->layers[i].spatial && check_between(model, info->layers[i].name, target, NULL) == XAI_OK) return true;
    return false;
}

xai_status xai_cam_find_head(const xai_model *model, xai_error *err)
{
    if (has_head(model, model->logits)) return XAI_OK;
    for (size_t i = 0; i < model->info.output_count; i++)
        if (!model->info.outputs[i].refusal && has_head(model, model->info.outputs[i].name)) return XAI_OK;
    return check_between(model, model->info.default_layer, model->logits, err);
}

static xai_status weights(xai_task *task, const xai_cam_layer *layer, const void *params, double *w, xai_error *err)
{
    (void)task;
    (void)params;
    (void)err;
    for (int64_t k = 0; k < layer->channels; k++) {
        w[k] = 0;
        for (int64_t i = 0; i < layer->area; i++) w[k] += (double)layer->g[k * layer->area + i];
    }
    return XAI_OK;
}

const xai_cam_rule xai_cam_head_rule = {.gradients = true, .weights = weights};
