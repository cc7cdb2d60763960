/* From a picture to the numbers that a network takes: the sidecar's `preprocess` steps. */
#ifndef XAI_IMAGE_PREPROCESS_H
#define XAI_IMAGE_PREPROCESS_H

#include "base/error.h"

/* What the model wants, and where the results go. */
typedef struct xai_preprocess {
    const xai_preprocess_step *steps;
    int step_count;
    xai_channels channels;
    xai_layout layout;
    int height, width; /* of the model's input */
    float *input;      /* channels * height * width, in the layout's order; NULL: not wanted */
    uint8_t *view_rgb; /* height * width * 3 RGB bytes: what the model sees, not normalised; NULL: not wanted */
    double crop[4];    /* out: x, y, width, height of the view in the pixels of the oriented image */
} xai_preprocess;

/*
 * Runs the steps on one image. Geometry first, in the order given, on bytes; then every normalisation, in float32.
 *
 *   resize       short_side s: the short side becomes s, the long one s * long / short, cut to an integer
 *                (torchvision); else exactly width x height
 *   center_crop  origin = (length - crop) / 2, halves to the even number (Python's round); black beyond the picture
 *   normalize    (v - mean) / scale on 0..255, one mean and scale for each channel of the model
 *
 * GRAY: ITU-R 601 luma as Pillow's convert("L"), after the geometry; the view is then gray too.
 * BAD_CONFIG if the steps do not end in height x width, or a step is impossible; NO_MEMORY.
 */
xai_status xai_preprocess_run(const xai_image *image, xai_preprocess *job, xai_error *err);

/* float32 values of a view of `pixels` RGB pixels: channels and normalisation, without geometry. `input` as above. */
void xai_preprocess_values(const uint8_t *view_rgb, const xai_preprocess *job, float *input);

#endif
