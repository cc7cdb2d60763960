/*
 * The rules of multipliers (multipliers.h), made of backward passes on other data where the operator has one. Loops over
 * elements run on the session's thread; the passes use all of `par`.
 */
#include "multipliers_inside.h"
#include "ops/max_pool.h"
#include "ops/softmax.h"

#include <math.h>
#include <string.h>

#define SMALL_SHARE 1e-3F /* of a value: steps below are measured too coarsely in float32 */

static size_t count_of(const xai_value *v) { return (size_t)xai_value_count(v); }
static bool is_small(float step) { return fabsf(step) < XAI_SMALL_STEP; }

static const float *now(const xai_difference *d, const xai_value *v) { return d->exec->data[v->id]; }
static const float *before(const xai_difference *d, const xai_value *v) { return d->reference[v->id]; }
static const float *from(const xai_difference *d) { return xai_grad_out(d->exec, d->node, 0); }

/* The stage with the node on the input's data, or on the reference's. */
static void set_stage(const xai_difference *d, bool reference)
{
    xai_exec exec = *d->exec;
    if (reference) exec.data = d->reference;
    xai_stage_set(d->room->stage, d->node, &exec);
}

/* Where the gradients of the inputs lie in `room`, one after the other; cleared. */
static void lay_out(const xai_difference *d, float *room)
{
    size_t used = 0;
    xai_stage *s = d->room->stage;
    for (int i = 0; i < d->node->in_count; i++) {
        if (!xai_grad_in(d->exec, d->node, i)) continue;
        s->grads[i] = room + used;
        used += count_of(d->node->in[i]);
    }
    memset(room, 0, used * sizeof *room);
}

static void run_stage(const xai_difference *d, const float *gradient)
{
    xai_stage *s = d->room->stage;
    s->grads[xai_stage_out(s, 0)] = (float *)(uintptr_t)gradient; /* only read */
    xai_stage_backward(s, d->exec);
}

/* ---------------------------------------------------------------- element by element */

/* The mean slope of a smooth or straight function lies between those at the ends; noise need not. */
static float slope_between(float dx, float dy, float scale, float here, float there)
{
    if (is_small(dx)) return here;
    float slope = dy / dx;
    return fabsf(dx) > SMALL_SHARE * scale ? slope : fmaxf(fminf(here, there), fminf(slope, fmaxf(here, there)));
}

void xai_multiply_elements(const xai_difference *d, int moving)
{
    const xai_value *in = d->node->in[moving], *out = d->node->out[0];
    const float *x = now(d, in), *x0 = before(d, in), *y = now(d, out), *y0 = before(d, out), *g = from(d);
    float *to = xai_grad_in(d->exec, d->node, moving), *ones = d->room->out[0];
    size_t n = count_of(out);
    for (size_t i = 0; i < n; i++) ones[i] = 1;
    for (int side = 0; side < 2; side++) {
        set_stage(d, side == 1);
        lay_out(d, d->room->in[side]);
        run_stage(d, ones);
    }
    const float *here = d->room->in[0], *there = d->room->in[1];
    for (size_t i = 0; i < n; i++)
        to[i] += g[i] * slope_between(x[i] - x0[i], y[i] - y0[i], fmaxf(fabsf(x[i]), fabsf(x0[i])), here[i], there[i]);
}

/* ---------------------------------------------------------------- products and quotients */

/* Both factors stand in the middle of their way. */
void xai_multiply_product(const xai_difference *d)
{
    size_t used = 0;
    xai_stage *s = d->room->stage;
    set_stage(d, false);
    for (int i = 0; i < 2; i++) {
        const xai_value *v = d->node->in[i];
        float *middle = d->room->in[0] + used;
        size_t n = xai_value_runs(v) ? count_of(v) : 0;
        for (size_t k = 0; k < n; k++) middle[k] = 0.5F * now(d, v)[k] + 0.5F * before(d, v)[k];
        if (n) s->data[i] = middle;
        s->grads[i] = xai_grad_in(d->exec, d->node, i);
        used += n;
    }
    s->grads[2] = d->node->in_count > 2 ? xai_grad_in(d->exec, d->node, 2) : NULL;
    run_stage(d, from(d));
}

