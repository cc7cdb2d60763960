/*
 * Lanczos with full reorthogonalisation, restarted from its best vector. The starting vector is a fixed one, so that
 * nothing is left to chance. Pure; one thread.
 *
 * In exact arithmetic a cycle of n steps is complete. Fewer do where the leading eigenvalue stands apart; where it
 * hardly does, the vector is hardly defined by the matrix, and cycles end at a limit.
 */
#include "component.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 40, CYCLES = 60, SWEEPS = 30 };

#define ENOUGH 1e-11 /* of the residual, relative to the eigenvalue */

typedef struct lanczos {
    size_t n;
    double *basis;                                      /* STEPS + 1 vectors */
    double t[STEPS][STEPS], turns[STEPS][STEPS];        /* the matrix in the basis; its eigenvectors as columns */
} lanczos;

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* To length 1; gives what the length was. */
static double normalise(double *v, size_t n)
{
    double length = sqrt(dot(v, v, n));
    for (size_t i = 0; length > 0 && i < n; i++) v[i] /= length;
    return length;
}

/* ---------------------------------------------------------------- the small matrix */

/* Turns the plane (p, q) so that t[p][q] becomes 0 (Jacobi). */
static void turn(lanczos *l, int m, int p, int q)
{
    if (l->t[p][q] == 0) return;
    double theta = (l->t[q][q] - l->t[p][p]) / (2 * l->t[p][q]);
    double tangent = (theta >= 0 ? 1 : -1) / (fabs(theta) + hypot(theta, 1));
    double c = 1 / hypot(tangent, 1), s = tangent * c;
    for (int k = 0; k < m; k++) {
        double a = l->t[k][p], b = l->t[k][q];
        l->t[k][p] = c * a - s * b;
        l->t[k][q] = s * a + c * b;
    }
    for (int k = 0; k < m; k++) {
        double a = l->t[p][k], b = l->t[q][k];
        l->t[p][k] = c * a - s * b;
        l->t[q][k] = s * a + c * b;
    }
    for (int k = 0; k < m; k++) {
        double a = l->turns[k][p], b = l->turns[k][q];
        l->turns[k][p] = c * a - s * b;
        l->turns[k][q] = s * a + c * b;
    }
}

/* Whether what is left beside the diagonal is below the rounding of what is on it: more sweeps move that alone. */
static bool is_diagonal(const lanczos *l, int m)
{
    double beside = 0, on = 0;
    for (int p = 0; p < m; p++) {
        on += l->t[p][p] * l->t[p][p];
        for (int q = 0; q < p; q++) beside += l->t[p][q] * l->t[p][q];
    }
    return beside <= 0x1p-106 * on;
}

/* Diagonalises t; gives the place of its largest eigenvalue. */
static int diagonalise(lanczos *l, int m)
{
    for (int p = 0; p < m; p++)
        for (int q = 0; q < m; q++) l->turns[p][q] = p == q;
    for (int sweep = 0; sweep < SWEEPS && !is_diagonal(l, m); sweep++)
        for (int p = 0; p < m; p++)
            for (int q = p + 1; q < m; q++) turn(l, m, p, q);
    int best = 0;
    for (int p = 1; p < m; p++)
        if (l->t[p][p] > l->t[best][best]) best = p;
    return best;
}

/* ---------------------------------------------------------------- cycles */

/* The next vector of the basis: what the product adds to it; gives its length. Twice, since once leaves rounding. */
static double orthogonalise(lanczos *l, int m, double *next)
{
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < m; k++) {
            const double *v = l->basis + (size_t)k * l->n;
            double share = dot(v, next, l->n);
            for (size_t i = 0; i < l->n; i++) next[i] -= share * v[i];
        }
    return normalise(next, l->n);
}

/* From `vector`, of length 1, to a better one; gives the residual, relative to the eigenvalue. */
static double cycle(lanczos *l, xai_product_fn product, const void *user, double *vector, double *value)
{
    size_t n = l->n;
    int m = 0;
    double rest = 0, size = 0;
    memset(l->t, 0, sizeof l->t);
    memcpy(l->basis, vector, n * sizeof *vector);
    while (m < STEPS) {
        double *v = l->basis + (size_t)m * n, *next = v + n;
        product(user, v, next);
        l->t[m][m] = dot(v, next, n);
        size = fmax(size, sqrt(dot(next, next, n)));
        rest = orthogonalise(l, ++m, next);
        if (rest <= size * 1e-14) break; /* the basis holds all that the start leads to */
        if (m < STEPS) l->t[m][m - 1] = l->t[m - 1][m] = rest;
    }
    int best = diagonalise(l, m);
    *value = l->t[best][best];
    memset(vector, 0, n * sizeof *vector);
    for (int k = 0; k < m; k++)
        for (size_t i = 0; i < n; i++) vector[i] += l->turns[k][best] * l->basis[(size_t)k * n + i];
    normalise(vector, n);
    return size > 0 ? rest * fabs(l->turns[m - 1][best]) / size : 0;
}

static void start(size_t n, xai_product_fn product, const void *user, double *vector, double *scratch)
{
    xai_rng rng = xai_rng_init(0, 0);
    for (size_t i = 0; i < n; i++) scratch[i] = xai_rng_normal(&rng);
    product(user, scratch, vector); /* without what the matrix does not see */
}

xai_status xai_leading_vector(size_t n, xai_product_fn product, const void *user, double *vector, double *value,
                              xai_error *err)
{
    lanczos *l = calloc(1, sizeof *l);
    if (l) l->basis = calloc((STEPS + 1) * n, sizeof *l->basis);
    if (!l || !l->basis) {
        free(l);
        XAI_NO_MEMORY(err);
    }
    l->n = n;
    *value = 0;
    start(n, product, user, vector, l->basis);
    if (normalise(vector, n) > 0)
        for (int i = 0; i < CYCLES && cycle(l, product, user, vector, value) > ENOUGH; i++) continue;
    free(l->basis);
    free(l);
    return XAI_OK;
}
