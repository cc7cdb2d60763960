/*
 * RISE: the score under random masks, credited to what the masks keep.
 *
 *     S = 1 / (N p) sum_i f(b + M_i (x - b)) M_i
 *
 * Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018,
 * arXiv 1806.07421, equation 6; b is the baseline (0 in normalised space by default, as the authors' code has it).
 * `interval` is the half width of the 95 % confidence interval of each pixel, 1.96 standard errors of the mean.
 */
#include "explain/evaluate.h"
#include "blend.h"
#include "rise_masks.h"

#include <math.h>

typedef struct rise_params {
    int64_t masks, grid;
    double p;
    int baseline;
    double sigma, stop_width;
} rise_params;

static const xai_param PARAMS[] = {
    XAI_P_INT(rise_params, masks, 4000, 1, 100000, "Number of random masks: more is smoother and slower."),
    XAI_P_INT(rise_params, grid, 7, 1, XAI_RISE_GRID_MAX, "Cells a side of the random grids: more is finer and noisier."),
    XAI_P_REAL(rise_params, p, 0.5, 0.01, 0.99, "Probability that a cell is kept."),
    XAI_P_ENUM(rise_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, "What a hidden pixel shows."),
    XAI_P_REAL(rise_params, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels."),
    XAI_P_REAL(rise_params, stop_width, 0, 0, 1,
               "Stop early when the mean confidence interval is this share of the map's range; 0: never."),
};

enum { BLOCK = 512 }; /* masks between looks at the clock and at the interval */

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    return 1 + (double)((const rise_params *)params)->masks;
}

typedef struct rise {
    xai_context *context;
    const rise_params *params;
    xai_rise_masks masks;
    const float *baseline;
    float *values;
    double *sum, *squares; /* per pixel: of f M / p and of its square */
    size_t begin, end;     /* masks that are being credited */
    size_t done;
} rise;

static void apply_mask(const void *user, size_t index, float *input)
{
    const rise *r = user;
    const xai_context *c = r->context;
    for (int y = 0; y < c->height; y++) {
        float row[XAI_MAX_SIDE];
        xai_rise_masks_row(&r->masks, r->done + index, y, row);
        xai_blend_row(c, r->baseline, y, row, input);
    }
}

/* Credits one row of pixels, mask by mask: a fixed order whatever the threads. */
static void credit_row(void *context, size_t y, int thread)
{
    (void)thread;
    rise *r = context;
    size_t width = (size_t)r->context->width;
    float row[XAI_MAX_SIDE];
    for (size_t i = r->begin; i < r->end; i++) {
        xai_rise_masks_row(&r->masks, i, (int)y, row);
        double scale = (double)r->values[i] / r->params->p;
        for (size_t x = 0; x < width; x++) {
            double v = scale * (double)row[x];
            r->sum[y * width + x] += v;
            r->squares[y * width + x] += v * v;
        }
    }
}

static void credit(rise *r, size_t begin, size_t end)
{
    xai_context *c = r->context;
    xai_par par = {c->pool};
    r->begin = begin;
    r->end = end;
    xai_pool_enter(c->pool, c->urgent);
    xai_par_for(&par, (size_t)c->height, credit_row, r);
    xai_pool_leave(c->pool);
}

static void finish_maps(const rise *r, float *map, float *interval)
{
    double n = (double)r->done;
    size_t pixels = (size_t)r->context->height * (size_t)r->context->width;
    for (size_t i = 0; i < pixels; i++) {
        double mean = r->sum[i] / n, variance = r->squares[i] / n - mean * mean;
        map[i] = (float)mean;
        interval[i] = (float)(r->done > 1 ? 1.96 * sqrt(fmax(variance, 0) / (n - 1)) : 0);
    }
}

static bool narrow_enough(const rise *r, float *map, float *interval)
{
    if (r->params->stop_width <= 0) return false;
    finish_maps(r, map, interval);
    size_t pixels = (size_t)r->context->height * (size_t)r->context->width;
    double low = (double)map[0], high = low, width = 0;
    for (size_t i = 0; i < pixels; i++) {
        low = fmin(low, (double)map[i]);
        high = fmax(high, (double)map[i]);
        width += 2 * (double)interval[i];
    }
    return width / (double)pixels <= r->params->stop_width * (high - low);
}

static xai_status sample(rise *r, xai_task *task, float *map, float *interval, xai_error *err)
{
    bool partial = false;
    while (r->done < r->masks.count && !partial) {
        size_t left = r->masks.count - r->done, n = left < BLOCK ? left : BLOCK;
        xai_scores scores = {.values = r->values + r->done};
        size_t enough = r->done ? 0 : 1;
        xai_variants variants = {.count = n, .make = apply_mask, .user = r};
        XAI_TRY(xai_evaluate_until(r->context, &task->aim, &variants, enough, &scores, &partial, err));
        credit(r, r->done, r->done + scores.done);
        r->done += scores.done;
        if (narrow_enough(r, map, interval)) break;
    }
    task->result->partial = partial;
    if (partial)
        return xai_task_warn(task, err, "The deadline came after %zu of %zu masks: the map is noisier than asked for.",
                             r->done, r->masks.count);
    return XAI_OK;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const rise_params *p = params;
    xai_context *c = task->context;
    size_t pixels = (size_t)c->height * (size_t)c->width;
    rise r = {.context = c, .params = p};
    XAI_TRY(xai_rise_masks_init(&r.masks, task, (size_t)p->masks, (int)p->grid, p->p, err));
    float *baseline = XAI_NEW(task->arena, float, c->input_count), *map = XAI_NEW(task->arena, float, pixels),
          *interval = XAI_NEW(task->arena, float, pixels);
    r.values = XAI_NEW(task->arena, float, r.masks.count);
    r.sum = XAI_NEW(task->arena, double, pixels);
    r.squares = XAI_NEW(task->arena, double, pixels);
    if (!baseline || !map || !interval || !r.values || !r.sum || !r.squares) XAI_NO_MEMORY(err);
    XAI_TRY(xai_context_baseline(c, (xai_baseline)p->baseline, p->sigma, baseline, err));
    r.baseline = baseline;
    XAI_TRY(sample(&r, task, map, interval, err));
    finish_maps(&r, map, interval);
    XAI_TRY(xai_task_add_map(task, "map", map, c->height, c->width, err));
    return xai_task_add_map(task, "interval", interval, c->height, c->width, err);
}

const xai_method xai_method_rise = {
    .info = {.id = "rise", .title = "RISE", .family = "perturbation",
             .summary = "The score under thousands of random masks, credited to what they keep visible.",
             .paper = "arXiv:1806.07421", .version = 1, .needs = "forward", .cost = "4001 forwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(rise_params),
    .lanes = 1 << XAI_PLAN_FORWARD,
    .steady = true,
    .space = XAI_SPACE_PROBABILITY,
    .cost = cost,
    .run = run,
};
