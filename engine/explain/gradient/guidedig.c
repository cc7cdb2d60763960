/*
 * Guided integrated gradients: a path from the baseline to the picture that first moves the pixels whose gradient is
 * small, so that it stays out of the noise.
 *
 * Kapishnikov et al., "Guided Integrated Gradients: An Adaptive Path Method for Removing Noise", CVPR 2021, arXiv
 * 2106.09788. As GuidedIG of PAIR's saliency library, in double precision as there: each of `steps` steps takes one
 * gradient, and brings the L1 distance to the picture down by an equal share. It moves the `fraction` of the elements
 * with the smallest gradients (numpy's quantile, lower), then the next ones, until it is there; an element may leave the
 * straight line by max_dist of the way at most. Each step depends on the one before, so a pass is alone on all threads.
 */
#include "tunnel.h"

#include <math.h>
#include <string.h>

static const xai_param PARAMS[] = {
    XAI_P_INT(xai_gradient_params, steps, 200, 1, 10000, "Steps on the path: more is more exact and slower."),
    XAI_P_REAL(xai_gradient_params, fraction, 0.25, 0, 1, "Share of the elements that move at a time."),
    XAI_P_REAL(xai_gradient_params, max_dist, 0.02, 0, 1,
               "How far an element may leave the straight line, as a share of the way; 0: integrated gradients."),
    XAI_GRADIENT_BASELINE,
    XAI_GRADIENT_ABSOLUTE(false),
    XAI_GRADIENT_COLOURS(XAI_FOLD_SUM),
    XAI_GRADIENT_NOISE,
};

static double cost(const xai_model *model, const void *params)
{
    const xai_gradient_params *p = params;
    (void)model;
    return xai_tunnel_cost(p, 3 * (double)p->steps) + xai_gradient_is_complete(p);
}

typedef struct guide {
    const xai_gradient_params *params;
    xai_task *task;
    size_t n;
    const float *input, *baseline; /* the path's ends */
    float *point, *gradient; /* as the model sees x; d target / d it */
    double *x, *size;        /* where the path is; |gradient|, infinite for what is done */
    double *sums;            /* what comes out */
    double *work;
    double total, low, high; /* L1 distance from baseline to input; the alphas of this step's bounds */
} guide;

static double on_line(const guide *g, size_t i, double alpha)
{
    return (double)g->baseline[i] + ((double)g->input[i] - (double)g->baseline[i]) * alpha;
}

static double distance_left(const guide *g)
{
    double sum = 0;
    for (size_t i = 0; i < g->n; i++) sum += fabs(g->x[i] - (double)g->input[i]);
    return sum;
}

/* Moves element i, and credits it. */
static void move(const guide *g, size_t i, double to)
{
    g->sums[i] += (to - g->x[i]) * (double)g->gradient[i];
    g->x[i] = to;
}

/* What fell behind the bounds is brought up to the lower one. */
static void catch_up(const guide *g)
{
    for (size_t i = 0; i < g->n; i++) {
        double way = (double)g->input[i] - (double)g->baseline[i];
        if (way != 0 && (g->x[i] - (double)g->baseline[i]) / way < g->low) move(g, i, on_line(g, i, g->low));
    }
}

/* The k-th smallest of n values, which it puts in another order (Hoare's selection). */
static double select_kth(double *v, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        double pivot = v[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i >= j) break;
            double swap = v[i];
            v[i++] = v[j];
            v[j--] = swap;
        }
        if (k <= j) high = j;
        else low = j + 1;
    }
    return v[k];
}

/* The size of gradient up to which elements are chosen. */
static double threshold(const guide *g)
{
    memcpy(g->work, g->size, g->n * sizeof *g->work);
    return select_kth(g->work, g->n, (size_t)floor(g->params->fraction * (double)(g->n - 1)));
}

/* Moves the chosen elements towards their upper bounds, by as much of the way as is needed. Returns the share of it
 * that would be needed: above 1, the step goes on. */
