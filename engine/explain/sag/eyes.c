/* Sets of regions through the batched evaluation. One thread calls; the pool does the work. */
#include "eyes.h"

#include "explain/predict.h"

xai_status xai_sag_aim_at(xai_aim *aim, const xai_context *c, const xai_target *target, xai_error *err)
{
    XAI_TRY(xai_aim_init(aim, c, target, err));
    aim->target.space = XAI_SPACE_PROBABILITY;
    aim->scale = 1 / aim->total;
    if (target->class_index < 0) XAI_TRY(xai_context_top_class(c, &aim->target.class_index, err));
    return XAI_OK;
}

xai_status xai_sag_look(void *user, const xai_mask *masks, size_t n, float *p, int32_t *top1, xai_error *err)
{
    xai_sag_eyes *e = user;
    e->scene.masks = masks;
    xai_scores scores = {.values = p, .top1 = top1};
    xai_variants variants = {.count = n, .make = xai_sag_scene_show, .user = &e->scene};
    return xai_evaluate(e->scene.context, &e->aim, &variants, &scores, err);
}