/* a / b = a * (1 / b): a by the mean of 1 / b; b by the mean of a, times -1 / (b b_ref), which is how 1 / b moves. */
void xai_multiply_quotient(const xai_difference *d)
{
    const xai_value *a = d->node->in[0], *b = d->node->in[1];
    const float *a1 = now(d, a), *a0 = before(d, a), *b1 = now(d, b), *b0 = before(d, b);
    float *mean = d->room->in[0], *divisor = mean + count_of(a), *slope = d->room->in[1];
    float *to = xai_grad_in(d->exec, d->node, 1);
    xai_stage *s = d->room->stage;
    for (size_t i = 0; i < count_of(a); i++) mean[i] = 0.5F * a1[i] + 0.5F * a0[i];
    set_stage(d, false);
    s->data[0] = mean;
    s->data[1] = divisor;
    for (size_t i = 0; i < count_of(b); i++) divisor[i] = 1 / (0.5F / b1[i] + 0.5F / b0[i]);
    s->grads[0] = xai_grad_in(d->exec, d->node, 0);
    run_stage(d, from(d));
    for (size_t i = 0; i < count_of(b); i++) divisor[i] = sqrtf(fabsf(b1[i])) * sqrtf(fabsf(b0[i]));
    memset(slope, 0, count_of(b) * sizeof *slope);
    s->grads[0] = NULL;
    s->grads[1] = slope;
    run_stage(d, from(d));
    for (size_t i = 0; i < count_of(b); i++) to[i] += (b1[i] < 0) != (b0[i] < 0) ? -slope[i] : slope[i];
}

/* ---------------------------------------------------------------- choices */

/* The part of each output's change that winners of the input get (up), and those of the reference (down). */
static void split_change(const xai_difference *d, bool smallest, float *up, float *down)
{
    const xai_value *out = d->node->out[0];
    const float *y = now(d, out), *y0 = before(d, out), *g = from(d);
    for (size_t i = 0, n = count_of(out); i < n; i++) {
        float change = g[i] * (y[i] - y0[i]);
        bool by_now = smallest ? y[i] < y0[i] : y[i] > y0[i];
        up[i] = by_now ? change : 0;
        down[i] = by_now ? 0 : change;
    }
}

/* to += share / dx; the gradient where dx is nothing. */
static void divide(const xai_difference *d, int i, const float *up, const float *down, const float *gradient)
{
    const xai_value *v = d->node->in[i];
    const float *x = now(d, v), *x0 = before(d, v);
    float *to = xai_grad_in(d->exec, d->node, i);
    for (size_t k = 0, n = count_of(v); k < n; k++) {
        float dx = x[k] - x0[k];
        to[k] += is_small(dx) ? gradient[k] : (up[k] + down[k]) / dx;
    }
}

void xai_multiply_choice(const xai_difference *d, bool smallest)
{
    struct xai_multiplier_room *r = d->room;
    size_t at = 0;
    split_change(d, smallest, r->out[0], r->out[1]);
    const float *gradients[3] = {r->out[0], r->out[1], from(d)};
    for (int k = 0; k < 3; k++) {
        set_stage(d, k == 1);
        lay_out(d, r->in[k]);
        run_stage(d, gradients[k]);
    }
    for (int i = 0; i < d->node->in_count; i++) {
        if (!xai_grad_in(d->exec, d->node, i)) continue;
        divide(d, i, r->in[0] + at, r->in[1] + at, r->in[2] + at);
        at += count_of(d->node->in[i]);
    }
}

/* As torch's max_unpool has it: of several windows with one winner the last. */
void xai_multiply_max_pool_captum(const xai_difference *d)
{
    struct xai_multiplier_room *r = d->room;
    const xai_value *in = d->node->in[0], *out = d->node->out[0];
    split_change(d, false, r->out[0], r->out[1]);
    for (int k = 0; k < 2; k++) {
        memset(r->in[k], 0, count_of(in) * sizeof(float));
        xai_max_pool_places(d->node, k == 0 ? now(d, in) : before(d, in), r->places, d->exec->par);
        for (size_t i = 0, n = count_of(out); i < n; i++)
            if (r->places[i] >= 0) r->in[k][r->places[i]] = r->out[k][i];
    }
    set_stage(d, false);
    lay_out(d, r->in[2]);
    run_stage(d, from(d));
    divide(d, 0, r->in[0], r->in[1], r->in[2]);
}

