/*
 * Attribution: gradients of many variants, folded as they come. Elements are shared out to the threads in ranges; of
 * each range the samples are taken in order.
 */
#include "attribution.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RANGE = 4096 }; /* elements that one thread takes at a time */

typedef struct fold {
    const xai_attribution *a;
    const xai_context *context;
    double *step_sum;       /* by element, of the sample that runs */
    double *sum, *squares;  /* of complete samples, and of their squares */
    const xai_sample *samples;
    size_t count;
} fold;

static double alpha_of(const xai_attribution *a, size_t index)
{
    if (a->chances) return (double)a->chances[index];
    return a->alphas ? a->alphas[index % a->steps] : 1;
}
static const float *baseline_of(const xai_attribution *a, size_t sample)
{
    return a->baselines ? a->baselines[sample] : NULL;
}

/* ---------------------------------------------------------------- variants */

typedef struct points {
    const xai_attribution *a;
    const xai_context *context;
} points;

/* The point on the path of a sample. */
static void make_point(const void *user, size_t index, float *values)
{
    const points *p = user;
    const xai_attribution *a = p->a;
    size_t sample = index / a->steps, n = p->context->input_count;
    const float *b = baseline_of(a, sample);
    double alpha = alpha_of(a, index);
    memcpy(values, a->input, n * sizeof *values);
    xai_noise_add(&a->noise, sample, 0, n, values);
    for (size_t i = 0; b && i < n; i++)
        values[i] = (float)((double)b[i] + alpha * ((double)values[i] - (double)b[i]));
}

xai_status xai_attribution_differentiate(const xai_attribution *a, xai_task *task, xai_gradients *g, xai_error *err)
{
    points p = {a, task->context};
    xai_variants variants = {.count = a->noise.samples * a->steps, .make = make_point, .user = &p};
    return xai_differentiate(task->context, &task->aim, &variants, g, err);
}

/* ---------------------------------------------------------------- folding */

/* The cell of n that the pixel `at` of `length` takes, in torch's float32. */
static size_t nearest(int n, int length, size_t at)
{
    size_t cell = (size_t)((float)at * ((float)n / (float)length));
    return cell < (size_t)n ? cell : (size_t)n - 1;
}

static double gate_at(const fold *f, size_t sample, size_t element)
{
    const xai_context *c = f->context;
    const xai_attribution *a = f->a;
    size_t y = element / c->row_stride % (size_t)c->height, x = element / c->x_stride % (size_t)c->width;
    size_t cell = nearest(a->rows, c->height, y) * (size_t)a->cols + nearest(a->cols, c->width, x);
    return (double)a->gates[sample * (size_t)(a->rows * a->cols) + cell];
}

/* What the sums over a sample's path are multiplied by, for n <= RANGE elements. */
static void find_factors(const fold *f, size_t sample, size_t first, size_t n, double *out)
{
    const xai_attribution *a = f->a;
    const float *b = baseline_of(a, sample);
    float x[RANGE];
    for (size_t i = 0; i < n; i++) out[i] = a->gates ? gate_at(f, sample, first + i) : 1;
    if (!b && !a->times_input) return;
    memcpy(x, a->input + first, n * sizeof *x);
    xai_noise_add(&a->noise, sample, first, n, x);
    for (size_t i = 0; i < n; i++) out[i] *= (double)x[i] - (b ? (double)b[first + i] : 0);
}

static void close_sample(const fold *f, size_t sample, size_t first, size_t n)
{
    double factors[RANGE];
    bool absolute = f->a->params->absolute;
    find_factors(f, sample, first, n, factors);
    for (size_t i = 0; i < n; i++) {
        double v = f->step_sum[first + i] * factors[i];
        if (absolute) v = fabs(v);
        f->sum[first + i] += v;
        f->squares[first + i] += v * v;
        f->step_sum[first + i] = 0;
    }
}

