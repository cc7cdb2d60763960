/* The solver of noisy linear imputation. An imputer belongs to one thread at a time. */
#include "impute.h"

#include <math.h>
#include <string.h>

enum { MOST_LEVELS = 16, COARSEST = 16, COARSE_SWEEPS = 8, MOST_STEPS = 400 };
static const double BESIDE = 1.0 / 6, CORNER = 1.0 / 12, ENOUGH = 1e-8, OVER = 1.8;

/* One grid. The matrix is D - W: `diag`, and the weights to the neighbours to the right, below, and below on either side;
 * those to the others are the same numbers seen from there. A cell without unknowns has diag 0. */
typedef struct level {
    int height, width;
    double *diag, *right, *below, *below_right, *below_left;
    double *x, *b, *r;
} level;

struct xai_imputer {
    level levels[MOST_LEVELS];
    int count;
    bool all; /* nothing is known */
    const bool *missing;
    double *x, *r, *z, *p, *ap;
};

static bool make_level(level *l, xai_arena *arena, int height, int width)
{
    size_t n = (size_t)height * (size_t)width;
    double *room = XAI_NEW(arena, double, 8 * n);
    if (!room) return false;
    *l = (level){height, width, room, room + n, room + 2 * n, room + 3 * n, room + 4 * n, room + 5 * n, room + 6 * n,
                 room + 7 * n};
    return true;
}

xai_imputer *xai_imputer_new(xai_arena *arena, int height, int width)
{
    xai_imputer *im = XAI_NEW(arena, xai_imputer, 1);
    size_t n = (size_t)height * (size_t)width;
    double *room = XAI_NEW(arena, double, 5 * n);
    if (!im || !room) return NULL;
    im->x = room;
    im->r = room + n;
    im->z = room + 2 * n;
    im->p = room + 3 * n;
    im->ap = room + 4 * n;
    for (;;) {
        if (!make_level(&im->levels[im->count++], arena, height, width)) return NULL;
        if (height * width <= COARSEST || im->count == MOST_LEVELS) return im;
        height = (height + 1) / 2;
        width = (width + 1) / 2;
    }
}

/* ---------------------------------------------------------------- matrices */

/* The link from pixel i to a neighbour: both lose the weight, and if both are missing they are tied by it. */
static void link(level *l, const bool *missing, size_t i, size_t other, double weight, double *tie)
{
    if (missing[i]) l->diag[i] += weight;
    if (missing[other]) l->diag[other] += weight;
    if (missing[i] && missing[other]) *tie = weight;
}

static void set_finest(level *l, const bool *missing)
{
    int h = l->height, w = l->width;
    memset(l->diag, 0, 5 * (size_t)h * (size_t)w * sizeof(double));
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            size_t i = (size_t)y * (size_t)w + (size_t)x, down = i + (size_t)w;
            if (x + 1 < w) link(l, missing, i, i + 1, BESIDE, &l->right[i]);
            if (y + 1 < h) link(l, missing, i, down, BESIDE, &l->below[i]);
            if (y + 1 < h && x + 1 < w) link(l, missing, i, down + 1, CORNER, &l->below_right[i]);
            if (y + 1 < h && x > 0) link(l, missing, i, down - 1, CORNER, &l->below_left[i]);
        }
}

/* A tie of the finer grid between (y, x) and (v, u): inside one cell it cancels from the diagonal. */
static void add_tie(level *c, int y, int x, int v, int u, double weight)
{
    int top = y / 2, left = x / 2, down = v / 2 - top, across = u / 2 - left;
    size_t i = (size_t)top * (size_t)c->width + (size_t)left;
    if (!down && !across) c->diag[i] -= 2 * weight;
    else if (!down && across > 0) c->right[i] += weight;
    else if (down && !across) c->below[i] += weight;
    else if (down && across > 0) c->below_right[i] += weight;
    else c->below_left[i] += weight;
}

static void set_coarser(level *c, const level *f)
{
    int h = f->height, w = f->width;
    memset(c->diag, 0, 5 * (size_t)c->height * (size_t)c->width * sizeof(double));
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            size_t i = (size_t)y * (size_t)w + (size_t)x;
            if (f->diag[i] == 0) continue;
            c->diag[(size_t)(y / 2) * (size_t)c->width + (size_t)(x / 2)] += f->diag[i];
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
}

/* The sum over the ties of cell i = (y, x) of weight times what `v` holds there. */
static inline double pull(const level *l, const double *v, size_t i, int y, int x)
{
    size_t w = (size_t)l->width;
    bool left = x > 0, right = x + 1 < l->width;
    double sum = 0;
    if (y > 0) {
        if (left) sum += l->below_right[i - w - 1] * v[i - w - 1];
        sum += l->below[i - w] * v[i - w];
        if (right) sum += l->below_left[i - w + 1] * v[i - w + 1];
    }
    if (left) sum += l->right[i - 1] * v[i - 1];
    if (right) sum += l->right[i] * v[i + 1];
    if (y + 1 < l->height) {
        if (left) sum += l->below_left[i] * v[i + w - 1];
        sum += l->below[i] * v[i + w];
        if (right) sum += l->below_right[i] * v[i + w + 1];
    }
    return sum;
}

