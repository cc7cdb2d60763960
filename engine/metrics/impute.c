/*
 * The solver of noisy linear imputation. An imputer belongs to one thread at a time.
 *
 * Conjugate gradients run in float32 and reduce the residual by ten thousand; the residual itself is taken in doubles, and
 * they are run again on what is left of it. Weights are times 12, whole numbers, so that float32 holds them exactly. Grids
 * have a border of one cell that holds nothing, so that no cell has to ask whether it has a neighbour.
 */
#include "impute.h"

#include <math.h>
#include <string.h>

enum { PLANES = XAI_IMPUTER_PLANES, MOST_LEVELS = 16, COARSEST = 16, COARSE_SWEEPS = 8, MOST_STEPS = 400, MOST_ROUNDS = 8 };
static const float BESIDE = 2, CORNER = 1, OVER = 1.8F;
static const double ENOUGH = 1e-7, AT_A_TIME = 1e-4;

/* What a cell holds of every plane; arithmetic on it is plane by plane. */
typedef float cell __attribute__((vector_size(PLANES * sizeof(float))));

/* One number of every plane. */
typedef struct sums {
    double of[PLANES];
} sums;

/* One grid. The matrix is D - W: `diag`, and the weights to the neighbours to the right, below, and below on either side;
 * those to the others are the same numbers seen from there. A cell without unknowns has diag 0. */
typedef struct level {
    int height, width;
    size_t stride, cells; /* width and number with the border */
    float *inverse, *diag, *right, *below, *below_right, *below_left;
    cell *x, *b, *r;
} level;

struct xai_imputer {
    level levels[MOST_LEVELS];
    int count;
    bool all; /* nothing is known */
    const bool *missing;
    cell *x, *r, *z, *p, *ap;
    double *sum, *given; /* the solution so far, and what the known neighbours give: PLANES a cell */
};

static inline size_t at(const level *l, int y, int x) { return (size_t)(y + 1) * l->stride + (size_t)(x + 1); }

static bool make_level(level *l, xai_arena *arena, int height, int width)
{
    size_t stride = (size_t)width + 2, n = stride * ((size_t)height + 2);
    float *weights = XAI_NEW(arena, float, 6 * n);
    cell *room = XAI_NEW(arena, cell, 3 * n);
    if (!weights || !room) return false;
    *l = (level){height, width, stride, n, weights, weights + n, weights + 2 * n, weights + 3 * n, weights + 4 * n,
                 weights + 5 * n, room, room + n, room + 2 * n};
    return true;
}

xai_imputer *xai_imputer_new(xai_arena *arena, int height, int width)
{
    xai_imputer *im = XAI_NEW(arena, xai_imputer, 1);
    if (!im) return NULL;
    for (;;) {
        if (!make_level(&im->levels[im->count++], arena, height, width)) return NULL;
        if (height * width <= COARSEST || im->count == MOST_LEVELS) break;
        height = (height + 1) / 2;
        width = (width + 1) / 2;
    }
    size_t n = im->levels[0].cells;
    cell *room = XAI_NEW(arena, cell, 5 * n);
    im->sum = XAI_NEW(arena, double, PLANES * n);
    im->given = XAI_NEW(arena, double, PLANES * n);
    im->x = room;
    im->r = room + n;
    im->z = room + 2 * n;
    im->p = room + 3 * n;
    im->ap = room + 4 * n;
    return room && im->sum && im->given ? im : NULL;
}

/* ---------------------------------------------------------------- matrices */

/* The link from pixel i to a neighbour: both lose the weight, and if both are missing they are tied by it. */
static void link(level *l, const bool *missing, int y, int x, int v, int u, float weight, float *ties)
{
    if (v >= l->height || u < 0 || u >= l->width) return;
    bool one = missing[(size_t)y * (size_t)l->width + (size_t)x], other = missing[(size_t)v * (size_t)l->width + (size_t)u];
    if (one) l->diag[at(l, y, x)] += weight;
    if (other) l->diag[at(l, v, u)] += weight;
    if (one && other) ties[at(l, y, x)] = weight;
}

static void set_finest(level *l, const bool *missing)
{
    memset(l->diag, 0, 5 * l->cells * sizeof *l->diag);
    for (int y = 0; y < l->height; y++)
        for (int x = 0; x < l->width; x++) {
            link(l, missing, y, x, y, x + 1, BESIDE, l->right);
            link(l, missing, y, x, y + 1, x, BESIDE, l->below);
            link(l, missing, y, x, y + 1, x + 1, CORNER, l->below_right);
            link(l, missing, y, x, y + 1, x - 1, CORNER, l->below_left);
        }
}

/* A tie of the finer grid between (y, x) and (v, u): inside one cell it cancels from the diagonal. */
static void add_tie(level *c, int y, int x, int v, int u, float weight)
{
    int down = v / 2 - y / 2, across = u / 2 - x / 2;
    size_t i = at(c, y / 2, x / 2);
    if (!down && !across) c->diag[i] -= 2 * weight;
    else if (!down && across > 0) c->right[i] += weight;
    else if (down && !across) c->below[i] += weight;
    else if (down && across > 0) c->below_right[i] += weight;
    else c->below_left[i] += weight;
}

