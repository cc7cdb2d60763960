/* Bilinear resampling of float maps, as explanation libraries do it. */
#ifndef XAI_IMAGE_UPSAMPLE_H
#define XAI_IMAGE_UPSAMPLE_H

#include <stdbool.h>

/*
 * `src` (src_h x src_w) to `dst` (dst_h x dst_w), both row-major; any sizes >= 1.
 *
 * align_corners false: half-pixel centres, the border repeated: cv2's INTER_LINEAR, torch's align_corners=False. No
 * antialiasing when it shrinks. true: the corners' centres meet, as in torch's UpsamplingBilinear2d.
 */
void xai_upsample_bilinear(const float *src, int src_h, int src_w, float *dst, int dst_h, int dst_w,
                           bool align_corners);

/*
 * Its transpose, for gradients: by_src[src_h * src_w] += what a change of each source element does, where `by_dst` is
 * what one of each output does. Sums run in the order of the outputs.
 */
void xai_upsample_bilinear_back(const double *by_dst, int dst_h, int dst_w, double *by_src, int src_h, int src_w,
                                bool align_corners);

#endif