/* ---------------------------------------------------------------- the cycle */

static void relax_cell(const level *l, size_t i, int y, int x)
{
    if (l->diag[i] > 0) l->x[i] = (l->b[i] + pull(l, l->x, i, y, x)) / l->diag[i];
}

/* Gauss-Seidel, from the first cell to the last or back. */
static void relax(const level *l, bool back)
{
    for (int k = 0; k < l->height; k++) {
        int y = back ? l->height - 1 - k : k;
        size_t row = (size_t)y * (size_t)l->width;
        for (int m = 0; m < l->width; m++) {
            int x = back ? l->width - 1 - m : m;
            relax_cell(l, row + (size_t)x, y, x);
        }
    }
}

static void residual(const level *l)
{
    for (int y = 0; y < l->height; y++)
        for (int x = 0; x < l->width; x++) {
            size_t i = (size_t)y * (size_t)l->width + (size_t)x;
            l->r[i] = l->diag[i] > 0 ? l->b[i] + pull(l, l->x, i, y, x) - l->diag[i] * l->x[i] : 0;
        }
}

static void to_coarser(const level *f, level *c)
{
    memset(c->b, 0, (size_t)c->height * (size_t)c->width * sizeof *c->b);
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++)
            c->b[(size_t)(y / 2) * (size_t)c->width + (size_t)(x / 2)] += f->r[(size_t)y * (size_t)f->width + (size_t)x];
}

/* What the coarser grid found, and more than that: cells that move as one make a grid too stiff. */
static void add_coarser(const level *f, const level *c)
{
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            size_t i = (size_t)y * (size_t)f->width + (size_t)x;
            if (f->diag[i] > 0) f->x[i] += OVER * c->x[(size_t)(y / 2) * (size_t)c->width + (size_t)(x / 2)];
        }
}

/* levels[k].x = about the solution for levels[k].b, from 0; the same number of sweeps forth and back keeps it
 * symmetric. */
static void cycle(xai_imputer *im, int k)
{
    level *l = &im->levels[k];
    memset(l->x, 0, (size_t)l->height * (size_t)l->width * sizeof *l->x);
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

/* ---------------------------------------------------------------- conjugate gradients */

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* r = what the known neighbours give. */
static void right_side(const xai_imputer *im, const double *plane)
{
    const level *l = im->levels;
    for (int y = 0; y < l->height; y++)
        for (int x = 0; x < l->width; x++) {
            size_t i = (size_t)y * (size_t)l->width + (size_t)x;
            double sum = 0;
            for (int v = y - 1; v <= y + 1 && im->missing[i]; v++)
                for (int u = x - 1; u <= x + 1; u++) {
                    if (v < 0 || u < 0 || v >= l->height || u >= l->width) continue;
                    size_t other = (size_t)v * (size_t)l->width + (size_t)u;
                    if (!im->missing[other]) sum += (v == y || u == x ? BESIDE : CORNER) * plane[other];
                }
            im->r[i] = sum;
        }
}

static void multiply(const level *l, const double *p, double *out)
{
    for (int y = 0; y < l->height; y++)
        for (int x = 0; x < l->width; x++) {
            size_t i = (size_t)y * (size_t)l->width + (size_t)x;
            out[i] = l->diag[i] > 0 ? l->diag[i] * p[i] - pull(l, p, i, y, x) : 0;
        }
}

static void precondition(xai_imputer *im, size_t n)
{
    memcpy(im->levels[0].b, im->r, n * sizeof *im->r);
    cycle(im, 0);
    memcpy(im->z, im->levels[0].x, n * sizeof *im->z);
}

static void solve(xai_imputer *im, size_t n)
{
    double goal = ENOUGH * ENOUGH * dot(im->r, im->r, n), rz = 0;
    memset(im->x, 0, n * sizeof *im->x);
    memset(im->p, 0, n * sizeof *im->p);
    for (int step = 0; step < MOST_STEPS && dot(im->r, im->r, n) > goal; step++) {
        precondition(im, n);
        double now = dot(im->r, im->z, n), beta = step ? now / rz : 0;
        for (size_t i = 0; i < n; i++) im->p[i] = im->z[i] + beta * im->p[i];
        multiply(&im->levels[0], im->p, im->ap);
        double alpha = now / dot(im->p, im->ap, n);
        for (size_t i = 0; i < n; i++) {
            im->x[i] += alpha * im->p[i];
            im->r[i] -= alpha * im->ap[i];
        }
        rz = now;
    }
}

void xai_imputer_fill(xai_imputer *im, double *plane)
{
    size_t n = (size_t)im->levels[0].height * (size_t)im->levels[0].width;
    if (im->all) {
        memset(plane, 0, n * sizeof *plane);
        return;
    }
    right_side(im, plane);
    solve(im, n);
    for (size_t i = 0; i < n; i++)
        if (im->missing[i]) plane[i] = im->x[i];
}