static void set_coarser(level *c, const level *f)
{
    memset(c->diag, 0, 5 * c->cells * sizeof *c->diag);
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            size_t i = at(f, y, x);
            if (f->diag[i] == 0) continue;
            c->diag[at(c, y / 2, x / 2)] += f->diag[i];
            if (f->right[i] > 0) add_tie(c, y, x, y, x + 1, f->right[i]);
            if (f->below[i] > 0) add_tie(c, y, x, y + 1, x, f->below[i]);
            if (f->below_right[i] > 0) add_tie(c, y, x, y + 1, x + 1, f->below_right[i]);
            if (f->below_left[i] > 0) add_tie(c, y, x, y + 1, x - 1, f->below_left[i]);
        }
}

void xai_imputer_set(xai_imputer *im, const bool *missing)
{
    level *l = im->levels;
    size_t n = (size_t)l->height * (size_t)l->width;
    im->missing = missing;
    im->all = true;
    for (size_t i = 0; i < n; i++) im->all = im->all && missing[i];
    set_finest(l, missing);
    for (int k = 1; k < im->count; k++) set_coarser(&im->levels[k], &im->levels[k - 1]);
    for (int k = 0; k < im->count; k++)
        for (size_t i = 0; i < im->levels[k].cells; i++)
            im->levels[k].inverse[i] = im->levels[k].diag[i] > 0 ? 1 / im->levels[k].diag[i] : 0;
}

/* The sum over the ties of cell i of weight times what `v` holds there. */
static inline cell pull(const level *l, const cell *v, size_t i)
{
    size_t w = l->stride;
    cell above = l->below_right[i - w - 1] * v[i - w - 1] + l->below[i - w] * v[i - w] +
                 l->below_left[i - w + 1] * v[i - w + 1];
    cell below = l->below_left[i] * v[i + w - 1] + l->below[i] * v[i + w] + l->below_right[i] * v[i + w + 1];
    return above + below + l->right[i] * v[i + 1] + l->right[i - 1] * v[i - 1]; /* last what a sweep has just found */
}

/* ---------------------------------------------------------------- the cycle */

static inline void relax_cell(const level *l, size_t i)
{
    if (l->diag[i] > 0) l->x[i] = (l->b[i] + pull(l, l->x, i)) * l->inverse[i];
}

/* Gauss-Seidel, from the first cell to the last or back. */
static void relax(const level *l, bool back)
{
    size_t first = at(l, 0, 0), last = at(l, l->height - 1, l->width - 1);
    if (back)
        for (size_t i = last; i >= first; i--) relax_cell(l, i);
    else
        for (size_t i = first; i <= last; i++) relax_cell(l, i);
}

static void residual(const level *l)
{
    for (size_t i = at(l, 0, 0); i <= at(l, l->height - 1, l->width - 1); i++)
        l->r[i] = l->diag[i] > 0 ? l->b[i] + pull(l, l->x, i) - l->diag[i] * l->x[i] : (cell){0};
}

static void to_coarser(const level *f, level *c)
{
    memset(c->b, 0, c->cells * sizeof *c->b);
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) c->b[at(c, y / 2, x / 2)] += f->r[at(f, y, x)];
}

/* What the coarser grid found, and more than that: cells that move as one make a grid too stiff. */
static void add_coarser(const level *f, const level *c)
{
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            size_t i = at(f, y, x);
            if (f->diag[i] > 0) f->x[i] += OVER * c->x[at(c, y / 2, x / 2)];
        }
}

/* levels[k].x = about the solution for levels[k].b, from 0; the same number of sweeps forth and back keeps it
 * symmetric. */
static void cycle(xai_imputer *im, int k)
{
    level *l = &im->levels[k];
    memset(l->x, 0, l->cells * sizeof *l->x);
    if (k + 1 == im->count) {
        for (int i = 0; i < COARSE_SWEEPS; i++) {
            relax(l, false);
            relax(l, true);
        }
        return;
    }
    relax(l, false);
    residual(l);
    to_coarser(l, &im->levels[k + 1]);
    cycle(im, k + 1);
    add_coarser(l, &im->levels[k + 1]);
    relax(l, true);
}

/* ---------------------------------------------------------------- conjugate gradients, of all planes side by side */

/* Summed row by row, and the rows in doubles. */
static sums dot(const level *l, const cell *a, const cell *b)
{
    sums all = {{0}};
    for (int y = 0; y < l->height; y++) {
        cell row = {0};
        for (size_t i = at(l, y, 0); i <= at(l, y, l->width - 1); i++) row += a[i] * b[i];
        for (int k = 0; k < PLANES; k++) all.of[k] += (double)row[k];
    }
    return all;
}

static void multiply(const level *l, const cell *p, cell *out)
{
    for (size_t i = at(l, 0, 0); i <= at(l, l->height - 1, l->width - 1); i++)
        out[i] = l->diag[i] > 0 ? l->diag[i] * p[i] - pull(l, p, i) : (cell){0};
}

