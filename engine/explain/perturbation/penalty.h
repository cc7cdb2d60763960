/*
 * Penalty: what a mask of side x side cells is charged for hiding much, and for being rough.
 *
 *     l1 mean |1 - m| + tv V(m)
 *     V = T(m), T = mean (m_(r+1,c) - m_rc)^2 + mean (m_(r,c+1) - m_rc)^2          total variation
 *     V = 1/2 (T(m) + B(m))                                                         bilateral total variation
 *     B = mean w^r (M_(y+1,x) - M_yx)^2 + mean w^c (M_(y,x+1) - M_yx)^2, M = m enlarged to the picture
 *     w^r = exp(-(mean over channels of d)^2 / .01), w^c = mean over channels of exp(-d^2 / .01), d = x's own difference
 *
 * As in the code of iGOS++ (Khorram, Lawson and Fuxin, 2021, arXiv 2012.15783), which averages over the channels before
 * the exponential along rows and after it along columns.
 */
#ifndef XAI_EXPLAIN_PENALTY_H
#define XAI_EXPLAIN_PENALTY_H

#include "explain/context.h"

typedef struct xai_penalty {
    double l1, tv;
    int side; /* >= 2 */
    int height, width;
    float *down, *across; /* w^r: height - 1 rows; w^c: width - 1 columns; NULL: plain total variation */
    float *cells, *large; /* the mask in float32, and enlarged */
    double *by_large;
} xai_penalty;

/* In the arena. */
xai_status xai_penalty_init(xai_penalty *penalty, const xai_context *context, int side, bool bilateral,
                            xai_arena *arena, xai_error *err);

/* The charge of mask[side * side]; gradient += its own, unless NULL. At m = 1 the slope of |1 - m| is 0. */
double xai_penalty_of(const xai_penalty *penalty, const double *mask, double *gradient);

#endif
