/*
 * Gaussian blur: along the columns, then along the rows, which are turned into columns for it, so that the inner loop
 * runs over neighbours in memory. The taps are added from the centre's, then pair by pair from the outside, as scipy
 * adds them. Pure.
 */
#include "blur.h"

#include <math.h>
#include <string.h>

int xai_blur_radius(double sigma) { return (int)(4 * sigma + 0.5); }

static int cut_of(const xai_blur_spec *s, double sigma) { return s->radius ? s->radius : xai_blur_radius(sigma); }

static size_t longer_side(const xai_blur_spec *s) { return (size_t)(s->height > s->width ? s->height : s->width); }

size_t xai_blur_scratch(const xai_blur_spec *s)
{
    return (size_t)cut_of(s, fmax(s->down, s->across)) + 1 + 2 * (size_t)s->height * (size_t)s->width + longer_side(s);
}

void xai_blur_kernel(double sigma, int radius, int n, double *w)
{
    double sum = 0, narrow = radius ? -0.5 / (sigma * sigma) : 0;
    for (int k = -radius; k <= radius; k++) sum += exp(narrow * (k * k));
    for (int k = 0; k <= radius && k < n; k++) w[k] = exp(narrow * (k * k)) / sum;
}

/* Row i of n, or what lies beyond the border there: another one, or `zeros`. */
static const double *row_at(const double *in, int i, int n, size_t m, xai_border border, const double *zeros)
{
    if (i >= 0 && i < n) return in + (size_t)i * m;
    if (border == XAI_BORDER_ZERO) return zeros;
    int period = border == XAI_BORDER_MIRROR ? 2 * n - 2 : 2 * n, r = period ? (i % period + period) % period : 0;
    return in + (size_t)(r < n ? r : border == XAI_BORDER_MIRROR ? period - r : period - 1 - r) * m;
}

/* Along the first axis of [n, m]. */
static void blur_columns(const xai_blur_spec *s, double sigma, const double *in, double *out, int n, size_t m, double *w,
                         const double *zeros)
{
    int radius = cut_of(s, sigma);
    xai_border border = s->border;
    xai_blur_kernel(sigma, radius, radius + 1, w);
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
        blur_columns(s, s->down, plane, one, s->height, (size_t)s->width, w, zeros);
        memcpy(plane, one, n * sizeof *plane);
    }
    if (!(s->across > 0)) return;
    transpose(plane, two, s->height, s->width);
    blur_columns(s, s->across, two, one, s->width, (size_t)s->height, w, zeros);
    transpose(one, plane, s->width, s->height);
}
