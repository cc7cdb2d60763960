/* Penalties of a mask: sums in reading order, in double precision. Belongs to one thread at a time. */
#include "penalty.h"

#include "image/upsample.h"

#include <math.h>
#include <string.h>

static const double SPREAD = 0.01;

/* ---------------------------------------------------------------- the picture's edges */

static double weight_down(const xai_context *c, size_t at)
{
    double mean = 0;
    for (size_t ch = 0; ch < (size_t)c->channels; ch++, at += c->channel_stride)
        mean += (double)c->input[at] - (double)c->input[at + c->row_stride];
    mean /= c->channels;
    return exp(-mean * mean / SPREAD);
}

static double weight_across(const xai_context *c, size_t at)
{
    double sum = 0;
    for (size_t ch = 0; ch < (size_t)c->channels; ch++, at += c->channel_stride) {
        double d = (double)c->input[at] - (double)c->input[at + c->x_stride];
        sum += exp(-d * d / SPREAD);
    }
    return sum / c->channels;
}

static void weigh(xai_penalty *p, const xai_context *c)
{
    size_t height = (size_t)p->height, width = (size_t)p->width;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            size_t at = y * c->row_stride + x * c->x_stride;
            if (y + 1 < height) p->down[y * width + x] = (float)weight_down(c, at);
            if (x + 1 < width) p->across[y * (width - 1) + x] = (float)weight_across(c, at);
        }
}

xai_status xai_penalty_init(xai_penalty *p, const xai_context *c, int side, bool bilateral, xai_arena *arena,
                            xai_error *err)
{
    size_t pixels = (size_t)c->height * (size_t)c->width;
    *p = (xai_penalty){.side = side, .height = c->height, .width = c->width};
    if (!bilateral) return XAI_OK;
    p->down = XAI_NEW(arena, float, pixels);
    p->across = XAI_NEW(arena, float, pixels);
    p->cells = XAI_NEW(arena, float, (size_t)side * (size_t)side);
    p->large = XAI_NEW(arena, float, pixels);
    p->by_large = XAI_NEW(arena, double, pixels);
    if (!p->down || !p->across || !p->cells || !p->large || !p->by_large) XAI_NO_MEMORY(err);
    weigh(p, c);
    return XAI_OK;
}

/* ---------------------------------------------------------------- the terms */

/* Adds scale w (a - b)^2, and its slopes. */
static double rough(double a, double b, double scale, double *by_a, double *by_b)
{
    double d = a - b;
    if (by_a) {
        *by_a += 2 * scale * d;
        *by_b -= 2 * scale * d;
    }
    return scale * d * d;
}

static double variation(const double *mask, size_t n, double scale, double *gradient)
{
    double sum = 0, each = scale / (double)((n - 1) * n);
    for (size_t r = 0; r < n; r++)
        for (size_t c = 0; c < n; c++) {
            size_t at = r * n + c;
            double *g = gradient ? gradient + at : NULL;
            if (r + 1 < n) sum += rough(mask[at], mask[at + n], each, g, g ? g + n : NULL);
            if (c + 1 < n) sum += rough(mask[at], mask[at + 1], each, g, g ? g + 1 : NULL);
        }
    return sum;
}

static double bilateral(const xai_penalty *p, const double *mask, double scale, double *gradient)
{
    size_t height = (size_t)p->height, width = (size_t)p->width, cells = (size_t)p->side * (size_t)p->side;
    double sum = 0;
    double down = height > 1 ? scale / (double)((height - 1) * width) : 0;
    double across = width > 1 ? scale / (double)(height * (width - 1)) : 0;
    for (size_t i = 0; i < cells; i++) p->cells[i] = (float)mask[i];
    xai_upsample_bilinear(p->cells, p->side, p->side, p->large, p->height, p->width, true);
    if (gradient) memset(p->by_large, 0, height * width * sizeof *p->by_large);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            size_t at = y * width + x;
            const float *m = p->large + at;
            double *g = gradient ? p->by_large + at : NULL;
            if (y + 1 < height)
                sum += rough((double)m[0], (double)m[width], down * (double)p->down[at], g, g ? g + width : NULL);
            if (x + 1 < width)
                sum += rough((double)m[0], (double)m[1], across * (double)p->across[at - y], g, g ? g + 1 : NULL);
        }
    if (gradient) xai_upsample_bilinear_back(p->by_large, p->height, p->width, gradient, p->side, p->side, true);
    return sum;
}

double xai_penalty_of(const xai_penalty *p, const double *mask, double *gradient)
{
    size_t cells = (size_t)p->side * (size_t)p->side;
    double hidden = 0, each = p->l1 / (double)cells;
    for (size_t i = 0; i < cells; i++) {
        hidden += fabs(1 - mask[i]);
        if (gradient && mask[i] != 1) gradient[i] -= mask[i] < 1 ? each : -each;
    }
    double sum = each * hidden, tv = p->down ? p->tv / 2 : p->tv;
    sum += variation(mask, (size_t)p->side, tv, gradient);
    return p->down ? sum + bilateral(p, mask, tv, gradient) : sum;
}
