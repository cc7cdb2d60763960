/* Rules of integration. Pure. */
#include "path.h"

#include <math.h>

/* P_n(x), and its derivative in *slope, by the three-term recurrence. */
static double legendre(size_t n, double x, double *slope)
{
    double before = 1, p = x;
    for (size_t k = 2; k <= n; k++) {
        double next = ((double)(2 * k - 1) * x * p - (double)(k - 1) * before) / (double)k;
        before = p;
        p = next;
    }
    *slope = (double)n * (x * p - before) / (x * x - 1);
    return p;
}

/* The i-th root from the left, found from a good guess by Newton's steps; weight 2 / ((1 - x^2) P'^2). */
static void gauss_legendre(size_t n, size_t i, double *alpha, double *weight)
{
    double x = -cos(3.141592653589793 * ((double)i + 0.75) / ((double)n + 0.5)), slope = 1;
    for (int step = 0; step < 8; step++) x -= legendre(n, x, &slope) / slope;
    legendre(n, x, &slope);
    *alpha = 0.5 * (1 + x);
    *weight = 1 / ((1 - x * x) * slope * slope);
}

/* The i-th of n points between low and high, both included. */
static double evenly(size_t n, size_t i, double low, double high)
{
    return n == 1 ? low : low + (high - low) * (double)i / (double)(n - 1);
}

void xai_path_points(xai_path_rule rule, size_t n, double *alphas, double *weights)
{
    double step = 1 / (double)n;
    for (size_t i = 0; i < n; i++) {
        weights[i] = step;
        switch (rule) {
        case XAI_PATH_GAUSS_LEGENDRE: gauss_legendre(n, i, &alphas[i], &weights[i]); break;
        case XAI_PATH_TRAPEZOID:
            alphas[i] = evenly(n, i, 0, 1);
            if (i == 0 || i == n - 1) weights[i] = step / 2;
            break;
        case XAI_PATH_LEFT: alphas[i] = evenly(n, i, 0, 1 - step); break;
        case XAI_PATH_RIGHT: alphas[i] = evenly(n, i, step, 1); break;
        case XAI_PATH_MIDDLE: alphas[i] = evenly(n, i, step / 2, 1 - step / 2); break;
        }
    }
}
