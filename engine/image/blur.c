/*
 * Gaussian blur: along the columns, then along the rows, which are turned into columns for it, so that the inner loop
 * runs over neighbours in memory. The taps are added from the centre's, then pair by pair from the outside, as scipy
 * adds them. Pure.
 */
#include "blur.h"

#include <math.h>
#include <string.h>

static int radius_of(double sigma) { return (int)(4 * sigma + 0.5); }

static size_t longer_side(const xai_blur_spec *s) { return (size_t)(s->height > s->width ? s->height : s->width); }

size_t xai_blur_scratch(const xai_blur_spec *s)
{
    return (size_t)radius_of(fmax(s->down, s->across)) + 1 + 2 * (size_t)s->height * (size_t)s->width + longer_side(s);
}

/* w[k] of the taps at distance k; all taps sum to 1. */
static void make_kernel(double sigma, int radius, double *w)
{
    double sum = 0;
    for (int k = -radius; k <= radius; k++) sum += exp(-0.5 / (sigma * sigma) * (k * k));
    for (int k = 0; k <= radius; k++) w[k] = exp(-0.5 / (sigma * sigma) * (k * k)) / sum;
}

/* Row i of n, or what lies beyond the border there: another one, or `zeros`. */
static const double *row_at(const double *in, int i, int n, size_t m, xai_border border, const double *zeros)
{
    if (i >= 0 && i < n) return in + (size_t)i * m;
    if (border == XAI_BORDER_ZERO) return zeros;
    int period = 2 * n, r = (i % period + period) % period;
    return in + (size_t)(r < n ? r : period - 1 - r) * m;
}

/* Along the first axis of [n, m]. */
static void blur_columns(const double *in, double *out, int n, size_t m, double sigma, xai_border border, double *w,
                         const double *zeros)
{
    int radius = radius_of(sigma);
    make_kernel(sigma, radius, w);
    for (int i = 0; i < n; i++) {
        const double *centre = in + (size_t)i * m;
        double *to = out + (size_t)i * m;
        for (size_t x = 0; x < m; x++) to[x] = centre[x] * w[0];
        for (int k = radius; k >= 1; k--) {
            const double *a = row_at(in, i - k, n, m, border, zeros), *b = row_at(in, i + k, n, m, border, zeros);
            if (a == zeros && b == zeros) continue;
            for (size_t x = 0; x < m; x++) to[x] += (a[x] + b[x]) * w[k];
        }
    }
}

static void transpose(const double *in, double *out, int rows, int cols)
{
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < cols; x++) out[(size_t)x * (size_t)rows + (size_t)y] = in[(size_t)y * (size_t)cols + (size_t)x];
}

void xai_blur(const xai_blur_spec *s, double *plane, double *scratch)
{
    size_t n = (size_t)s->height * (size_t)s->width;
    double *one = scratch, *two = one + n, *zeros = two + n, *w = zeros + longer_side(s);
    memset(zeros, 0, longer_side(s) * sizeof *zeros);
    if (s->down > 0) {
        blur_columns(plane, one, s->height, (size_t)s->width, s->down, s->border, w, zeros);
        memcpy(plane, one, n * sizeof *plane);
    }
    if (!(s->across > 0)) return;
    transpose(plane, two, s->height, s->width);
    blur_columns(two, one, s->width, (size_t)s->height, s->across, s->border, w, zeros);
    transpose(one, plane, s->width, s->height);
}
