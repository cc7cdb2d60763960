/*
 * Segmentation: a picture cut into patches that look alike inside ("superpixels").
 *
 * Pictures are RGB triples in [0, 1], row-major. Labels are 0, 1, ... in the order of their first pixel's row and
 * column; every label is used. Both equal scikit-image 0.26 but for what their .c files say; on the sample photos the
 * labels of `slic` are the same in every pixel.
 */
#ifndef XAI_IMAGE_SEGMENT_H
#define XAI_IMAGE_SEGMENT_H

#include "base/token.h"

typedef struct xai_picture {
    const double *rgb; /* height * width * 3 */
    int height, width;
} xai_picture;

typedef struct xai_slic {
    int segments;       /* about how many are wanted, at least 1 */
    double compactness; /* what nearness counts against colour: more is squarer */
    double sigma;       /* blur before, in pixels; 0: none */
} xai_slic;

/* Simple linear iterative clustering. labels[height * width]; *count of them. CANCELLED, DEADLINE, NO_MEMORY. */
xai_status xai_segment_slic(const xai_picture *picture, const xai_slic *how, const xai_token *token, int32_t *labels,
                            int *count, xai_error *err);

typedef struct xai_quickshift {
    double kernel_size; /* width of the density's Gaussian: more is fewer segments; at least 1 */
    double max_dist;    /* longest step to a denser pixel, in colour and place */
    double ratio;       /* what colour counts against place */
} xai_quickshift;

/* Mode seeking. The same. */
xai_status xai_segment_quickshift(const xai_picture *picture, const xai_quickshift *how, const xai_token *token,
                                  int32_t *labels, int *count, xai_error *err);

#endif