static void take_range(void *context, size_t index, int thread)
{
    (void)thread;
    const fold *f = context;
    size_t first = index * RANGE, left = f->context->input_count - first, n = left < RANGE ? left : RANGE;
    for (size_t k = 0; k < f->count; k++) {
        const xai_sample *s = &f->samples[k];
        size_t step = s->index % f->a->steps;
        double weight = f->a->weights ? f->a->weights[step] : 1, *sum = f->step_sum + first;
        const float *g = s->gradients[0] + first;
        for (size_t i = 0; i < n; i++) sum[i] += weight * (double)g[i];
        if (step + 1 == f->a->steps) close_sample(f, s->index / f->a->steps, first, n);
    }
}

static void take(void *user, const xai_sample *samples, size_t count, const xai_par *par)
{
    fold *f = user;
    f->samples = samples;
    f->count = count;
    xai_par_for(par, (f->context->input_count + RANGE - 1) / RANGE, take_range, f);
}

static void finish(const fold *f, size_t samples)
{
    for (size_t i = 0; i < f->context->input_count; i++)
        f->a->sums[i] = xai_noise_folded(f->a->fold, f->sum[i], f->squares[i], samples);
}

/* ---------------------------------------------------------------- running */

/* The gradient at the picture itself comes from the base run, which other methods share. */
static xai_status take_base(fold *f, xai_task *task, xai_error *err)
{
    const xai_context *c = f->context;
    float *g = XAI_NEW(task->arena, float, c->input_count);
    if (!g) XAI_NO_MEMORY(err);
    XAI_TRY(xai_task_gradient(task, &(xai_wanted){c->in, g}, 1, f->a->policy, err));
    const float *gradients[] = {g};
    xai_par par = {c->pool};
    xai_pool_enter(c->pool, c->urgent);
    take(f, &(xai_sample){.gradients = gradients}, 1, &par);
    xai_pool_leave(c->pool);
    finish(f, 1);
    return XAI_OK;
}

static xai_status take_samples(fold *f, xai_task *task, xai_error *err)
{
    const xai_attribution *a = f->a;
    xai_context *c = task->context;
    size_t samples = a->noise.samples;
    xai_gradients g = {.by = &c->in, .by_count = 1, .policy = a->policy, .through = a->through,
                       .take = take, .user = f};
    if (samples > 1) g.enough = a->steps; /* part of a path is nothing */
    XAI_TRY(xai_attribution_differentiate(a, task, &g, err));
    task->result->partial = g.partial;
    finish(f, g.done / a->steps);
    if (!g.partial) return XAI_OK;
    return xai_task_warn(task, err, "The deadline came after %zu of %zu samples: the map is noisier than asked for.",
                         g.done / a->steps, samples);
}

xai_status xai_attribution_run(xai_attribution *a, xai_task *task, xai_error *err)
{
    size_t n = task->context->input_count;
    if (!a->sums && !(a->sums = XAI_NEW(task->arena, double, n))) XAI_NO_MEMORY(err);
    double *room = calloc(3 * n, sizeof *room);
    if (!room) XAI_NO_MEMORY(err);
    fold f = {.a = a, .context = task->context, .step_sum = room, .sum = room + n, .squares = room + 2 * n};
    bool noisy = a->noise.samples > 1 || a->noise.given || a->noise.sigma > 0;
    bool plain = !noisy && a->steps == 1 && !a->alphas && !a->chances && a->input == task->context->input;
    xai_status status = plain ? take_base(&f, task, err) : take_samples(&f, task, err);
    free(room);
    return status;
}

/* ---------------------------------------------------------------- set-up */

bool xai_gradient_varies(const void *params)
{
    const xai_gradient_params *p = params;
    return p->noise != XAI_NOISE_NONE || p->steps > 0;
}

double xai_gradient_cost(const xai_model *model, const void *params)
{
    (void)model;
    const xai_gradient_params *p = params;
    if (!xai_gradient_varies(p)) return 3;
    double samples = p->noise == XAI_NOISE_NONE ? 1 : (double)p->noise_samples;
    return 1 + 3 * samples * (p->steps > 0 ? (double)p->steps : 1);
}