static void precondition(xai_imputer *im)
{
    size_t bytes = im->levels[0].cells * sizeof *im->r;
    memcpy(im->levels[0].b, im->r, bytes);
    cycle(im, 0);
    memcpy(im->z, im->levels[0].x, bytes);
}

/* a / b where there is something to divide: a plane that is solved stays so. */
static cell quotient(sums a, sums b)
{
    cell out = {0};
    for (int k = 0; k < PLANES; k++)
        if (b.of[k] > 0) out[k] = (float)(a.of[k] / b.of[k]);
    return out;
}

/* Whether the squares `now` are at most `share` squared of `first`. */
static bool reached(sums now, sums first, double share)
{
    for (int k = 0; k < PLANES; k++)
        if (now.of[k] > share * share * first.of[k]) return false;
    return true;
}

/* x = about the solution for r, which becomes what is left of it. */
static void descend(xai_imputer *im)
{
    const level *l = im->levels;
    sums first = dot(l, im->r, im->r), before = {{0}};
    memset(im->x, 0, l->cells * sizeof *im->x);
    memset(im->p, 0, l->cells * sizeof *im->p);
    for (int step = 0; step < MOST_STEPS && !reached(dot(l, im->r, im->r), first, AT_A_TIME); step++) {
        precondition(im);
        sums now = dot(l, im->r, im->z);
        cell beta = quotient(now, before);
        for (size_t i = 0; i < l->cells; i++) im->p[i] = im->z[i] + beta * im->p[i];
        multiply(l, im->p, im->ap);
        cell alpha = quotient(now, dot(l, im->p, im->ap));
        for (size_t i = 0; i < l->cells; i++) {
            im->x[i] += alpha * im->p[i];
            im->r[i] -= alpha * im->ap[i];
        }
        before = now;
    }
}

/* ---------------------------------------------------------------- in doubles */

/* What the known neighbours of every missing pixel give. */
static void find_given(xai_imputer *im, const double *pixels)
{
    const level *l = im->levels;
    memset(im->given, 0, PLANES * l->cells * sizeof *im->given);
    for (int y = 0; y < l->height; y++)
        for (int x = 0; x < l->width; x++)
            for (int v = y - 1; v <= y + 1 && im->missing[y * l->width + x]; v++)
                for (int u = x - 1; u <= x + 1; u++) {
                    if (v < 0 || u < 0 || v >= l->height || u >= l->width || im->missing[v * l->width + u]) continue;
                    const double *known = pixels + PLANES * (v * l->width + u);
                    double weight = (double)(v == y || u == x ? BESIDE : CORNER);
                    for (int k = 0; k < PLANES; k++) im->given[PLANES * at(l, y, x) + (size_t)k] += weight * known[k];
                }
}

/* r = what is missing to a solution; the squares of it. */
static sums find_rest(xai_imputer *im)
{
    const level *l = im->levels;
    const ptrdiff_t w = (ptrdiff_t)l->stride;
    const ptrdiff_t to[8] = {-w - 1, -w, -w + 1, -1, 1, w - 1, w, w + 1};
    sums all = {{0}};
    for (size_t i = at(l, 0, 0); i <= at(l, l->height - 1, l->width - 1); i++) {
        im->r[i] = (cell){0};
        if (l->diag[i] == 0) continue;
        const float ties[8] = {l->below_right[i - l->stride - 1], l->below[i - l->stride], l->below_left[i - l->stride + 1],
                               l->right[i - 1], l->right[i], l->below_left[i], l->below[i], l->below_right[i]};
        for (int k = 0; k < PLANES; k++) {
            const double *sum = im->sum + PLANES * i + k;
            double rest = im->given[PLANES * i + (size_t)k] - (double)l->diag[i] * *sum;
            for (int n = 0; n < 8; n++) rest += (double)ties[n] * sum[PLANES * to[n]];
            im->r[i][k] = (float)rest;
            all.of[k] += rest * rest;
        }
    }
    return all;
}

static void solve(xai_imputer *im)
{
    const level *l = im->levels;
    memset(im->sum, 0, PLANES * l->cells * sizeof *im->sum);
    sums first = find_rest(im), rest = first;
    for (int round = 0; round < MOST_ROUNDS && !reached(rest, first, ENOUGH); round++) {
        descend(im);
        for (size_t i = 0; i < l->cells; i++)
            for (int k = 0; k < PLANES; k++) im->sum[PLANES * i + (size_t)k] += (double)im->x[i][k];
        rest = find_rest(im);
    }
}

void xai_imputer_fill(xai_imputer *im, double *pixels)
{
    const level *l = im->levels;
    if (im->all) memset(im->sum, 0, PLANES * l->cells * sizeof *im->sum);
    else {
        find_given(im, pixels);
        solve(im);
    }
    for (int y = 0; y < l->height; y++)
        for (int x = 0; x < l->width; x++) {
            size_t i = (size_t)y * (size_t)l->width + (size_t)x;
            if (im->missing[i]) memcpy(pixels + PLANES * i, im->sum + PLANES * at(l, y, x), PLANES * sizeof *pixels);
        }
}
