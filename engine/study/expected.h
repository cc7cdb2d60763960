/* Where a person says that the object is: the boxes or the mask of a photo, as a target over the model's input. */
#ifndef XAI_STUDY_EXPECTED_H
#define XAI_STUDY_EXPECTED_H

#include "photos.h"

/*
 * *out is a MASK of the model's input (height x width of its view, `crop` is the part of the photo that it shows), for
 * xai_request's `expected`; *found false: the photo has neither boxes nor mask. BAD_REQUEST, also where nothing of the
 * object is inside the view.
 */
xai_status xai_photo_expected(const xai_photo_set *set, const xai_photo *photo, const xai_image *image,
                              const double crop[4], int height, int width, xai_arena *arena, xai_target *out,
                              bool *found, xai_error *err);

#endif
