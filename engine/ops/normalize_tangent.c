/*
 * Normalisation: tangents of the first and second order (tangent.h). One piece of work is a row, in double; the curves
 * of scale and bias are summed in the order of the rows.
 *
 * With x' = (x - mean) d, d the reciprocal deviation, q = mean(x' xdot) and xc = xdot - mean(xdot):
 *     d'   = -d^2 q                   x'' = d (xc - q x')            (the dots of d and x')
 * and the backward pass being gx = d (g - mean(g) - x' p) + gmean / n - x' d^2 gd / n with p = mean(g x'), the rest
 * follows by the product rule.
 */
#include "normalize.h"

typedef struct run {
    const xai_normalize *s;
    const float *x, *scale, *dx, *dscale, *dbias; /* tangents may be NULL: no movement */
    const float *gy, *gd;                         /* gradients of y and of the reciprocal deviations, or NULL */
    float *dy, *dmean, *dd, *gx, *gscale;
} run;

/* What a row's sums say. */
typedef struct row {
    const run *r;
    int64_t at, first; /* of its elements, and of its scales */
    double mean, d, dmean, q;
} row;

static row row_of(const run *r, int64_t index)
{
    const xai_normalize *s = r->s;
    row w = {.r = r, .at = index * s->n, .first = index % s->period * s->spans};
    double variance = 0, n = (double)s->n;
    for (int64_t i = 0; i < s->n; i++) w.mean += (double)r->x[w.at + i] / n;
    for (int64_t i = 0; i < s->n; i++) variance += pow((double)r->x[w.at + i] - w.mean, 2) / n;
    w.d = 1 / sqrt(variance + s->epsilon);
    for (int64_t i = 0; r->dx && i < s->n; i++) {
        w.dmean += (double)r->dx[w.at + i] / n;
        w.q += ((double)r->x[w.at + i] - w.mean) * w.d * (double)r->dx[w.at + i] / n;
    }
    return w;
}

static double normal(const row *w, int64_t i) { return ((double)w->r->x[w->at + i] - w->mean) * w->d; }

static double normal_dot(const row *w, int64_t i)
{
    return w->r->dx ? w->d * ((double)w->r->dx[w->at + i] - w->dmean - w->q * normal(w, i)) : 0;
}

/* Element i's entry of scale, bias or their tangents. */
static double entry(const row *w, const float *list, int64_t i, double absent)
{
    return list ? (double)list[w->first + i / w->r->s->span] : absent;
}

static void tangent_row(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    row w = row_of(r, (int64_t)index);
    for (int64_t i = 0; i < r->s->n; i++) {
        double dot = normal_dot(&w, i) * entry(&w, r->scale, i, 1) + normal(&w, i) * entry(&w, r->dscale, i, 0);
        r->dy[w.at + i] = (float)(dot + entry(&w, r->dbias, i, 0));
    }
    if (r->dmean) r->dmean[index] = (float)w.dmean;
    if (r->dd) r->dd[index] = (float)(-w.d * w.d * w.q);
}

static void curve_row(void *context, size_t index, int thread)
{
    (void)thread;
    const run *r = context;
    row w = row_of(r, (int64_t)index);
    double mean_g = 0, mean_dg = 0, p = 0, dp = 0, n = (double)r->s->n, ddot = -w.d * w.d * w.q;
    double gd = r->gd ? (double)r->gd[index] / n : 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < r->s->n; i++) {
            double gy = r->gy ? (double)r->gy[w.at + i] : 0;
            double g = gy * entry(&w, r->scale, i, 1), dg = gy * entry(&w, r->dscale, i, 0);
            double v = normal(&w, i), dv = normal_dot(&w, i);
            if (pass == 0) {
                mean_g += g / n, mean_dg += dg / n;
                p += g * v / n, dp += (dg * v + g * dv) / n;
                continue;
            }
            double turned = ddot * (g - mean_g - v * p) + w.d * (dg - mean_dg - dv * p - v * dp);
            r->gx[w.at + i] += (float)(turned - gd * w.d * (2 * ddot * v + w.d * dv));
        }
}

/* gscale = sum of gy x' over the rows that use it. */
static void curve_scales(const run *r)
{
    for (int64_t index = 0; index < r->s->rows; index++) {
        row w = row_of(r, index);
        for (int64_t i = 0; i < r->s->n; i++)
            r->gscale[w.first + i / r->s->span] += (float)((double)r->gy[w.at + i] * normal_dot(&w, i));
    }
}

static run begin(const xai_node *node, const xai_exec *exec)
{
    return (run){.s = node->state,
                 .x = xai_in_f32(exec, node, 0),
                 .scale = xai_has_input(node, 1) ? xai_in_f32(exec, node, 1) : NULL,
                 .dx = xai_tangent_in(exec, node, 0),
                 .dscale = xai_tangent_in(exec, node, 1),
                 .dbias = xai_tangent_in(exec, node, 2)};
}

static bool has_output(const xai_node *node, int i) { return i < node->out_count && node->out[i]; }

void xai_normalize_tangent(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.dy = xai_tangent_out(exec, node, 0);
    r.dmean = has_output(node, 1) ? xai_tangent_out(exec, node, 1) : NULL;
    r.dd = has_output(node, 2) ? xai_tangent_out(exec, node, 2) : NULL;
    xai_par_for(exec->par, (size_t)r.s->rows, tangent_row, &r);
}

void xai_normalize_curve(const xai_node *node, const xai_exec *exec)
{
    run r = begin(node, exec);
    r.gy = xai_first_out(exec, node, 0);
    r.gd = has_output(node, 2) ? xai_first_out(exec, node, 2) : NULL;
    r.gx = xai_grad_in(exec, node, 0);
    r.gscale = xai_grad_in(exec, node, 1);
    if (r.gx) xai_par_for(exec->par, (size_t)r.s->rows, curve_row, &r);
    if (r.gscale && r.gy) curve_scales(&r);
}
