/*
 * Study: one piece of work on each photo of a set, a record for every photo.
 *
 * What a photo gives is a record, an object of plain values that begins with the photo's name; what fails is a record
 * too, with its reason, so that no photo is lost. Records go to a keeper as soon as they are made; photos that it has
 * already are passed over, so a study that was ended goes on where it was. Summaries are made of records alone.
 */
#ifndef XAI_STUDY_STUDY_H
#define XAI_STUDY_STUDY_H

#include "base/doc.h"
#include "photos.h"
#include "table.h"

typedef struct xai_study_photo {
    const xai_photo_set *set;
    const xai_photo *photo;
    const xai_image *image;
    xai_arena *arena; /* lives as long as the record */
    xai_doc *record;  /* to be filled */
} xai_study_photo;

typedef struct xai_study {
    const xai_photo_set *set;
    xai_status (*work)(void *user, const xai_study_photo *photo, xai_error *err);
    void *user;
    /* Whether there is a record of this file already. */
    bool (*known)(void *keeper, const char *file);
    /* Keeps a record; a failure ends the study. */
    xai_status (*keep)(void *keeper, const xai_doc *record, xai_error *err);
    void *keeper;
    const xai_token *token;
} xai_study;

/* Photos are taken in an order that spreads over the set, so that one which is ended early is of the whole of it.
 * CANCELLED and DEADLINE end it, with what is kept staying kept; so does the keeper's own failure. */
xai_status xai_study_run(const xai_study *study, xai_error *err);

/* ---- what the work on a photo begins with, and what it passes on */

/* Whether a failure ends the study; any other is a line of the record, with its reason. */
bool xai_study_ends(xai_status status);

typedef struct xai_study_look {
    xai_model *model;
    xai_pool *pool;
    xai_token *token;
    bool label; /* explain the class of the label, not the model's first */
} xai_study_look;

/* The class that is explained. The record gets `class`, `top1`, `top1_probability`, and `right` where there is a label.
 * *seen: what the model says of the photo, the caller's to free. BAD_REQUEST for a photo without the label. */
xai_status xai_study_target(const xai_study_look *look, const xai_study_photo *photo, xai_target *target,
                            xai_result **seen, xai_error *err);

/* A protocol's beginning: the study's name, the model and its hash, the engine, the instruction set. NULL: no memory. */
xai_doc *xai_study_protocol(const char *study, const xai_model *model, xai_arena *arena);

/* ---- what a study ends as */

enum { XAI_REPORT_MOST = 4 };

typedef struct xai_study_report {
    xai_doc *summary;
    struct {
        const char *name; /* of its files */
        xai_table table;
    } tables[XAI_REPORT_MOST];
    size_t table_count;
    xai_artifact plots[XAI_REPORT_MOST];
    size_t plot_count;
} xai_study_report;

/* The photos that failed as a whole: [{"file","error","reason"}]. records[count], NULL where there is none yet. */
xai_doc *xai_study_failures(const xai_doc *const *records, size_t count, xai_arena *arena);

/* ---- reading records */

/* The number at a key; NaN: there is none. */
double xai_record_number(const xai_doc *record, const char *key);
/* The text; NULL: there is none. */
const char *xai_record_text(const xai_doc *record, const char *key);
/* Whether the photo failed as a whole. */
bool xai_record_failed(const xai_doc *record);

#endif
