/*
 * What prepare works out for a convolution, and the ways to run it. Channels last (the layout pass decides): dense or
 * in groups (conv_pixels.c; conv_winograd.c where only forward passes are run) or every channel by itself
 * (conv_pixels_depthwise.c). In ONNX's own order: as a product of matrices (conv_gemm.c) or, where every input channel
 * has its own filters, plane by plane (conv_depthwise.c). The way follows from the program and the shape alone.
 */
#ifndef XAI_OPS_CONV_PLAN_H
#define XAI_OPS_CONV_PLAN_H

#include "conv_lattice.h"

/* One lattice with its packed weights. */
typedef struct xai_conv_part {
    xai_lattice lattice;
    const float *packed; /* see the files of the four ways */
    /* channels last: */
    const float *bias;  /* of the forward pass, or NULL */
    const float *zeros; /* a pixel of the padding */
    size_t taps, k;     /* dense: floats that each tap contributes; in bfloat16 pairs of them */
    const struct xai_bf16 *bf16; /* dense: the products are taken in bfloat16; or NULL */
    bool joined;        /* dense: a tap is a row of the window */
    int low[2], gap[2], across[2]; /* depthwise: shift of the first tap, distance of taps, how many, down and across */
} xai_conv_part;

typedef struct xai_conv_plan {
    xai_plane in, out;
    bool depthwise, pixels; /* pixels: channels last */
    xai_conv_part forward;
    const float *winograd; /* the transformed weights (conv_winograd.c), once a session that may use them is made */
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
    bool add; /* forward: to what the target holds; without bias and clamp */
    xai_plane from, to;
    int64_t source_top, target_top; /* channels last: the row of an image that `source` and `target` begin with */
    const float *source;
    const float *bias; /* NULL: none */
    const float *residual; /* forward, channels last: added before the clamp; or NULL */
    const float *gate_y; /* backward: the convolution's own output, or NULL where nothing gates the gradient */
    xai_policy policy;
    float *target;
} xai_conv_run;

/* Refuses what the inner loops' integers cannot hold. */
xai_status xai_conv_check_extents(const xai_node *node, const xai_conv_plan *plan, const xai_window *w,
                                  xai_error *err);

/* Packs the weights of one part; `backward` says for which direction. */
xai_status xai_conv_gemm_pack(const xai_conv *conv, bool backward, xai_conv_part *part, xai_arena *arena,
                              xai_error *err);
xai_status xai_conv_depthwise_pack(const xai_conv *conv, xai_conv_part *part, xai_arena *arena, xai_error *err);

xai_status xai_conv_pixels_pack(const xai_conv *conv, bool backward, xai_conv_part *part, xai_arena *arena,
                                xai_error *err);
xai_status xai_conv_pixels_depthwise_pack(const xai_conv *conv, xai_conv_part *part, xai_arena *arena,
                                          xai_error *err);

/* Forward only, channels last; packs the transformed weights. */
bool xai_conv_takes_winograd(const xai_conv *conv);
xai_status xai_conv_winograd_pack(const xai_conv *conv, const float **packed, xai_arena *arena, xai_error *err);

/* Output channels come in panels of vectors: how many panels, and the first vector of one (of the last: the end).
 * Threes, but two twos at the end in place of a three and a one. */
size_t xai_panels_of(size_t vecs);
size_t xai_panel_start(size_t vecs, size_t panel);
/* `all` pixels (or tiles) in pieces of at most `most`: how many a piece takes so that all are about alike, and whole
 * tiles of the kernel fill them. */
size_t xai_even_piece(size_t all, size_t most);
/* Of all `panels`, those that one piece of work takes, so that `pieces` of pixels become about `wanted` pieces. */
size_t xai_panels_a_piece(size_t panels, size_t pieces, size_t wanted);

/* Scratch bytes a thread. */
size_t xai_conv_winograd_scratch(const xai_conv *conv);
size_t xai_conv_pixels_scratch(const xai_conv *conv, const xai_conv_part *parts, int count);
size_t xai_conv_gemm_scratch(const xai_conv *conv);
size_t xai_conv_depthwise_scratch(const xai_conv_part *parts, int count);

void xai_conv_gemm_run(const xai_conv_run *run);
void xai_conv_depthwise_run(const xai_conv_run *run);
void xai_conv_pixels_run(const xai_conv_run *run);
void xai_conv_winograd_run(const xai_conv_run *run);
void xai_conv_pixels_depthwise_run(const xai_conv_run *run);

/* The same in two steps: the floats that it takes (0: too many), and any weight packed for one lattice. Depthwise it
 * takes one for every tap of every channel. */
size_t xai_conv_gemm_packed(const xai_conv *conv, bool backward, const xai_lattice *lattice);
void xai_conv_gemm_pack_into(const xai_conv *conv, const float *weight, bool backward, const xai_lattice *lattice,
                             float *packed);

void xai_conv_depthwise_pack_into(const xai_conv *conv, const float *weight, const xai_lattice *lattice,
                                  float *packed);

/* conv_open.c: room for what every run packs, and for the weight's gradient, in place of packing; the runs; and the
 * gradients, of which the planes are those of the convolution: x of plan->in, gy of plan->out. */
xai_status xai_conv_open_reserve(xai_node *node, bool backward, const xai_conv_part *parts, int count,
                                 xai_error *err);
xai_status xai_conv_open_reserve_gradient(xai_node *node, xai_error *err);
void xai_conv_open_run(const xai_conv_run *run, const float *weight);
void xai_conv_open_weight_gradient(const xai_conv *conv, const xai_exec *exec, const float *x, const float *gy,
                                   float *gw);
void xai_conv_open_bias_gradient(const xai_plane *out, const float *gy, float *gb);

#endif
