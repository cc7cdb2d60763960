/*
 * Resampling, axis by axis: each position of an axis of the output is a weighted sum of a few positions of the
 * input's axis. Resize and Upsample are such maps; the gradient is the transposed map.
 */
#ifndef XAI_OPS_RESAMPLE_H
#define XAI_OPS_RESAMPLE_H

#include "op.h"

typedef enum xai_resample_mode { XAI_RESAMPLE_NEAREST, XAI_RESAMPLE_LINEAR, XAI_RESAMPLE_CUBIC } xai_resample_mode;

/* Where position x of the output lies in the input: the values of coordinate_transformation_mode. */
typedef enum xai_resample_coordinates {
    XAI_RESAMPLE_HALF_PIXEL,
    XAI_RESAMPLE_HALF_PIXEL_SYMMETRIC,
    XAI_RESAMPLE_PYTORCH_HALF_PIXEL,
    XAI_RESAMPLE_ALIGN_CORNERS,
    XAI_RESAMPLE_ASYMMETRIC,
    XAI_RESAMPLE_TF_HALF_PIXEL_FOR_NN,
    XAI_RESAMPLE_TF_CROP_AND_RESIZE
} xai_resample_coordinates;

/* The values of nearest_mode; and what it was before there was one: up where the axis shrinks, else down. */
typedef enum xai_resample_rounding {
    XAI_RESAMPLE_ROUND_PREFER_FLOOR,
    XAI_RESAMPLE_ROUND_PREFER_CEIL,
    XAI_RESAMPLE_FLOOR,
    XAI_RESAMPLE_CEIL,
    XAI_RESAMPLE_SIMPLE
} xai_resample_rounding;

typedef struct xai_resample_rule {
    xai_resample_mode mode;
    xai_resample_coordinates coordinates;
    xai_resample_rounding rounding;
    float cubic_a;
    bool exclude_outside, antialias;
    float extrapolation; /* of positions outside the input, for tf_crop_and_resize */
} xai_resample_rule;

/* One axis: `scale` is what the coordinates are divided by; the region of tf_crop_and_resize. */
typedef struct xai_resample_axis {
    int axis;
    int64_t in, out;
    float scale, start, end;
    int64_t taps;
    const int64_t *index; /* out x taps, in [0, in) */
    const float *weight;  /* out x taps */
    const bool *outside;  /* by position: takes the extrapolation value; NULL: none does */
    /* The transposed map: those that read position i of the input are number users[i] to users[i + 1] - 1. */
    const int64_t *users, *user; /* in + 1; the position of each user, and its weight */
    const float *share;
} xai_resample_axis;

typedef struct xai_resample {
    xai_resample_axis axes[XAI_MAX_RANK]; /* those that change, ascending */
    int count;
    float extrapolation;
    int64_t blocks;               /* product of the dimensions before the first of them */
    int64_t in_block, out_block;  /* elements of one block */
    int64_t between;              /* most elements of a block between two axes */
} xai_resample;

/* Makes the maps of all axes, whose in, out, scale, start and end are given by axis; sets the node's output, scratch
 * and work. */
xai_status xai_resample_setup(xai_node *node, xai_setup *setup, const xai_resample_rule *rule,
                              const xai_resample_axis *axes, xai_error *err);
void xai_resample_forward(const xai_node *node, const xai_exec *exec);
void xai_resample_backward(const xai_node *node, const xai_exec *exec);

#endif
