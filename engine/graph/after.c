/*
 * What follows a layer, read off the outline before anything runs: how much work it is, and whether it is affine, so
 * that any change of the layer moves the target by exactly gradient times change. Pure.
 */
#include "model.h"

#include <string.h>

static bool find_part(const xai_model *m, const char *from, const char *to, xai_arena *arena, xai_part *part)
{
    xai_value *cut = xai_program_find(m->outline, from), *end = xai_program_find(m->outline, to);
    return arena && cut && end && xai_part_after(m->outline, cut, &end, 1, arena, part, NULL) == XAI_OK;
}

static double macs_between(const xai_model *m, const char *from, const char *to)
{
    xai_arena *arena = xai_arena_new(0);
    xai_part part = {0};
    double macs = 0;
    if (find_part(m, from, to, arena, &part))
        for (int i = 0; i < part.node_count; i++) macs += part.nodes[i]->macs;
    xai_arena_free(arena);
    return macs;
}

double xai_model_share_after(const xai_model *m, const char *layer)
{
    double all = macs_between(m, m->info.input_name, m->logits);
    return all > 0 ? macs_between(m, layer, m->logits) / all : 1;
}

/* ---------------------------------------------------------------- affine */

static bool is_sum(const xai_op *op) { return strcmp(op->type, "Add") == 0 || strcmp(op->type, "Sub") == 0; }

/* In the inputs that move together, the others standing still. */
static bool is_affine(const xai_node *n, const bool *moves)
{
    unsigned moving = 0;
    for (int i = 0; i < n->in_count; i++)
        if (n->in[i] && moves[n->in[i]->id]) moving |= i < 32 ? 1U << i : XAI_ALL_INPUTS;
    for (int k = 0; k < n->out_count; k++)
        if (n->out[k] && n->out[k]->dtype != XAI_F32) return false;
    if (n->op->bilinear) return (moving & 3) != 3;
    return is_sum(n->op) || (moving & ~(n->op->linear | (n->op->view ? 1U : 0U))) == 0;
}

bool xai_model_affine_after(const xai_model *m, const char *layer, const char *target)
{
    xai_arena *arena = xai_arena_new(0);
    xai_part part = {0};
    bool affine = find_part(m, layer, target, arena, &part);
    bool *moves = affine ? XAI_NEW(arena, bool, (size_t)m->outline->value_count) : NULL;
    affine = moves != NULL;
    if (moves) moves[part.inputs[0]->id] = true;
    for (int i = 0; affine && i < part.node_count; i++) {
        affine = is_affine(part.nodes[i], moves);
        for (int k = 0; k < part.nodes[i]->out_count; k++)
            if (part.nodes[i]->out[k]) moves[part.nodes[i]->out[k]->id] = true;
    }
    xai_arena_free(arena);
    return affine;
}
