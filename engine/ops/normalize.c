/*
 * Normalisation of rows. Mean and variance are summed in double, in eight interleaved lanes, so that the order is
 * fixed and the additions need not wait for each other; the variance is that of the differences to the mean. A piece
 * of work is a row; the gradients of scale and bias are summed by columns afterwards, in the order of the rows.
 */
#include "normalize.h"

enum { LANES = 8 };

static xai_status check_parameter(const xai_node *node, int i, const char *name, int64_t count, xai_error *err)
{
    if (!xai_has_input(node, i)) return XAI_OK;
    XAI_NODE_CHECK(node->in[i]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "%s must be float32", name);
    int64_t own = xai_value_count(node->in[i]);
    XAI_NODE_CHECK(own == count, node, BAD_MODEL, err, "%s has %lld elements, not %lld", name, (long long)own,
                   (long long)count);
    return XAI_OK;
}

xai_status xai_normalize_setup(xai_node *node, const xai_normalize *rows, xai_error *err)
{
    XAI_NODE_CHECK(node->in[0]->dtype == XAI_F32, node, UNSUPPORTED_OP, err, "%s is not served, only float32",
                   xai_dtype_name(node->in[0]->dtype));
    XAI_NODE_CHECK(rows->n > 0, node, BAD_MODEL, err, "there is nothing to normalise");
    XAI_TRY(check_parameter(node, 1, "scale", rows->period * rows->spans, err));
    XAI_TRY(check_parameter(node, 2, "bias", rows->period * rows->spans, err));
    *(xai_normalize *)node->state = *rows;
    return xai_node_output(node, 0, XAI_F32, &node->in[0]->shape, err);
}

typedef struct run {
    const xai_normalize *s;
    const float *x, *scale, *bias, *gy, *gmean, *gdeviation;
    float *y, *mean, *deviation, *gx, *gscale, *gbias;
} run;

static double lanes_sum(const double lane[LANES])
{
    return ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

static double mean_of(const float *x, int64_t n)
{
    double lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] += (double)x[i + k];
    for (; i < n; i++) lane[i % LANES] += (double)x[i];
    return lanes_sum(lane) / (double)n;
}

static double variance_of(const float *x, int64_t n, double mean)
{
    double lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] += ((double)x[i + k] - mean) * ((double)x[i + k] - mean);
    for (; i < n; i++) lane[i % LANES] += ((double)x[i] - mean) * ((double)x[i] - mean);
    return lanes_sum(lane) / (double)n;
}

/* mean and 1 / standard deviation */
static void measure(const xai_normalize *s, const float *x, double *mean, double *deviation)
{
    *mean = mean_of(x, s->n);
    *deviation = 1 / sqrt(variance_of(x, s->n, *mean) + s->epsilon);
}

/* y = (x - mean) * a + b over one span of equal scale and bias. */
static void scale_span(const float *x, float a, float mean, float b, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * a + b;
}

static void scale_each(const float *x, float deviation, float mean, const float *scale, const float *bias, float *y,
                       int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float v = (x[i] - mean) * deviation;
        if (scale) v *= scale[i];
        y[i] = bias ? v + bias[i] : v;
    }
}

static void forward_row(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const xai_normalize *s = r->s;
    int64_t row = (int64_t)index, first = row % s->period * s->spans;
    const float *x = r->x + row * s->n, *scale = r->scale ? r->scale + first : NULL;
    const float *bias = r->bias ? r->bias + first : NULL;
    float *y = r->y + row * s->n;
    double mean, deviation;
    measure(s, x, &mean, &deviation);
    if (r->mean) r->mean[row] = (float)mean;
    if (r->deviation) r->deviation[row] = (float)deviation;
    if (s->span == 1) scale_each(x, (float)deviation, (float)mean, scale, bias, y, s->n);
    else
        for (int64_t k = 0; k < s->spans; k++)
            scale_span(x + k * s->span, (float)deviation * (scale ? scale[k] : 1), (float)mean, bias ? bias[k] : 0,
                       y + k * s->span, s->span);
}

static float *wanted_output(const xai_node *node, const xai_exec *exec, int i)
{
    return i < node->out_count && node->out[i] ? xai_out_f32(exec, node, i) : NULL;
}

static run begin(const xai_node *node, const xai_exec *exec)
{
    return (run){.s = node->state,
                 .x = xai_in_f32(exec, node, 0),
                 .scale = xai_has_input(node, 1) ? xai_in_f32(exec, node, 1) : NULL,
                 .bias = xai_has_input(node, 2) ? xai_in_f32(exec, node, 2) : NULL};
}

void xai_normalize_forward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.y = xai_out_f32(exec, node, 0);
    r.mean = wanted_output(node, exec, 1);
    r.deviation = wanted_output(node, exec, 2);
    xai_par_for(exec->par, (size_t)r.s->rows, forward_row, &r);
}

/* ---------------------------------------------------------------- backward */

/* A run of a row with its scales: one for each element, or one for all. */
typedef struct stretch {
    const float *x, *gy, *each;
    float *gx;
    double scale;
    int64_t n;
} stretch;

