/*
 * Segments of a picture that may overlap: XRAI's. Felzenszwalb's superpixels at several scales, each dilated, so that
 * its edge is inside; or what is replayed from segments.npy, [segments, height, width] of 0 and 1.
 */
#ifndef XAI_EXPLAIN_SEGMENTS_H
#define XAI_EXPLAIN_SEGMENTS_H

#include "explain/method.h"

typedef struct xai_segments {
    size_t count;
    size_t *start;   /* count + 1: where the pixels of a segment begin */
    int32_t *pixels; /* y * width + x, rising within a segment */
} xai_segments;

/* In the task's arena. Writes them where the task emits draws. */
xai_status xai_segments_init(xai_segments *segments, xai_task *task, xai_error *err);

#endif
