/* The weights with which resizing sums source pixels, along one axis. */
#ifndef XAI_IMAGE_WEIGHTS_H
#define XAI_IMAGE_WEIGHTS_H

#include "base/error.h"

enum { XAI_WEIGHT_BITS = 22 };

/* For `count` outputs: output i sums source elements first[i] .. first[i] + taps[i] - 1, with weight[i * stride + t]
 * in units of 2^-22. */
typedef struct xai_weights {
    int count, stride;
    int *first, *taps;
    int32_t *weight;
} xai_weights;

/* Weights of outputs `from` .. `from + count - 1` of `out_length`, resized from `length`. Bilinear or bicubic. */
xai_status xai_weights_init(xai_weights *weights, xai_filter filter, bool antialias, int length, int out_length,
                            int from, int count, xai_error *err);
void xai_weights_deinit(xai_weights *weights);

#endif
