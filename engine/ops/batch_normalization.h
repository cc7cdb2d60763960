/* BatchNormalization at inference: y = scale * x + shift per channel, as the fusion passes read it. */
#ifndef XAI_OPS_BATCH_NORMALIZATION_H
#define XAI_OPS_BATCH_NORMALIZATION_H

#include "op.h"

typedef struct xai_batch_normalization {
    int64_t channels;
    const float *scale, *shift; /* channels; set by setup; NULL where gamma or beta vary: then every run makes them */
    const float *mean;
    double epsilon;
} xai_batch_normalization;

#endif
