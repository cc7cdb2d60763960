/*
 * Graph-based superpixels: edges sorted by length, regions as trees whose root is their first pixel. Pure but for its
 * memory.
 */
#include "felzenszwalb.h"

#include "blur.h"

#include <math.h>
#include <stdlib.h>

typedef struct edge {
    double length;
    int32_t a, b; /* pixels */
    int32_t rank; /* in the list, before it is sorted */
} edge;

typedef struct forest {
    int32_t *parent; /* by pixel: not larger than the pixel; a root is its own */
    int32_t *size;   /* by root */
    double *inside;  /* by root: the longest edge that was merged */
} forest;

/* ---------------------------------------------------------------- edges */

static double distance(const xai_felzenszwalb *job, const double *planes, int32_t a, int32_t b)
{
    size_t area = (size_t)job->height * (size_t)job->width;
    double sum = 0;
    for (int c = 0; c < job->channels; c++) {
        double d = planes[(size_t)c * area + (size_t)a] - planes[(size_t)c * area + (size_t)b];
        sum += d * d;
    }
    return sqrt(sum);
}

/* The edges in one direction, row by row. */
static size_t add_edges(const xai_felzenszwalb *job, const double *planes, int dy, int dx, edge *edges, size_t n)
{
    for (int y = 0; y + dy < job->height; y++)
        for (int x = dx < 0 ? 1 : 0; x + (dx > 0 ? dx : 0) < job->width; x++) {
            int32_t a = (int32_t)(y * job->width + x), b = a + (int32_t)(dy * job->width + dx);
            edges[n] = (edge){distance(job, planes, a, b), a, b, (int32_t)n};
            n++;
        }
    return n;
}

static int by_length(const void *x, const void *y)
{
    const edge *a = x, *b = y;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

/* ---------------------------------------------------------------- regions */

static int32_t root_of(forest *f, int32_t i)
{
    while (f->parent[i] != i) {
        f->parent[i] = f->parent[f->parent[i]];
        i = f->parent[i];
    }
    return i;
}

static void join(forest *f, int32_t a, int32_t b, double length)
{
    int32_t root = a < b ? a : b, other = a < b ? b : a;
    f->parent[other] = root;
    f->size[root] += f->size[other];
    f->inside[root] = length;
}

/* In float32, as skimage keeps it. */
static double most_for(const forest *f, int32_t root, double scale)
{
    return (double)(float)(f->inside[root] + scale / (double)f->size[root]);
}

static void merge(const xai_felzenszwalb *job, double scale, forest *f, const edge *edges, size_t n)
{
    for (int32_t i = 0; i < job->height * job->width; i++) {
        f->parent[i] = i;
        f->size[i] = 1;
        f->inside[i] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        int32_t a = root_of(f, edges[i].a), b = root_of(f, edges[i].b);
        if (a == b || edges[i].length >= fmin(most_for(f, a, scale), most_for(f, b, scale))) continue;
        join(f, a, b, edges[i].length);
    }
    for (size_t i = 0; i < n; i++) {
        int32_t a = root_of(f, edges[i].a), b = root_of(f, edges[i].b);
        if (a != b && (f->size[a] < job->min_size || f->size[b] < job->min_size)) join(f, a, b, edges[i].length);
    }
}

static int32_t number(forest *f, int32_t pixels, int32_t *labels)
{
    int32_t count = 0;
    for (int32_t i = 0; i < pixels; i++) {
        int32_t root = root_of(f, i);
        labels[i] = root == i ? count++ : labels[root]; /* the root comes first */
    }
    return count;
}

/* ---------------------------------------------------------------- the whole */

static size_t list_edges(const xai_felzenszwalb *job, const double *planes, edge *edges)
{
    size_t n = add_edges(job, planes, 0, 1, edges, 0);
    n = add_edges(job, planes, 1, 0, edges, n);
    n = add_edges(job, planes, 1, 1, edges, n);
    n = add_edges(job, planes, 1, -1, edges, n);
    qsort(edges, n, sizeof *edges, by_length);
    return n;
}

static xai_blur_spec blur_of(const xai_felzenszwalb *job)
{
    return (xai_blur_spec){job->height, job->width, job->sigma, job->sigma, XAI_BORDER_REFLECT, 0};
}

/* The edges are the same for all scales. */
static void segment(const xai_felzenszwalb *job, double *planes, double *scratch, edge *edges, forest *f,
                    int32_t *labels, int32_t *counts)
{
    size_t pixels = (size_t)job->height * (size_t)job->width;
    xai_blur_spec blur = blur_of(job);
    for (int c = 0; c < job->channels; c++) xai_blur(&blur, planes + (size_t)c * pixels, scratch);
    size_t n = list_edges(job, planes, edges);
    for (size_t k = 0; k < job->scale_count; k++) {
        merge(job, job->scales[k] / 255, f, edges, n);
        counts[k] = number(f, (int32_t)pixels, labels + k * pixels);
    }
}

xai_status xai_felzenszwalb_run(const xai_felzenszwalb *job, double *planes, int32_t *labels, int32_t *counts,
                                xai_error *err)
{
    size_t pixels = (size_t)job->height * (size_t)job->width;
    xai_blur_spec blur = blur_of(job);
    double *scratch = malloc(xai_blur_scratch(&blur) * sizeof *scratch);
    edge *edges = malloc(4 * pixels * sizeof *edges);
    forest f = {malloc(pixels * sizeof *f.parent), malloc(pixels * sizeof *f.size), malloc(pixels * sizeof *f.inside)};
    xai_status status = XAI_OK;
    if (!scratch || !edges || !f.parent || !f.size || !f.inside)
        status = XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    else
        segment(job, planes, scratch, edges, &f, labels, counts);
    free(scratch);
    free(edges);
    free(f.parent);
    free(f.size);
    free(f.inside);
    return status;
}
