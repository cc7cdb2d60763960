/*
 * What prepare works out for a convolution, and the two ways to run it: as a product of matrices, or, where every
 * input channel has its own filters, plane by plane. The way follows from the shape alone.
 */
#ifndef XAI_OPS_CONV_PLAN_H
#define XAI_OPS_CONV_PLAN_H

#include "conv_lattice.h"

/* One lattice with its packed weights. */
typedef struct xai_conv_part {
    xai_lattice lattice;
    const float *packed; /* see conv_gemm.c and conv_depthwise.c */
} xai_conv_part;

typedef struct xai_conv_plan {
    xai_plane in, out;
    bool depthwise;
    xai_conv_part forward;
    xai_conv_part *backward;
    int backward_count;
} xai_conv_plan;

/* The tensors of one run: from `source` to `target`, in the forward or the backward direction. */
typedef struct xai_conv_run {
    const xai_conv *conv;
    const xai_conv_part *parts; /* one, or the classes of the backward pass */
    int part_count;             /* at least 1 */
    const xai_exec *exec;
    bool backward;
    xai_plane from, to;
    const float *source;
    const float *bias; /* NULL: none */
    const float *gate_y; /* backward: the convolution's own output, or NULL where nothing gates the gradient */
    xai_policy policy;
    float *target;
} xai_conv_run;

/* Packs a weight for one lattice; `backward` says for which direction. The floats that takes; 0: too many. */
size_t xai_conv_gemm_packed(const xai_conv *conv, bool backward, const xai_lattice *lattice);
void xai_conv_gemm_pack(const xai_conv *conv, const float *weight, bool backward, const xai_lattice *lattice,
                        float *packed);
xai_status xai_conv_depthwise_pack(const xai_conv *conv, xai_conv_part *part, xai_arena *arena, xai_error *err);

/* Scratch bytes a thread. */
size_t xai_conv_gemm_scratch(const xai_conv *conv);
size_t xai_conv_depthwise_scratch(const xai_conv_part *parts, int count);

void xai_conv_gemm_run(const xai_conv_run *run);
void xai_conv_depthwise_run(const xai_conv_run *run);

/* conv_open.c: what takes the place of packing; the two passes; and the gradients of weight and bias. */
xai_status xai_conv_open_prepare(xai_node *node, xai_error *err);
xai_status xai_conv_open_prepare_backward(xai_node *node, xai_error *err);
void xai_conv_open_run(const xai_conv_run *run, const float *weight);
void xai_conv_open_gradients(const xai_node *node, const xai_exec *exec);

#endif
