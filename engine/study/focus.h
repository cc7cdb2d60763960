/* Focus: mosaics of the set's own photos, so that localisation is measured without boxes (metrics/mosaic.h). */
#ifndef XAI_STUDY_FOCUS_H
#define XAI_STUDY_FOCUS_H

#include "methods_study.h"

/* The study's name for it, in the place of a metric's id; it takes no parameters. */
#define XAI_FOCUS_ID "focus"

/*
 * The mosaic that belongs to a photo of the set, explained by every method for the class that it shows; values[] of each
 * method, NaN where rows[] says already that the method fails, or says it now. BAD_REQUEST where photos have no labels.
 */
xai_status xai_study_focus(const xai_methods_study *study, const xai_study_photo *photo, xai_doc *const *rows,
                           double *values, xai_error *err);

#endif
