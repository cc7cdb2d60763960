/* Gaussian blur of planes of doubles, as scipy.ndimage.gaussian_filter computes it. */
#ifndef XAI_IMAGE_BLUR_H
#define XAI_IMAGE_BLUR_H

#include "base/error.h"

typedef enum xai_border {
    XAI_BORDER_REFLECT, /* dcba|abcd|dcba */
    XAI_BORDER_MIRROR,  /* dcb|abcd|cba */
    XAI_BORDER_ZERO     /* 0000|abcd|0000; scipy: constant */
} xai_border;

/* A deviation for each axis, down and across; 0: nothing happens along it. The kernel is cut at four of them. */
typedef struct xai_blur_spec {
    int height, width;
    double down, across;
    xai_border border;
    int radius; /* where both axes' kernels are cut instead, in pixels; 0: there */
} xai_blur_spec;

/* Taps on each side of the centre; 0: no blur. */
int xai_blur_radius(double sigma);
/* w[k] of the taps at distance k < n; all 2 * radius + 1 taps, also those from n on, sum to 1. */
void xai_blur_kernel(double sigma, int radius, int n, double *w);

/* Doubles of scratch that xai_blur needs: a kernel, two planes, a row. */
size_t xai_blur_scratch(const xai_blur_spec *spec);

/* `plane` [height * width], row-major, in place. */
void xai_blur(const xai_blur_spec *spec, double *plane, double *scratch);

#endif
