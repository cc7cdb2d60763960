/* Predictions: all classes summed up, the telling ones first. Pure. */
#include "predict.h"

#include "cells.h"

#include <stdlib.h>

enum { DEFAULT_TOP = 5 };

/* The best first; equal ones by index. */
static int by_score(const void *a, const void *b)
{
    const xai_prediction *x = a, *y = b;
    if (x->share != y->share) return x->share < y->share ? 1 : -1;
    if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
    return (x->class_index > y->class_index) - (x->class_index < y->class_index);
}

static xai_status predict_all(const xai_context *c, xai_arena *arena, xai_prediction **out, xai_error *err)
{
    const xai_model *m = c->model;
    size_t classes = (size_t)m->info.classes;
    xai_prediction *list = XAI_NEW(arena, xai_prediction, classes);
    double *sums = XAI_NEW(arena, double, 2 * classes);
    if (!list || !sums) XAI_NO_MEMORY(err);
    xai_cells_predict(m, c->base_logits, list, sums);
    bool dense = m->info.head == XAI_HEAD_DENSE;
    for (size_t i = 0; !dense && i < classes; i++) list[i].share = 0; /* of one cell it says nothing */
    if (m->link != XAI_LINK_NONE) qsort(list, classes, sizeof *list, by_score);
    *out = list;
    return XAI_OK;
}

xai_status xai_context_predict(const xai_context *c, int top, xai_result *r, xai_error *err)
{
    xai_prediction *list;
    XAI_TRY(predict_all(c, r->arena, &list, err));
    size_t classes = (size_t)c->model->info.classes, n = (size_t)(top > 0 ? top : DEFAULT_TOP);
    r->predictions = list;
    r->prediction_count = n < classes ? n : classes;
    return XAI_OK;
}

xai_status xai_context_top_class(const xai_context *c, int64_t *class_index, xai_error *err)
{
    xai_prediction *list;
    XAI_TRY(predict_all(c, c->arena, &list, err));
    *class_index = list[0].class_index;
    return XAI_OK;
}
