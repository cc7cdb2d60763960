/*
 * The SAG study: with how few patches of a photo the network is content, found by searching for sets and by following
 * a heat map, as in arXiv 2011.06733, section 4.1.
 *
 * For every photo: a search of every beam width on every kind of patch, run to its end; and for every heat map the
 * patches inserted in its order until the threshold is reached. What is recorded of each: the fewest patches, how many
 * explanations there are, how many of them share no patch (or at most one), evaluations and seconds.
 */
#ifndef XAI_STUDY_SAG_STUDY_H
#define XAI_STUDY_SAG_STUDY_H

#include "study.h"

/* Its parameters: xai_params_parse fills the struct. */
typedef struct xai_sag_study_options {
    const char *beams, *regions, *orders; /* lists by commas; NULL: the defaults */
    int baseline;
    double p_high;
    int64_t grid, candidates, patience, max_patches, max_evals;
    bool label;
} xai_sag_study_options;

extern const xai_param XAI_SAG_STUDY_PARAMS[];
extern const size_t XAI_SAG_STUDY_PARAM_COUNT;

typedef struct xai_sag_study {
    xai_model *model;
    xai_pool *pool;
    xai_token *token;
    xai_sag_study_options options;
    uint64_t seed;
} xai_sag_study;

/* Fills in the defaults and checks what would fail on every photo: lists, methods. */
xai_status xai_sag_study_prepare(xai_sag_study *study, xai_error *err);

/* The work on one photo, an xai_study's; `user` is the xai_sag_study. */
xai_status xai_sag_study_work(void *user, const xai_study_photo *photo, xai_error *err);

/* What decides the numbers: parameters and versions. Records of one protocol alone may stand together. */
xai_doc *xai_sag_study_protocol(const xai_sag_study *study, xai_arena *arena);

/* Tables and plot of records[count], in the order of the set, NULL where there is none yet. */
xai_status xai_sag_study_report(const xai_sag_study *study, const xai_doc *const *records, size_t count, xai_arena *arena,
                                xai_study_report *out, xai_error *err);

#endif
