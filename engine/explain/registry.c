/* The method table made from methods.def, and whether a model can serve a method. Pure. */
#include "base/nearest.h"
#include "graph/multipliers.h"
#include "graph/relevance.h"
#include "method.h"

#include <stdlib.h>
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

/* Every operator between image and logits has a derivative. */
static xai_status check_derivatives(const xai_method_info *info, const xai_program *p, xai_error *err)
{
    bool *moves = calloc((size_t)p->value_count + 1, sizeof *moves);
    if (!moves) XAI_NO_MEMORY(err);
    xai_program_moves(p, moves);
    const xai_node *obstacle = NULL;
    for (int i = 0; !obstacle && i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        if (!n->op->backward && !n->op->view && xai_node_hands_on(n, moves)) obstacle = n;
    }
    free(moves);
    if (!obstacle) return XAI_OK;
    XAI_FAIL(err, UNSUPPORTED_METHOD, info->id, "%s needs gradients; operator %s at node %d (%s) has none",
             info->title, obstacle->op->type, obstacle->index, obstacle->name);
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
    if (method->needs & XAI_NEEDS_GRADIENT) XAI_TRY(check_derivatives(info, model->program, err));
    if (method->needs & XAI_NEEDS_RELEVANCE) XAI_TRY(xai_relevance_check(model->program, err));
    if (method->needs & XAI_NEEDS_MULTIPLIERS) XAI_TRY(xai_multipliers_check(model->program, false, err));
    return XAI_OK;
}
