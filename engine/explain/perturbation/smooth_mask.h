/*
 * Smooth masks: a coarse grid of parameters, made into a mask of pixels by a smooth maximum of bumps around them, so
 * that no mask has an edge finer than a bump.
 *
 *     mask(u) = sum_k v_k exp(20 v_k) / sum_k exp(20 v_k)
 *     v_k = parameter_k exp(-2 max(|u - place_k| / sigma - 1/2, 0)^2)
 *
 * over the (2 r + 1)^2 parameters around u, r = 1 + ceil(sigma / step); those beyond the grid are 0. Fong, Patrick
 * and Vedaldi, "Understanding Deep Networks via Extremal Perturbations and Smooth Masks", ICCV 2019, arXiv
 * 1910.08485; TorchRay's MaskGenerator. The mask has a margin of sigma pixels around the picture, which counts for
 * its area.
 */
#ifndef XAI_EXPLAIN_SMOOTH_MASK_H
#define XAI_EXPLAIN_SMOOTH_MASK_H

#include "base/arena.h"
#include "base/pool.h"

typedef struct xai_mask_axis {
    int length;   /* pixels of the picture */
    int in;       /* parameters */
    int mid, out; /* places of a window of parameters; pixels of the mask with its margin */
    int *window, *offset; /* of a pixel of the mask: the first parameter of its window, and where in its cell it lies */
} xai_mask_axis;

typedef struct xai_smooth_mask {
    int step, sigma, padding, taps; /* taps: 2 r + 1 */
    xai_mask_axis rows, columns;
    float *weights;    /* (step + 1)^2 offsets x taps^2 */
    float *parameters; /* rows.in x columns.in: the caller's */
    float *padded;     /* the same within zeros */
    float *mask;       /* rows.out x columns.out */
    float *by_mask;    /* of the same shape: d target / d mask */
    double *by_window; /* rows.mid x columns.mid x taps^2 */
} xai_smooth_mask;

enum { XAI_SMOOTH_TAPS = 21 };

/* Whether the mask covers picture and margin; not, for instance, between 1 and 1.5 steps, where TorchRay fails. */
bool xai_smooth_mask_fits(int step, int sigma);

/* For a picture of height x width; step and sigma fit, and sigma <= 9 * step. Parameters begin as 1. */
xai_status xai_smooth_mask_init(xai_smooth_mask *mask, int height, int width, int step, int sigma, xai_arena *arena,
                                xai_error *err);

/* Pixels of the mask with its margin; parameters. */
static inline size_t xai_smooth_mask_count(const xai_smooth_mask *m)
{
    return (size_t)m->rows.out * (size_t)m->columns.out;
}
static inline size_t xai_smooth_mask_parameters(const xai_smooth_mask *m)
{
    return (size_t)m->rows.in * (size_t)m->columns.in;
}
/* Where in `mask` the picture's pixel lies. */
static inline size_t xai_smooth_mask_at(const xai_smooth_mask *m, int y, int x)
{
    return (size_t)(y + m->sigma) * (size_t)m->columns.out + (size_t)(x + m->sigma);
}

/* Fills `mask` from the parameters. */
void xai_smooth_mask_make(xai_smooth_mask *mask, const xai_par *par);

/* gradient[parameters] from by_mask, after make. */
void xai_smooth_mask_backward(xai_smooth_mask *mask, double *gradient, const xai_par *par);

#endif