static double advance(const guide *g, double needed)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->x[i] == on_line(g, i, g->high)) g->size[i] = INFINITY;
    double most = threshold(g), room = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->size[i] <= most && isfinite(g->size[i])) room += fabs(g->x[i] - on_line(g, i, g->high));
    double gamma = room > 0 ? needed / room : INFINITY;
    for (size_t i = 0; i < g->n; i++) {
        if (!(g->size[i] <= most) || !isfinite(g->size[i])) continue;
        double end = on_line(g, i, g->high);
        move(g, i, gamma > 1 ? end : g->x[i] + (end - g->x[i]) * gamma);
    }
    return isfinite(gamma) || room > 0 ? gamma : 0; /* nothing can move: the step ends */
}

static bool is_close(double a, double b)
{
    return fabs(a - b) <= fmax(1e-9 * fmax(fabs(a), fabs(b)), 1e-9);
}

static void walk(const guide *g, double target)
{
    for (double gamma = INFINITY; gamma > 1;) {
        catch_up(g);
        double left = distance_left(g);
        if (is_close(target, left) || left < target) return;
        gamma = advance(g, left - target);
    }
}

static xai_status take_step(guide *g, int64_t step, xai_error *err)
{
    xai_context *c = g->task->context;
    double steps = (double)g->params->steps, alpha = ((double)step + 1) / steps;
    for (size_t i = 0; i < g->n; i++) g->point[i] = (float)g->x[i];
    xai_look look = {.of = c->in, .gradient = g->gradient};
    XAI_TRY(xai_task_look(g->task, g->point, &look, err));
    for (size_t i = 0; i < g->n; i++) g->size[i] = fabs((double)g->gradient[i]);
    g->low = fmax(alpha - g->params->max_dist, 0);
    g->high = fmin(alpha + g->params->max_dist, 1);
    walk(g, g->total * (1 - alpha));
    return XAI_OK;
}

static xai_status open_guide(guide *g, xai_task *task, const xai_gradient_params *p, xai_error *err)
{
    xai_context *c = task->context;
    size_t n = c->input_count;
    float *baseline = XAI_NEW(task->arena, float, n);
    *g = (guide){.params = p, .task = task, .n = n, .baseline = baseline,
                 .point = XAI_NEW(task->arena, float, n), .gradient = XAI_NEW(task->arena, float, n),
                 .x = XAI_NEW(task->arena, double, n), .size = XAI_NEW(task->arena, double, n),
                 .work = XAI_NEW(task->arena, double, n)};
    if (!baseline || !g->point || !g->gradient || !g->x || !g->size || !g->work) XAI_NO_MEMORY(err);
    return xai_context_baseline(c, (xai_baseline)p->baseline, p->sigma, baseline, err);
}

static xai_status attribute(void *user, const float *input, double *out, xai_error *err)
{
    guide *g = user;
    g->input = input;
    g->sums = out;
    for (size_t i = 0; i < g->n; i++) {
        g->x[i] = (double)g->baseline[i];
        out[i] = 0;
    }
    g->total = distance_left(g);
    for (int64_t step = 0; g->total > 0 && step < g->params->steps; step++) XAI_TRY(take_step(g, step, err));
    return XAI_OK;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const xai_gradient_params *p = params;
    guide g;
    double *sums = XAI_NEW(task->arena, double, task->context->input_count);
    if (!sums) XAI_NO_MEMORY(err);
    XAI_TRY(open_guide(&g, task, p, err));
    XAI_TRY(xai_tunnel_run(task, p, attribute, &g, sums, g.n, err));
    if (xai_gradient_is_complete(p)) XAI_TRY(xai_task_add_completeness(task, sums, g.n, g.baseline, err));
    return xai_task_add_folded_sums(task, "map", sums, task->context->in, (xai_fold)p->channels, false, err);
}

const xai_method xai_method_guidedig = {
    .info = {.id = "guidedig", .title = "Guided integrated gradients", .family = "gradient",
             .summary = "Integrated gradients on a path that avoids where the gradients are noisy.",
             .paper = "arXiv:2106.09788", .version = 1, .needs = "gradient", .cost = "202 forwards, 200 backwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_gradient_params),
    .needs = XAI_NEEDS_GRADIENT,
    .space = XAI_SPACE_LOGIT,
    .cost = cost,
    .run = run,
};
