/* Sets of regions through the batched evaluation. One thread calls; the pool does the work. */
#include "eyes.h"

#include "explain/predict.h"

#include <stdlib.h>

xai_status xai_sag_aim_at(xai_aim *aim, const xai_context *c, const xai_target *target, xai_error *err)
{
    XAI_TRY(xai_aim_init(aim, c, target, err));
    aim->target.space = XAI_SPACE_PROBABILITY;
    aim->scale = 1 / aim->total;
    if (target->class_index < 0) XAI_TRY(xai_context_top_class(c, &aim->target.class_index, err));
    return XAI_OK;
}

xai_status xai_sag_look(void *user, const xai_mask *masks, size_t n, xai_sag_score *out, xai_error *err)
{
    xai_sag_eyes *e = user;
    float *p = malloc(n * (2 * sizeof *p + sizeof(int32_t)));
    if (!p) XAI_NO_MEMORY(err);
    e->scene.masks = masks;
    xai_scores scores = {.values = p, .versus_values = p + n, .top1 = (int32_t *)(p + 2 * n)};
    if (e->compares) scores.versus = &e->versus;
    xai_variants variants = {.count = n, .make = xai_sag_scene_show, .user = &e->scene};
    xai_status status = xai_evaluate(e->scene.context, &e->aim, &variants, &scores, err);
    for (size_t i = 0; status == XAI_OK && i < n; i++)
        out[i] = (xai_sag_score){p[i], scores.top1[i], e->compares ? scores.versus_values[i] : 0};
    free(p);
    return status;
}
