/*
 * Scale space: a picture under a Gaussian blur, and how it changes with the blur's deviation:
 *
 *     L(s) = T(s) P T(s)',    (L(s + h) - L(s)) / h,    T the blur of one axis as a matrix, 0 beyond the border
 *
 * The difference is taken of the matrices, in double precision, and not of the blurred pictures: it is
 * D P T(s + h)' + T(s) P D' with D = (T(s + h) - T(s)) / h. So all that is left are products, for which there are kernels,
 * and nothing cancels. T is cut as in blur.h.
 */
#ifndef XAI_IMAGE_SCALE_SPACE_H
#define XAI_IMAGE_SCALE_SPACE_H

#include <stddef.h>

typedef struct xai_scale_space {
    int channels, height, width;
    const float *turned; /* the picture: channels x width x height */
} xai_scale_space;

/* Floats of room that a step needs; a thread's own, aligned to 64 bytes. */
size_t xai_scale_space_room(const xai_scale_space *space);

/* L(sigma) and its difference quotient: channels x height x 2 x width in the room, first a row of L. */
const float *xai_scale_space_step(const xai_scale_space *space, double sigma, double step, float *room);

#endif
