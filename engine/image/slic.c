/*
 * SLIC: k-means in colour and place, each centre looking two steps around itself; then patches that hang together.
 *
 *     D(pixel, centre) = |place - place_c|^2 / step^2 + |lab - lab_c|^2 / compactness^2
 *
 * Achanta et al., "SLIC Superpixels Compared to State-of-the-art Superpixel Methods", TPAMI 2012. As scikit-image's
 * `slic` does it, with its quirks: the picture is stretched to [0, 1] and goes to L*a*b* before the blur; centres begin
 * without colour, ten rounds at most; components below half the mean size join the neighbour that was met last, and a
 * component is cut off at three times the mean size. A centre that lost all its pixels stays without any. One thread.
 */
#include "blur.h"
#include "lab.h"
#include "segment.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 10, FEATURES = 5 /* y, x, and three of colour */ };

typedef struct axis {
    int start, step, count;
} axis;

typedef struct slic {
    int height, width;
    double *lab; /* height * width * 3, scaled by 1 / compactness */
    axis y, x;
    double *centres; /* count * FEATURES */
    int count;
    double step;
    double *distance;
    int32_t *nearest; /* -1: none yet */
    int32_t *labels;
} slic;

/* ---------------------------------------------------------------- preparation */

static void stretch(const xai_picture *p, double *out)
{
    size_t n = (size_t)p->height * (size_t)p->width * 3;
    double low = p->rgb[0], high = low;
    for (size_t i = 1; i < n; i++) {
        low = p->rgb[i] < low ? p->rgb[i] : low;
        high = p->rgb[i] > high ? p->rgb[i] : high;
    }
    for (size_t i = 0; i < n; i++) out[i] = high > low ? (p->rgb[i] - low) / (high - low) : 0;
}

/* Along the depth of 1 too, as the library does. */
static xai_status blur(slic *s, double sigma, xai_error *err)
{
    if (sigma <= 0) return XAI_OK;
    size_t n = (size_t)s->height * (size_t)s->width;
    xai_blur_spec depth = {1, (int)n, sigma, 0, XAI_BORDER_REFLECT, 0};
    xai_blur_spec plane = {s->height, s->width, sigma, sigma, XAI_BORDER_REFLECT, 0};
    double *one = malloc((n + xai_blur_scratch(&depth)) * sizeof *one);
    if (!one) XAI_NO_MEMORY(err);
    double *scratch = one + n; /* the plane asks for less than its line */
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < n; i++) one[i] = s->lab[3 * i + c];
        xai_blur(&depth, one, scratch);
        xai_blur(&plane, one, scratch);
        for (size_t i = 0; i < n; i++) s->lab[3 * i + c] = one[i];
    }
    free(one);
    return XAI_OK;
}

/* Points about evenly spaced, `wanted` in all, at least one along each axis. */
static void lay_grid(int height, int width, double wanted, axis *y, axis *x)
{
    axis *small = height <= width ? y : x, *large = height <= width ? x : y;
    int shorter = height <= width ? height : width, longer = height <= width ? width : height;
    *y = *x = (axis){0, 1, 0};
    if ((double)height * width > wanted) {
        double a = sqrt((double)height * width / wanted), b = a;
        if (shorter < a) {
            a = shorter;
            b = longer / wanted;
        }
        *small = (axis){(int)floor(a / 2), (int)rint(a), 0};
        *large = (axis){(int)floor(b / 2), (int)rint(b), 0};
    }
    y->count = (height - y->start + y->step - 1) / y->step;
    x->count = (width - x->start + x->step - 1) / x->step;
}

static xai_status place_centres(slic *s, int wanted, xai_error *err)
{
    lay_grid(s->height, s->width, wanted, &s->y, &s->x);
    s->count = s->y.count * s->x.count;
    s->centres = calloc((size_t)s->count * (FEATURES + 1), sizeof *s->centres);
    if (!s->centres) XAI_NO_MEMORY(err);
    for (int i = 0; i < s->count; i++) {
        s->centres[i * FEATURES] = s->y.start + i / s->x.count * s->y.step;
        s->centres[i * FEATURES + 1] = s->x.start + i % s->x.count * s->x.step;
    }
    s->step = s->y.step > s->x.step ? s->y.step : s->x.step;
    lay_grid(s->height, s->width, s->count, &s->y, &s->x); /* the window goes by the centres that there are */
    return XAI_OK;
}

/* ---------------------------------------------------------------- clustering */

static int clamped(double v, int high) { return v < 0 ? 0 : v > high ? high : (int)v; }

static bool claim(slic *s, int k)
{
    const double *c = s->centres + (size_t)k * FEATURES, weight = 1 / (s->step * s->step);
    bool changed = false;
    if (isnan(c[0])) return false;
    int bottom = clamped(c[0] + 2 * s->y.step + 1, s->height), right = clamped(c[1] + 2 * s->x.step + 1, s->width);
    for (int y = clamped(c[0] - 2 * s->y.step, s->height); y < bottom; y++)
        for (int x = clamped(c[1] - 2 * s->x.step, s->width); x < right; x++) {
            size_t at = (size_t)y * (size_t)s->width + (size_t)x;
            const double *p = s->lab + 3 * at;
            double dy = c[0] - y, dx = c[1] - x, colour = 0;
            for (int i = 0; i < 3; i++) colour += (p[i] - c[i + 2]) * (p[i] - c[i + 2]);
            double distance = (dy * dy + dx * dx) * weight + colour;
            if (s->distance[at] <= distance) continue;
            s->distance[at] = distance;
            s->nearest[at] = k;
            changed = true;
        }
    return changed;
}

