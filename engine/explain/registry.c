/* The method table made from methods.def, and whether a model can serve a method. Pure. */
#include "base/nearest.h"
#include "method.h"

#include <string.h>

#define XAI_METHOD(id) extern const xai_method xai_method_##id;
#include "methods.def"
#undef XAI_METHOD

static const xai_method *const METHODS[] = {
#define XAI_METHOD(id) &xai_method_##id,
#include "methods.def"
#undef XAI_METHOD
};

size_t xai_method_count(void) { return sizeof METHODS / sizeof METHODS[0]; }
const xai_method_info *xai_method_at(size_t index) { return &METHODS[index]->info; }

const xai_method_info *xai_method_find(const char *id)
{
    for (size_t i = 0; i < xai_method_count(); i++)
        if (strcmp(METHODS[i]->info.id, id) == 0) return &METHODS[i]->info;
    return NULL;
}

/* Gradients end at integers and booleans anyway: a comparison is no obstacle. */
static bool makes_reals(const xai_node *node)
{
    for (int i = 0; i < node->out_count; i++)
        if (node->out[i] && node->out[i]->dtype == XAI_F32) return true;
    return false;
}

/* The first node between image and logits that has no derivative though it should. */
static const xai_node *without_derivative(const xai_model *model)
{
    for (int i = 0; i < model->program->node_count; i++) {
        const xai_node *n = model->program->nodes[i];
        if (!n->op->backward && !n->op->view && makes_reals(n)) return n;
    }
    return NULL;
}

xai_status xai_method_served(const xai_method_info *info, const xai_model *model, xai_error *err)
{
    const xai_method *method = xai_method_of(info);
    if (method->needs & XAI_NEEDS_LAYER)
        XAI_CHECK(model->info.default_layer, err, UNSUPPORTED_METHOD, info->id,
                  "%s needs a layer with a spatial map; this model has none", info->title);
    if (method->needs & XAI_NEEDS_PROBABILITY)
        XAI_CHECK(model->link != XAI_LINK_NONE, err, UNSUPPORTED_METHOD, info->id,
                  "%s needs the probability of a class; this model's head is 'regression'", info->title);
    if (method->serves) XAI_TRY(method->serves(model, err));
    const xai_node *obstacle = method->needs & XAI_NEEDS_GRADIENT ? without_derivative(model) : NULL;
    if (obstacle)
        XAI_FAIL(err, UNSUPPORTED_METHOD, info->id, "%s needs gradients; operator %s at node %d (%s) has none",
                 info->title, obstacle->op->type, obstacle->index, obstacle->name);
    return XAI_OK;
}
