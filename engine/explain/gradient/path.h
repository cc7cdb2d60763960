/* Rules of integration over [0, 1]: at which points, with which weights. As Captum's approximation_methods. */
#ifndef XAI_EXPLAIN_PATH_H
#define XAI_EXPLAIN_PATH_H

#include <stddef.h>

typedef enum xai_path_rule {
    XAI_PATH_GAUSS_LEGENDRE,
    XAI_PATH_TRAPEZOID,
    XAI_PATH_LEFT,
    XAI_PATH_RIGHT,
    XAI_PATH_MIDDLE
} xai_path_rule;
#define XAI_PATH_CHOICES "gausslegendre|riemann_trapezoid|riemann_left|riemann_right|riemann_middle"

/*
 * alphas[n] in (0, 1) or with its ends, rising; weights[n].
 *
 * GAUSS_LEGENDRE is exact for polynomials of degree 2n - 1; its weights sum to 1. The others have 1 / n each. So does
 * TRAPEZOID, half of it at both ends: Captum divides by n where there are n - 1 intervals, and its weights sum to
 * 1 - 1 / n. n >= 2 for all but GAUSS_LEGENDRE.
 */
void xai_path_points(xai_path_rule rule, size_t n, double *alphas, double *weights);

#endif
