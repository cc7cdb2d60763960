/* Cubic B-splines: coefficients by a recursive filter, then four taps an axis; one axis after the other. Pure. */
#include "spline.h"

#include "blur.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAD = 12 }; /* zeros at both ends of a line, as scipy has them: beyond, the filter's memory is below 1e-6 */

/* The coefficients of the spline through n values, in place: one pass forwards, one back, mirrored at the ends. */
static void filter_line(double *c, int n)
{
    const double pole = sqrt(3.0) - 2;
    for (int i = 0; i < n; i++) c[i] *= (1 - pole) * (1 - 1 / pole);
    double power = pole, last = pow(pole, n - 1), sum = c[0] + last * c[n - 1];
    for (int i = 1; i < n - 1; i++, power *= pole) sum += power * (c[i] + last * c[n - 1 - i]);
    c[0] = sum / (1 - last * last);
    for (int i = 1; i < n; i++) c[i] += pole * c[i - 1];
    c[n - 1] = (pole * c[n - 2] + c[n - 1]) * pole / (pole * pole - 1);
    for (int i = n - 2; i >= 0; i--) c[i] = pole * (c[i + 1] - c[i]);
}

/* Where the centre of pixel i of out_n lies among n. */
static double centre(int n, int out_n, int i) { return (i + 0.5) * ((double)n / out_n) - 0.5; }

int xai_spline_nearest(int n, int out_n, int i)
{
    int at = (int)floor(centre(n, out_n, i) + 0.5);
    return at < 0 ? 0 : at < n ? at : n - 1;
}

/* The spline of the coefficients at `at`, two or more inside. */
static double value_at(const double *c, double at)
{
    int below = (int)floor(at);
    double t = at - below, u = 1 - t;
    double w[4] = {u * u * u / 6, (t * t * (t - 2) * 3 + 4) / 6, (u * u * (u - 2) * 3 + 4) / 6, t * t * t / 6};
    const double *from = c + below - 1;
    return w[0] * from[0] + w[1] * from[1] + w[2] * from[2] + w[3] * from[3];
}

/* One axis: `lines` lines of n become lines of out_n. Element i of line y: y * pitch + i * step. */
typedef struct axis {
    int lines, n, out_n;
    size_t pitch, step, out_pitch, out_step;
} axis;

static void resize_axis(const axis *a, const double *in, double *out, double *line)
{
    for (int y = 0; y < a->lines; y++) {
        memset(line, 0, (size_t)(a->n + 2 * PAD) * sizeof *line);
        for (int i = 0; i < a->n; i++) line[PAD + i] = in[(size_t)y * a->pitch + (size_t)i * a->step];
        filter_line(line, a->n + 2 * PAD);
        for (int i = 0; i < a->out_n; i++)
            out[(size_t)y * a->out_pitch + (size_t)i * a->out_step] = value_at(line, PAD + centre(a->n, a->out_n, i));
    }
}

static double shrinkage(int n, int out_n) { return fmax(0, ((double)n / out_n - 1) / 2); }

xai_status xai_spline_resize(const double *in, int height, int width, double *out, int out_height, int out_width,
                             xai_error *err)
{
    size_t h = (size_t)height, w = (size_t)width, oh = (size_t)out_height, ow = (size_t)out_width;
    double down = shrinkage(height, out_height), across = shrinkage(width, out_width);
    xai_blur_spec blur = {height, width, down, across, XAI_BORDER_ZERO, 0};
    double *plane = malloc(h * w * sizeof *plane), *half = malloc(oh * w * sizeof *half);
    double *line = malloc(((h > w ? h : w) + 2 * PAD) * sizeof *line);
    double *scratch = malloc(xai_blur_scratch(&blur) * sizeof *scratch);
    xai_status status = XAI_OK;
    if (!plane || !half || !line || !scratch) status = XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    else {
        memcpy(plane, in, h * w * sizeof *plane);
        xai_blur(&blur, plane, scratch);
        resize_axis(&(axis){width, height, out_height, 1, w, 1, w}, plane, half, line);
        resize_axis(&(axis){out_height, width, out_width, w, 1, ow, 1}, half, out, line);
    }
    free(plane);
    free(half);
    free(line);
    free(scratch);
    return status;
}