static void move_centres(slic *s)
{
    double *sizes = s->centres + (size_t)s->count * FEATURES;
    memset(s->centres, 0, (size_t)s->count * (FEATURES + 1) * sizeof *s->centres);
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++) {
            size_t at = (size_t)y * (size_t)s->width + (size_t)x;
            if (s->nearest[at] < 0) continue;
            double *c = s->centres + (size_t)s->nearest[at] * FEATURES;
            sizes[s->nearest[at]]++;
            c[0] += y;
            c[1] += x;
            for (int i = 0; i < 3; i++) c[i + 2] += s->lab[3 * at + (size_t)i];
        }
    for (int k = 0; k < s->count; k++)
        for (int i = 0; i < FEATURES; i++) s->centres[k * FEATURES + i] /= sizes[k]; /* 0 / 0: gone */
}

static xai_status cluster(slic *s, const xai_token *token, xai_error *err)
{
    size_t pixels = (size_t)s->height * (size_t)s->width;
    for (size_t i = 0; i < pixels; i++) s->nearest[i] = -1;
    for (int round = 0; round < ROUNDS; round++) {
        XAI_TRY(xai_token_check(token, err));
        bool changed = false;
        for (size_t i = 0; i < pixels; i++) s->distance[i] = DBL_MAX;
        for (int k = 0; k < s->count; k++) changed |= claim(s, k);
        if (!changed) break;
        move_centres(s);
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- components */

typedef struct component {
    size_t *pixels; /* room for `most` */
    size_t size, most;
    int32_t label, adjacent;
} component;

static void visit(slic *s, component *c, size_t from, size_t at)
{
    if (s->nearest[at] == s->nearest[from] && s->labels[at] < 0) {
        s->labels[at] = c->label;
        c->pixels[c->size++] = at;
    } else if (s->labels[at] >= 0 && s->labels[at] != c->label) {
        c->adjacent = s->labels[at];
    }
}

/* Breadth first from one pixel: right, left, below, above. */
static void grow(slic *s, component *c, size_t start)
{
    size_t width = (size_t)s->width, height = (size_t)s->height;
    c->adjacent = c->label;
    s->labels[start] = c->label;
    c->pixels[0] = start;
    c->size = 1;
    for (size_t seen = 0; seen < c->size && c->size < c->most; seen++) {
        size_t at = c->pixels[seen], y = at / width, x = at % width;
        if (x + 1 < width) visit(s, c, at, at + 1);
        if (c->size < c->most && x > 0) visit(s, c, at, at - 1);
        if (c->size < c->most && y + 1 < height) visit(s, c, at, at + width);
        if (c->size < c->most && y > 0) visit(s, c, at, at - width);
    }
}

static xai_status connect(slic *s, int *count, xai_error *err)
{
    size_t pixels = (size_t)s->height * (size_t)s->width;
    double mean = (double)pixels / s->count;
    size_t least = (size_t)(0.5 * mean);
    component c = {.most = (size_t)(3 * mean)};
    c.pixels = malloc((c.most + 1) * sizeof *c.pixels);
    if (!c.pixels) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < pixels; i++) s->labels[i] = -1;
    for (size_t i = 0; i < pixels; i++) {
        if (s->labels[i] >= 0) continue;
        grow(s, &c, i);
        if (c.size >= least) c.label++;
        else
            for (size_t k = 0; k < c.size; k++) s->labels[c.pixels[k]] = c.adjacent;
    }
    *count = 0;
    for (size_t i = 0; i < pixels; i++) *count = s->labels[i] >= *count ? s->labels[i] + 1 : *count;
    free(c.pixels);
    return XAI_OK;
}

static xai_status run(slic *s, const xai_picture *picture, const xai_slic *how, const xai_token *token, int *count,
                      xai_error *err)
{
    size_t pixels = (size_t)s->height * (size_t)s->width;
    s->lab = malloc(pixels * 3 * sizeof *s->lab);
    s->distance = malloc(pixels * sizeof *s->distance);
    s->nearest = malloc(pixels * sizeof *s->nearest);
    if (!s->lab || !s->distance || !s->nearest) XAI_NO_MEMORY(err);
    stretch(picture, s->lab);
    xai_rgb_to_lab(s->lab, pixels);
    XAI_TRY(blur(s, how->sigma, err));
    double ratio = 1 / how->compactness;
    for (size_t i = 0; i < 3 * pixels; i++) s->lab[i] *= ratio;
    XAI_TRY(place_centres(s, how->segments, err));
    XAI_TRY(cluster(s, token, err));
    return connect(s, count, err);
}

xai_status xai_segment_slic(const xai_picture *picture, const xai_slic *how, const xai_token *token, int32_t *labels,
                            int *count, xai_error *err)
{
    slic s = {.height = picture->height, .width = picture->width, .labels = labels};
    xai_status status = run(&s, picture, how, token, count, err);
    free(s.lab);
    free(s.distance);
    free(s.nearest);
    free(s.centres);
    return status;
}