void xai_attribution_plain(xai_attribution *a, const xai_task *task, const xai_gradient_params *p)
{
    const xai_context *c = task->context;
    *a = (xai_attribution){.params = p, .steps = 1, .input = c->input,
                           .noise = {.samples = 1, .elements = c->input_count}};
}

xai_status xai_attribution_init(xai_attribution *a, xai_task *task, const xai_gradient_params *p, xai_error *err)
{
    xai_attribution_plain(a, task, p);
    if (p->noise == XAI_NOISE_NONE) return XAI_OK;
    a->fold = (xai_noise_fold)p->noise;
    double unit = p->noise_unit ? 1 : xai_input_range(task->context);
    return xai_noise_init(&a->noise, task, (size_t)p->noise_samples, p->noise_sigma * unit, err);
}

xai_status xai_attribution_set_baseline(xai_attribution *a, xai_task *task, xai_error *err)
{
    xai_context *c = task->context;
    float *values = XAI_NEW(task->arena, float, c->input_count);
    const float **list = XAI_NEW(task->arena, const float *, a->noise.samples);
    if (!values || !list) XAI_NO_MEMORY(err);
    XAI_TRY(xai_context_baseline(c, (xai_baseline)a->params->baseline, a->params->sigma, values, err));
    for (size_t i = 0; i < a->noise.samples; i++) list[i] = values;
    a->baselines = list;
    return XAI_OK;
}

xai_status xai_attribution_set_path(xai_attribution *a, xai_task *task, xai_error *err)
{
    size_t n = (size_t)a->params->steps;
    double *alphas = XAI_NEW(task->arena, double, n), *weights = XAI_NEW(task->arena, double, n);
    if (!alphas || !weights) XAI_NO_MEMORY(err);
    xai_path_points((xai_path_rule)a->params->rule, n, alphas, weights);
    a->steps = n;
    a->alphas = alphas;
    a->weights = weights;
    return XAI_OK;
}

xai_status xai_path_check(const xai_gradient_params *p, xai_error *err)
{
    XAI_CHECK(p->steps > 1 || p->rule == XAI_PATH_GAUSS_LEGENDRE, err, BAD_PARAM, "params.steps",
              "this rule needs at least 2 steps");
    return XAI_OK;
}

/* ---------------------------------------------------------------- results */

xai_status xai_attribution_add_map(const xai_attribution *a, xai_task *task, xai_error *err)
{
    return xai_task_add_folded_sums(task, "map", a->sums, task->context->in, (xai_fold)a->params->channels, false, err);
}

typedef struct given {
    const float *input;
    size_t count;
} given;

static void copy_input(const void *user, size_t index, float *values)
{
    (void)index;
    const given *g = user;
    memcpy(values, g->input, g->count * sizeof *values);
}

static void look(void *user, const xai_sample *samples, size_t count, const xai_par *par)
{
    (void)count;
    (void)par;
    xai_look *l = user;
    size_t bytes = l->of ? (size_t)xai_value_count(l->of) * sizeof(float) : 0;
    l->value = samples[0].value;
    if (l->data) memcpy(l->data, samples[0].data[0], bytes);
    if (l->gradient) memcpy(l->gradient, samples[0].gradients[0], bytes);
}

xai_status xai_task_look(xai_task *task, const float *input, xai_look *l, xai_error *err)
{
    given in = {input, task->context->input_count};
    xai_variants variants = {.count = 1, .make = copy_input, .user = &in};
    xai_gradients g = {.by = &l->of, .by_count = l->of != NULL, .data = l->data != NULL,
                       .forward_only = l->gradient == NULL, .take = look, .user = l};
    return xai_differentiate(task->context, &task->aim, &variants, &g, err);
}

xai_status xai_task_add_completeness(xai_task *task, const double *sums, size_t count, const float *start,
                                     xai_error *err)
{
    double sum = 0;
    xai_look l = {0};
    XAI_TRY(xai_task_look(task, start, &l, err));
    for (size_t i = 0; i < count; i++) sum += sums[i];
    return xai_task_add_metric(task, "completeness_error", sum - (task->base - l.value), err);
}
