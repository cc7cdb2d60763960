/*
 * Channels: how an attribution of every element becomes one map. A method that attributes to the input (or to a layer)
 * offers the parameter `channels` and hands its values here.
 */
#ifndef XAI_EXPLAIN_CHANNELS_H
#define XAI_EXPLAIN_CHANNELS_H

#include "method.h"

typedef enum xai_fold {
    XAI_FOLD_SUM,
    XAI_FOLD_MEAN,
    XAI_FOLD_MAX /* the strongest, by magnitude; its sign is kept */
} xai_fold;
#define XAI_FOLD_CHOICES "sum|mean|max"
#define XAI_FOLD_HELP \
    "How the channels become one map: their sum (what adds up stays so), their mean, or the strongest, with its sign."

/* Adds `values`, which lie like the tensor `like` (the context's input, or 1 x C x H x W), as the map `name`; with
 * `relu` what is negative in the map is cut off. */
xai_status xai_task_add_folded(xai_task *task, const char *name, const float *values, const xai_value *like,
                               xai_fold fold, bool relu, xai_error *err);
xai_status xai_task_add_folded_sums(xai_task *task, const char *name, const double *values, const xai_value *like,
                                    xai_fold fold, bool relu, xai_error *err);

#endif
