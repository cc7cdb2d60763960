/*
 * The study of methods: every method on every photo, graded by every metric, with what random maps and the photo's
 * edges get. A method that fails on a photo keeps its place there, with its reason, and the last rank.
 */
#ifndef XAI_STUDY_METHODS_STUDY_H
#define XAI_STUDY_METHODS_STUDY_H

#include "explain/call_text.h"
#include "study.h"

enum { XAI_STUDY_MOST_METHODS = 48, XAI_STUDY_MOST_METRICS = 20 };

typedef struct xai_methods_study {
    xai_model *model;
    xai_pool *pool;
    xai_token *token;
    uint64_t seed;
    bool label; /* explain the labelled class; else the model's first */
    xai_call_text methods[XAI_STUDY_MOST_METHODS], metrics[XAI_STUDY_MOST_METRICS];
    size_t method_count, metric_count;
} xai_methods_study;

/* Checks what would fail on every photo of the set: ids, parameters, names given twice, what labels must say. */
xai_status xai_methods_study_prepare(const xai_methods_study *study, const xai_photo_set *set, xai_error *err);

/* Which way a metric of the study is better. */
xai_better xai_methods_study_better(const xai_methods_study *study, size_t metric);

/* The work on one photo, an xai_study's; `user` is the xai_methods_study. */
xai_status xai_methods_study_work(void *user, const xai_study_photo *photo, xai_error *err);

/* What decides the numbers. */
xai_doc *xai_methods_study_protocol(const xai_methods_study *study, xai_arena *arena);

/* Tables and plot of records[count], in the order of the set, NULL where there is none yet. */
xai_status xai_methods_study_report(const xai_methods_study *study, const xai_doc *const *records, size_t count,
                                    xai_arena *arena, xai_study_report *out, xai_error *err);

#endif