static stretch stretch_of(const run *r, int64_t row, int64_t k)
{
    const xai_normalize *s = r->s;
    const float *scale = r->scale ? r->scale + row % s->period * s->spans : NULL;
    bool single = s->span == 1;
    int64_t at = row * s->n + (single ? 0 : k * s->span);
    return (stretch){.x = r->x + at,
                     .gy = r->gy ? r->gy + at : NULL,
                     .each = single ? scale : NULL,
                     .gx = r->gx + at,
                     .scale = scale && !single ? (double)scale[k] : 1,
                     .n = single ? s->n : s->span};
}

/* Adds the gradients by the normalised elements, and their products with x - mean. */
static void add_moments(const stretch *t, double mean, double *sum, double *product)
{
    double g_lane[LANES] = {0}, p_lane[LANES] = {0};
    for (int64_t i = 0; i < t->n; i += LANES) {
        int64_t lanes = t->n - i < LANES ? t->n - i : LANES;
        for (int64_t k = 0; k < lanes; k++) {
            double g = (double)t->gy[i + k] * (t->each ? (double)t->each[i + k] : t->scale);
            g_lane[k] += g;
            p_lane[k] += g * ((double)t->x[i + k] - mean);
        }
    }
    *sum += lanes_sum(g_lane);
    *product += lanes_sum(p_lane);
}

static void add_gradient(const stretch *t, float d, float even, float along, float mean)
{
    float scale = d * (float)t->scale;
    for (int64_t i = 0; i < t->n; i++)
        t->gx[i] += (t->each ? d * t->each[i] : scale) * t->gy[i] + even + along * (t->x[i] - mean);
}

static void add_without_gy(const stretch *t, float even, float along, float mean)
{
    for (int64_t i = 0; i < t->n; i++) t->gx[i] += even + along * (t->x[i] - mean);
}

/*
 * With x' = (x - mean) * d and g the gradient by x': gx = d * (g - mean(g) - x' * mean(g * x')). Those of the other
 * outputs are added: that of the mean is spread evenly, that of d goes by d^2 * x'.
 */
static void backward_row(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const xai_normalize *s = r->s;
    int64_t row = (int64_t)index, stretches = s->span == 1 ? 1 : s->spans;
    double mean, d, sum = 0, product = 0, n = (double)s->n;
    measure(s, r->x + row * s->n, &mean, &d);
    for (int64_t k = 0; r->gy && k < stretches; k++) {
        stretch t = stretch_of(r, row, k);
        add_moments(&t, mean, &sum, &product);
    }
    double even = -d * sum / n + (r->gmean ? (double)r->gmean[row] / n : 0);
    double along = -d * d * d * product / n - (r->gdeviation ? (double)r->gdeviation[row] * d * d * d / n : 0);
    for (int64_t k = 0; k < stretches; k++) {
        stretch t = stretch_of(r, row, k);
        if (r->gy) add_gradient(&t, (float)d, (float)even, (float)along, (float)mean);
        else add_without_gy(&t, (float)even, (float)along, (float)mean);
    }
}

/* The gradients of scale and bias number `index`, over all rows that use it. */
static void backward_parameter(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    const xai_normalize *s = r->s;
    int64_t first = (int64_t)index % s->spans * s->span;
    double by_scale = 0, by_bias = 0;
    for (int64_t row = (int64_t)index / s->spans; row < s->rows; row += s->period) {
        const float *x = r->x + row * s->n + first, *gy = r->gy + row * s->n + first;
        for (int64_t i = 0; i < s->span; i++) {
            by_bias += (double)gy[i];
            by_scale += (double)gy[i] * ((double)x[i] - (double)r->mean[row]) * (double)r->deviation[row];
        }
    }
    if (r->gscale) r->gscale[index] += (float)by_scale;
    if (r->gbias) r->gbias[index] += (float)by_bias;
}

static void measure_row(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    double mean, deviation;
    measure(r->s, r->x + (int64_t)index * r->s->n, &mean, &deviation);
    r->mean[index] = (float)mean;
    r->deviation[index] = (float)deviation;
}

static const float *output_gradient(const xai_node *node, const xai_exec *exec, int i)
{
    return i < node->out_count && node->out[i] ? xai_grad_out(exec, node, i) : NULL;
}

void xai_normalize_backward(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.gy = xai_grad_out(exec, node, 0);
    r.gmean = output_gradient(node, exec, 1);
    r.gdeviation = output_gradient(node, exec, 2);
    r.gx = xai_grad_in(exec, node, 0);
    r.gscale = xai_grad_in(exec, node, 1);
    r.gbias = xai_grad_in(exec, node, 2);
    if (r.gx) xai_par_for(exec->par, (size_t)r.s->rows, backward_row, &r);
    if (!r.gy || (!r.gscale && !r.gbias)) return;
    r.mean = xai_scratch(exec, 0);
    r.deviation = r.mean + r.s->rows;
    xai_par_for(exec->par, (size_t)r.s->rows, measure_row, &r);
    xai_par_for(exec->par, (size_t)(r.s->period * r.s->spans), backward_parameter, &r);
}
