/*
 * Cholesky's factorisation with pivots: P'AP = L L' with L of n x rank, diagonals falling. It ends at the first pivot
 * that is rounding error of the largest, which tells the rank. Then with the tall L
 *
 *     A+ b = P L (L'L)^-1 (L'L)^-1 L' P' b
 *
 * is the solution of least length; with full rank two triangular solves do. Sums run in a fixed order. Pure.
 */
#include "solve.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Swaps rows and columns i < j of the lower triangle, of which the first `done` columns are factors already. */
static void swap(double *a, size_t n, size_t i, size_t j)
{
    for (size_t k = 0; k < n; k++) {
        double *p = k <= i ? &a[i * n + k] : &a[k * n + i], *q = k <= j ? &a[j * n + k] : &a[k * n + j];
        if (k == i || k == j) continue;
        double t = *p;
        *p = *q;
        *q = t;
    }
    double t = a[i * n + i];
    a[i * n + i] = a[j * n + j];
    a[j * n + j] = t;
}

static size_t largest_diagonal(const double *a, size_t n, size_t from)
{
    size_t best = from;
    for (size_t i = from + 1; i < n; i++)
        if (a[i * n + i] > a[best * n + best]) best = i;
    return best;
}

/* Column k of L, given the k before it; then the diagonals of what is left. */
static void eliminate(double *a, size_t n, size_t k)
{
    double pivot = sqrt(a[k * n + k]);
    a[k * n + k] = pivot;
    for (size_t i = k + 1; i < n; i++) {
        double sum = a[i * n + k];
        for (size_t m = 0; m < k; m++) sum -= a[i * n + m] * a[k * n + m];
        a[i * n + k] = sum / pivot;
        a[i * n + i] -= a[i * n + k] * a[i * n + k];
    }
}

static size_t factorise(double *a, size_t n, size_t *order)
{
    double limit = 0;
    for (size_t k = 0; k < n; k++) order[k] = k;
    for (size_t k = 0; k < n; k++) {
        size_t at = largest_diagonal(a, n, k), was = order[k];
        double pivot = a[at * n + at];
        if (k == 0) limit = 16 * (double)n * DBL_EPSILON * pivot;
        if (!(pivot > limit)) return k;
        if (at != k) swap(a, n, k, at);
        order[k] = order[at];
        order[at] = was;
        eliminate(a, n, k);
    }
    return n;
}

/* L y = b, then L' x = y, for the leading r x r of L. */
static void solve_triangles(const double *l, size_t n, size_t r, double *b)
{
    for (size_t i = 0; i < r; i++) {
        for (size_t k = 0; k < i; k++) b[i] -= l[i * n + k] * b[k];
        b[i] /= l[i * n + i];
    }
    for (size_t i = r; i-- > 0;) {
        for (size_t k = i + 1; k < r; k++) b[i] -= l[k * n + i] * b[k];
        b[i] /= l[i * n + i];
    }
}

/* C = L'L of the tall L, factorised: it is well conditioned enough to have full rank. */
static void factorise_inner(const double *l, size_t n, size_t r, double *c)
{
    for (size_t i = 0; i < r; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t k = i; k < n; k++) sum += l[k * n + i] * l[k * n + j];
            c[i * r + j] = sum;
        }
    for (size_t k = 0; k < r; k++) eliminate(c, r, k);
}

/* x = L C^-1 C^-1 L' b. */
static xai_status solve_shortest(const double *l, size_t n, size_t r, double *b, xai_arena *arena, xai_error *err)
{
    double *c = XAI_NEW(arena, double, r * r + 1), *y = XAI_NEW(arena, double, r + 1);
    if (!c || !y) XAI_NO_MEMORY(err);
    factorise_inner(l, n, r, c);
    for (size_t i = 0; i < r; i++)
        for (size_t k = i; k < n; k++) y[i] += l[k * n + i] * b[k];
    solve_triangles(c, r, r, y);
    solve_triangles(c, r, r, y);
    for (size_t k = 0; k < n; k++) {
        b[k] = 0;
        for (size_t i = 0; i < r && i <= k; i++) b[k] += l[k * n + i] * y[i];
    }
    return XAI_OK;
}

xai_status xai_solve_semidefinite(double *a, double *b, size_t n, size_t *rank, xai_arena *arena, xai_error *err)
{
    size_t *order = XAI_NEW(arena, size_t, n + 1);
    double *x = XAI_NEW(arena, double, n + 1);
    if (!order || !x) XAI_NO_MEMORY(err);
    size_t r = factorise(a, n, order);
    for (size_t i = 0; i < n; i++) x[i] = b[order[i]];
    if (r == n) solve_triangles(a, n, n, x);
    else XAI_TRY(solve_shortest(a, n, r, x, arena, err));
    for (size_t i = 0; i < n; i++) b[order[i]] = x[i];
    if (rank) *rank = r;
    return XAI_OK;
}
