/* A set of photos to study: a folder, and a table that says what they show. */
#ifndef XAI_STUDY_PHOTOS_H
#define XAI_STUDY_PHOTOS_H

#include "base/arena.h"

typedef struct xai_photo {
    const char *file;   /* within the folder; unique */
    int64_t class_index; /* what it shows; < 0: not known */
    const char *boxes;  /* "left,top,right,bottom[;...]" in pixels of the photo, the latter two excluded; NULL: none */
    const char *mask;   /* a picture within the folder, as large as the photo, not black where the object is; NULL */
} xai_photo;

typedef struct xai_photo_set {
    const char *folder;
    const xai_photo *photos;
    size_t count;
} xai_photo_set;

/*
 * The photos of a folder. `labels` is a table with tabs whose first line names its columns: `file`, and any of `class`
 * (a number), `box` and `mask` as above; other columns are passed over. NULL: every file of the folder whose name ends
 * in .jpg, .jpeg, .png or .bmp, in the order of their names. `limit` > 0: so many of them, spread evenly.
 * IO, BAD_REQUEST with the line's number.
 */
xai_status xai_photo_set_read(const char *folder, const char *labels, size_t limit, xai_arena *arena,
                              xai_photo_set *out, xai_error *err);

/* A picture of the folder, by the library's decoder. */
xai_status xai_photo_load(const char *folder, const char *file, xai_image **out, xai_error *err);

#endif
