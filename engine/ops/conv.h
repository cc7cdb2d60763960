/*
 * Convolution: what the fusion passes may change between setup and prepare.
 *
 * They may fold a BatchNormalization into weight and bias, merge a Pad into window.pads (in[0] then is the Pad's
 * input; the output's shape stays), and set the clamp.
 */
#ifndef XAI_OPS_CONV_H
#define XAI_OPS_CONV_H

#include "window.h"

typedef struct xai_conv {
    int64_t group;
    int64_t channels;    /* of the output */
    xai_window window;
    bool open;           /* weight and bias are read when it runs (conv_open.c), and nothing is fused */
    const float *weight; /* channels x (in / group) x kernel height x kernel width; NULL where it varies */
    const float *bias;   /* channels, or NULL */
    xai_clamp act;       /* applied to the output; xai_clamp_none() after setup */
    struct xai_conv_plan *plan; /* conv_plan.h; made by prepare */
} xai_conv;

/* Whether the convolution can be run with the channels last: all but depthwise ones with a multiplier. */
bool xai_conv_takes_pixels(const xai_conv *conv, int64_t in_channels);

/* Where in[] has the tensor that is added before the clamp: only with the channels last, only where the convolution is
 * dense, and only after fusion. */
enum { XAI_CONV_RESIDUAL = 3 };

#endif
