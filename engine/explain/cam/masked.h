/*
 * Masked scores: Score-CAM and its kin. Each channel of a layer, scaled to 0..1 and enlarged to the input's size, is
 * a mask over the picture; the channel's weight is the softmax over the channels of the score that is left.
 *
 *     M_k = up((A_k - min A_k) / (max A_k - min A_k + 1e-8))
 *     w_k = softmax over k of (mean over samples s of y(b + c_s (M_k + n_sk) (x - b)))
 *
 * The papers subtract the score of a baseline from y, which is the same for every k, so that the softmax does not
 * change: it is not run. A mask is made while the input is filled, and never kept. Channels that are silent on this
 * picture hide all of it: without noise, one is run for all of them.
 */
#ifndef XAI_EXPLAIN_MASKED_H
#define XAI_EXPLAIN_MASKED_H

#include "channel_list.h"

/* How a library goes about it. */
typedef enum xai_mask_rule {
    XAI_MASK_PAPER,    /* b is black; pixels' centres meet at half steps */
    XAI_MASK_GRAD_CAM, /* b is 0 in normalised space; enlarged by the corners' centres, then scaled */
    XAI_MASK_TORCHCAM /* b is 0 in normalised space; half steps */
} xai_mask_rule;

typedef struct xai_masked {
    xai_mask_rule rule;
    size_t samples;        /* for each channel */
    const double *factors; /* c_s; NULL: 1 */
    double sigma;          /* of the noise n; 0: none */
} xai_masked;

/* The weight of each channel of the layer: 0 of those that are not tried, or not before the deadline. */
xai_status xai_masked_weights(xai_task *task, const xai_cam_layer *layer, int64_t channels, const xai_masked *masked,
                              double *weights, xai_error *err);

/* Forward-equivalents of a run, at most. */
double xai_masked_cost(const xai_model *model, const xai_cam_options *options, int64_t channels, int64_t samples);

#endif
