/* Resampling of planes of doubles by cubic B-splines, as skimage.transform.resize(order=3) does it. */
#ifndef XAI_IMAGE_SPLINE_H
#define XAI_IMAGE_SPLINE_H

#include "base/error.h"

/*
 * `in` [height, width] to `out` [out_height, out_width]: blurred first along an axis that shrinks, by half of how many
 * pixels become one less 1 (anti_aliasing=True); then interpolated at half-pixel centres by the spline through all
 * pixels. What lies beyond the border is 0 (mode='constant'). Values may leave the range of `in`. NO_MEMORY only.
 */
xai_status xai_spline_resize(const double *in, int height, int width, double *out, int out_height, int out_width,
                             xai_error *err);

/* Of `n` pixels that become `out_n`: which one is nearest to the i-th (order=0). */
int xai_spline_nearest(int n, int out_n, int i);

#endif
