/*
 * Windows: kernel, strides, dilations and pads, as convolution and pooling share them.
 *
 * Everything is two-dimensional, (height, width); a 1-D operator is one whose height is 1.
 */
#ifndef XAI_OPS_WINDOW_H
#define XAI_OPS_WINDOW_H

#include "op.h"

typedef struct xai_window {
    int64_t kernel[2], stride[2], dilation[2]; /* height, width */
    int64_t pads[4];                           /* top, left, bottom, right; never negative */
} xai_window;

/* A 3-D or 4-D shape as N, C, H, W. */
typedef struct xai_plane {
    int64_t n, c, h, w;
} xai_plane;

/* The input's shape as a plane; BAD_MODEL unless it has rank 3 or 4. */
xai_status xai_plane_of(const xai_node *node, const xai_shape *shape, xai_plane *out, xai_error *err);

/*
 * Reads strides, dilations, pads or auto_pad, and kernel_shape, which is required unless `kernel` (height, width;
 * from the weight) is given and must agree with it. `ceil_mode` rounds the number of windows up, without a window
 * that begins in the padding at the end. Writes the output's height and width to out[2], and node->macs as pooling
 * has them, plane by plane.
 */
xai_status xai_window_read(xai_node *node, const int64_t *kernel, bool ceil_mode, xai_window *window,
                           int64_t out[2], xai_error *err);

/*
 * The same for a transposed convolution, which turns windows into pixels; reads output_padding and output_shape too.
 * From output_shape, or from auto_pad, follow the pads; where they would be negative, pixels that no window reaches
 * follow at the end.
 */
xai_status xai_window_read_transposed(xai_node *node, const int64_t *kernel, xai_window *window, int64_t out[2],
                                      xai_error *err);

/* The windows that see a part of the input, on the spatial axes of `out`; the other axes are left as they are. */
void xai_window_reach(const xai_window *window, const xai_shape *out_shape, const xai_box *in, xai_box *out);

/* The output's shape: that of `in` with c channels and the extents out[2]; keeps the rank of `in`. */
xai_shape xai_window_shape(const xai_shape *in, int64_t c, const int64_t out[2]);

#endif