/* ---------------------------------------------------------------- Softmax */

typedef struct row {
    const float *x, *x0, *g;
    float *to;
    size_t n, step;
} row;

/* exp(x - shift) before and after, and their sums; the shift is one for both, so that they can be compared. */
static float shift_of(const row *r)
{
    float shift = -INFINITY;
    for (size_t i = 0; i < r->n; i++) shift = fmaxf(shift, fmaxf(r->x[i * r->step], r->x0[i * r->step]));
    return shift;
}

static void sums_of(const row *r, double shift, double sums[2])
{
    sums[0] = sums[1] = 0;
    for (size_t i = 0; i < r->n; i++) {
        sums[0] += exp((double)r->x[i * r->step] - shift);
        sums[1] += exp((double)r->x0[i * r->step] - shift);
    }
}

/* p_k = e_k / s: e_k by the mean of 1 / s; s by the mean of the e_k, and all e_j are in s. */
static void complete_row(const row *r)
{
    double shift = (double)shift_of(r), s[2], through_sum = 0;
    sums_of(r, shift, s);
    for (size_t i = 0; i < r->n; i++) {
        double e1 = exp((double)r->x[i * r->step] - shift), e0 = exp((double)r->x0[i * r->step] - shift);
        through_sum += (double)r->g[i * r->step] * 0.5 * (e1 + e0) / (s[0] * s[1]);
    }
    for (size_t i = 0; i < r->n; i++) {
        double x1 = (double)r->x[i * r->step], x0 = (double)r->x0[i * r->step];
        double e1 = exp(x1 - shift), e0 = exp(x0 - shift), dx = x1 - x0;
        double slope = fabs(dx) > 1 ? (e1 - e0) / dx : dx != 0 ? e0 * expm1(dx) / dx : e1;
        double direct = (double)r->g[i * r->step] * 0.5 * (1 / s[0] + 1 / s[1]);
        r->to[i * r->step] += (float)(slope * (direct - through_sum));
    }
}

/* g dy / dx, or the gradient where dx is nothing: adds to `to`, returns the sum. */
static double captum_row(const row *r)
{
    double shift = (double)shift_of(r), s[2], dot = 0, sum = 0;
    sums_of(r, shift, s);
    for (size_t i = 0; i < r->n; i++)
        dot += (double)r->g[i * r->step] * exp((double)r->x[i * r->step] - shift) / s[0];
    for (size_t i = 0; i < r->n; i++) {
        double x1 = (double)r->x[i * r->step], x0 = (double)r->x0[i * r->step], g = (double)r->g[i * r->step];
        double p1 = exp(x1 - shift) / s[0], p0 = exp(x0 - shift) / s[1];
        double m = fabs(x1 - x0) < (double)XAI_SMALL_STEP ? p1 * (g - dot) : g * (p1 - p0) / (x1 - x0);
        r->to[i * r->step] += (float)m;
        sum += m;
    }
    return sum;
}

void xai_softmax_multipliers(const float *x, const float *x_ref, const float *g, size_t n, bool complete, float *to)
{
    row r = {x, x_ref, g, to, n, 1};
    if (complete) {
        complete_row(&r);
        return;
    }
    double mean = captum_row(&r) / (double)n;
    for (size_t i = 0; i < n; i++) to[i] -= (float)mean;
}

void xai_multiply_softmax(const xai_difference *d, bool complete)
{
    const xai_softmax *s = d->node->state;
    const xai_value *in = d->node->in[0];
    float *to = xai_grad_in(d->exec, d->node, 0);
    double sum = 0;
    for (int64_t i = 0; i < s->outer * s->inner; i++) {
        int64_t at = i / s->inner * s->n * s->inner + i % s->inner;
        row r = {now(d, in) + at, before(d, in) + at, from(d) + at, to + at, (size_t)s->n, (size_t)s->inner};
        if (complete) complete_row(&r);
        else sum += captum_row(&r);
    }
    for (size_t i = 0, n = count_of(in); i < n && !complete; i++) to[i] -= (float)(sum / (double)n);
}
