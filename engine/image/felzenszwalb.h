/* Superpixels by graph: regions grow where the difference to a neighbour is small against that inside them. */
#ifndef XAI_IMAGE_FELZENSZWALB_H
#define XAI_IMAGE_FELZENSZWALB_H

#include "base/error.h"

/*
 * Felzenszwalb and Huttenlocher, "Efficient graph-based image segmentation", IJCV 2004, as
 * skimage.segmentation.felzenszwalb: the picture is blurred by `sigma`; an edge joins each pixel with its 8 neighbours,
 * as long as the Euclidean distance of the colours; taken by rising length, an edge merges two regions if it is shorter
 * than the longest merged edge of each plus scale / 255 / size. Regions of less than `min_size` pixels then go to a
 * neighbour. The thresholds are rounded to float32, as there. Among edges of exactly one length the order is that of
 * the list here; numpy's sort leaves it open.
 *
 * `planes` [channels, height, width], which the blur changes; `labels` [scale_count, height * width]: for each scale the
 * regions, numbered from 0 in the order of their first pixels, and in `counts` how many. NO_MEMORY only.
 */
typedef struct xai_felzenszwalb {
    int channels, height, width;
    double sigma;
    int min_size;
    const double *scales; /* more: larger regions */
    size_t scale_count;
} xai_felzenszwalb;

xai_status xai_felzenszwalb_run(const xai_felzenszwalb *job, double *planes, int32_t *labels, int32_t *counts,
                                xai_error *err);

#endif
