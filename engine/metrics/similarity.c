/* Correlation, of values and of ranks, and structural similarity. Pure but for the scratch arena. */
#include "similarity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 7 };

/* ---------------------------------------------------------------- ranks */

typedef struct ranked {
    double value;
    size_t at;
} ranked;

static int ascending(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* ranks[count]: from 1, the mean of their places for equal values. */
static void rank(const double *values, size_t count, ranked *list, double *ranks)
{
    for (size_t i = 0; i < count; i++) list[i] = (ranked){values[i], i};
    qsort(list, count, sizeof *list, ascending);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && list[end].value == list[i].value;) end++;
        for (size_t k = i; k < end; k++) ranks[list[k].at] = (double)(i + end + 1) / 2;
    }
}

static double mean_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    return sum / (double)count;
}

double xai_similarity_linear(const double *a, const double *b, size_t count, bool *constant)
{
    double ma = mean_of(a, count), mb = mean_of(b, count), ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < count; i++) {
        double x = a[i] - ma, y = b[i] - mb;
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    bool flat = aa <= 0 || bb <= 0;
    if (constant) *constant = flat;
    return flat ? 0 : ab / (sqrt(aa) * sqrt(bb));
}

xai_status xai_similarity_ranks(const double *a, const double *b, size_t count, xai_arena *scratch, double *out,
                                bool *constant, xai_error *err)
{
    ranked *list = XAI_NEW(scratch, ranked, count);
    double *x = XAI_NEW(scratch, double, count), *y = XAI_NEW(scratch, double, count);
    if (!list || !x || !y) XAI_NO_MEMORY(err);
    rank(a, count, list, x);
    rank(b, count, list, y);
    *out = xai_similarity_linear(x, y, count, constant);
    return XAI_OK;
}

/* ---------------------------------------------------------------- structure */

static void widen(const double *v, size_t count, double *low, double *high)
{
    for (size_t i = 0; i < count; i++) {
        *low = fmin(*low, v[i]);
        *high = fmax(*high, v[i]);
    }
}

typedef struct windows {
    const double *a, *b;
    int cols, height, width; /* of the maps' rows; of a window */
    double c1, c2;
} windows;

static double similarity_at(const windows *w, int top, int left)
{
    double a = 0, b = 0, aa = 0, bb = 0, ab = 0, n = (double)w->height * (double)w->width;
    for (int y = top; y < top + w->height; y++)
        for (int x = left; x < left + w->width; x++) {
            double p = w->a[y * w->cols + x], q = w->b[y * w->cols + x];
            a += p;
            b += q;
            aa += p * p;
            bb += q * q;
            ab += p * q;
        }
    a /= n;
    b /= n;
    double sample = n / (n - 1);
    double va = sample * (aa / n - a * a), vb = sample * (bb / n - b * b), vab = sample * (ab / n - a * b);
    return (2 * a * b + w->c1) * (2 * vab + w->c2) / ((a * a + b * b + w->c1) * (va + vb + w->c2));
}

/* Copies of the maps, scaled to a range of 1 so that no square leaves the numbers' range. */
static xai_status scaled(const double *v, size_t count, double range, xai_arena *scratch, const double **out,
                         xai_error *err)
{
    double *copy = XAI_NEW(scratch, double, count);
    if (!copy) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < count; i++) copy[i] = v[i] / range;
    *out = copy;
    return XAI_OK;
}

xai_status xai_similarity_structure(const double *a, const double *b, int rows, int cols, xai_arena *scratch,
                                    double *out, xai_error *err)
{
    size_t count = (size_t)rows * (size_t)cols;
    double low = INFINITY, high = -INFINITY;
    widen(a, count, &low, &high);
    widen(b, count, &low, &high);
    *out = high > low ? 0 : 1;
    if (rows < SIDE || cols < SIDE) {
        cols = (int)count;
        rows = 1;
    }
    if (high > low && cols < SIDE) *out = memcmp(a, b, count * sizeof *a) == 0;
    if (high <= low || cols < SIDE) return XAI_OK;
    windows w = {.cols = cols, .height = rows == 1 ? 1 : SIDE, .width = SIDE, .c1 = 1e-4, .c2 = 9e-4};
    XAI_TRY(scaled(a, count, high - low, scratch, &w.a, err));
    XAI_TRY(scaled(b, count, high - low, scratch, &w.b, err));
    double sum = 0;
    for (int y = 0; y + w.height <= rows; y++)
        for (int x = 0; x + w.width <= cols; x++) sum += similarity_at(&w, y, x);
    *out = sum / ((double)(rows - w.height + 1) * (double)(cols - w.width + 1));
    return XAI_OK;
}

/* ---------------------------------------------------------------- maps */

static xai_status prepare(const float *map, size_t count, bool absolute, xai_arena *scratch, double **out,
                         xai_error *err)
{
    double most = 0;
    if (!(*out = XAI_NEW(scratch, double, count))) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)map[i]));
    for (size_t i = 0; i < count; i++) {
        double v = most > 0 ? (double)map[i] / most : 0;
        (*out)[i] = absolute ? fabs(v) : v;
    }
    return XAI_OK;
}

xai_status xai_similarity_maps(xai_similarity how, const xai_map_pair *p, xai_arena *scratch, double *out,
                               xai_error *err)
{
    size_t count = (size_t)p->rows * (size_t)p->cols;
    bool flat = how == XAI_SIMILARITY_SSIM_ROWS;
    double *a, *b;
    XAI_TRY(prepare(p->a, count, p->absolute, scratch, &a, err));
    XAI_TRY(prepare(p->b, count, p->absolute, scratch, &b, err));
    if (how == XAI_SIMILARITY_SPEARMAN) return xai_similarity_ranks(a, b, count, scratch, out, NULL, err);
    return xai_similarity_structure(a, b, flat ? 1 : p->rows, flat ? (int)count : p->cols, scratch, out, err);
}
