/*
 * Quick shift: every pixel steps to the nearest one in sight that is denser, if it is near enough; those that come to
 * the same peak are one segment. Density is a Gaussian's sum over a window in colour and place.
 *
 * Vedaldi and Soatto, "Quick Shift and Kernel Methods for Mode Seeking", ECCV 2008. As scikit-image's `quickshift`: the
 * window reaches three kernel sizes, colour is L*a*b* times `ratio`, and densities get noise of 1e-5 that breaks ties.
 * Theirs comes from numpy's generator, ours from base/rng.h: so labels can differ where densities are as near as that,
 * which is in plain areas. One thread.
 */
#include "base/rng.h"
#include "lab.h"
#include "segment.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOISE 1e-5
enum { NOISE_SEED = 42 };

typedef struct shift {
    int height, width, reach;
    double scale; /* -1 / (2 kernel_size^2) */
    double *colour, *density;
    size_t *parent;
} shift;

static int at_least(int v, int low) { return v > low ? v : low; }
static int at_most(int v, int high) { return v < high ? v : high; }

static double squared_distance(const shift *s, int y, int x, int v, int u)
{
    const double *p = s->colour + 3 * ((size_t)y * (size_t)s->width + (size_t)x);
    const double *q = s->colour + 3 * ((size_t)v * (size_t)s->width + (size_t)u);
    double a = p[0] - q[0], b = p[1] - q[1], c = p[2] - q[2], dy = y - v, dx = x - u;
    return a * a + b * b + c * c + dy * dy + dx * dx;
}

static void measure(const shift *s, int y, int x)
{
    double *density = s->density + (size_t)y * (size_t)s->width + (size_t)x;
    for (int v = at_least(y - s->reach, 0); v < at_most(y + s->reach + 1, s->height); v++)
        for (int u = at_least(x - s->reach, 0); u < at_most(x + s->reach + 1, s->width); u++)
            *density += exp(squared_distance(s, y, x, v, u) * s->scale);
}

static void step(const shift *s, int y, int x, double max_dist)
{
    size_t width = (size_t)s->width, at = (size_t)y * width + (size_t)x;
    double closest = DBL_MAX;
    s->parent[at] = at;
    for (int v = at_least(y - s->reach, 0); v < at_most(y + s->reach + 1, s->height); v++)
        for (int u = at_least(x - s->reach, 0); u < at_most(x + s->reach + 1, s->width); u++) {
            size_t to = (size_t)v * width + (size_t)u;
            if (!(s->density[to] > s->density[at])) continue;
            double distance = squared_distance(s, y, x, v, u);
            if (distance >= closest) continue;
            closest = distance;
            s->parent[at] = to;
        }
    if (sqrt(closest) > max_dist) s->parent[at] = at;
}

/* Numbers the peaks in their order; a parent is denser than its child, so that paths end. */
static void number(const shift *s, int32_t *labels, int *count)
{
    size_t pixels = (size_t)s->height * (size_t)s->width;
    *count = 0;
    for (size_t i = 0; i < pixels; i++)
        if (s->parent[i] == i) labels[i] = (*count)++;
    for (size_t i = 0; i < pixels; i++) {
        size_t root = i;
        while (s->parent[root] != root) root = s->parent[root];
        labels[i] = labels[root];
        for (size_t at = i; s->parent[at] != root && at != root;) { /* shorten the path behind us */
            size_t next = s->parent[at];
            s->parent[at] = root;
            at = next;
        }
    }
}

static xai_status run(shift *s, double max_dist, const xai_token *token, int32_t *labels, int *count, xai_error *err)
{
    size_t pixels = (size_t)s->height * (size_t)s->width;
    xai_rng rng = xai_rng_init(NOISE_SEED, 0);
    for (size_t i = 0; i < pixels; i++) s->density[i] = NOISE * xai_rng_normal(&rng);
    for (int y = 0; y < s->height; y++) {
        XAI_TRY(xai_token_check(token, err));
        for (int x = 0; x < s->width; x++) measure(s, y, x);
    }
    for (int y = 0; y < s->height; y++) {
        XAI_TRY(xai_token_check(token, err));
        for (int x = 0; x < s->width; x++) step(s, y, x, max_dist);
    }
    number(s, labels, count);
    return XAI_OK;
}

xai_status xai_segment_quickshift(const xai_picture *picture, const xai_quickshift *how, const xai_token *token,
                                  int32_t *labels, int *count, xai_error *err)
{
    size_t pixels = (size_t)picture->height * (size_t)picture->width;
    shift s = {.height = picture->height, .width = picture->width, .reach = (int)ceil(3 * how->kernel_size),
               .scale = -0.5 / (how->kernel_size * how->kernel_size)};
    s.colour = malloc(4 * pixels * sizeof *s.colour);
    s.parent = malloc(pixels * sizeof *s.parent);
    xai_status status;
    if (!s.colour || !s.parent) {
        status = XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    } else {
        s.density = s.colour + 3 * pixels;
        memcpy(s.colour, picture->rgb, 3 * pixels * sizeof *s.colour);
        xai_rgb_to_lab(s.colour, pixels);
        for (size_t i = 0; i < 3 * pixels; i++) s.colour[i] *= how->ratio;
        status = run(&s, how->max_dist, token, labels, count, err);
    }
    free(s.colour);
    free(s.parent);
    return status;
}
