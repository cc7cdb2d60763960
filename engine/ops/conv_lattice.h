/*
 * Lattices: how the forward and the backward pass of a convolution are one and the same computation.
 *
 * A lattice is a grid of outputs, each the sum over some taps of weight * source, where the source lies at
 * first + position * step + shift(tap). The forward pass is one lattice over all taps. In the backward pass with stride s,
 * the input's pixels fall into s x s classes by their remainder: each class is a lattice with a step of 1 whose taps
 * are those that reach it. So a gradient is gathered, never scattered, and its sums have one fixed order.
 */
#ifndef XAI_OPS_CONV_LATTICE_H
#define XAI_OPS_CONV_LATTICE_H

#include "conv.h"

typedef struct xai_lattice {
    int rows, cols;          /* of the grid */
    int taps;                /* at least 1 */
    const int (*shift)[2];   /* of each tap in the source, (y, x) */
    const int *weight;       /* index of each tap in the kernel, row * width + column */
    int step[2];             /* in the source, from one position to the next */
    int first[2];            /* in the source, of position (0, 0); 0 unless a part of the grid is run */
    int origin[2], pitch[2]; /* position (r, c) is pixel origin + (r, c) * pitch of the target */
} xai_lattice;

/* The taps of the forward pass to an output of out->h x out->w. */
xai_status xai_lattice_forward(const xai_window *window, const xai_plane *out, xai_arena *arena, xai_lattice *lattice,
                               xai_error *err);

/* The part of a lattice from position `low` to below `end`. */
xai_lattice xai_lattice_cut(const xai_lattice *lattice, const int low[2], const int end[2]);

/* The classes of the backward pass to an input of in->h x in->w; those that no tap reaches are left out. */
xai_status xai_lattice_backward(const xai_window *window, const xai_plane *in, xai_arena *arena,
                                xai_lattice **lattices, int *count, xai_error *err);

#endif
