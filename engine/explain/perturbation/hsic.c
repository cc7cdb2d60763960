/*
 * HSIC: how much the score depends on whether a cell of the picture is shown, by the Hilbert-Schmidt independence
 * criterion over random binary masks.
 *
 *     HSIC_i = 1/N sum_nm K(M_ni, M_mi) (H L H)_nm,   H = 1 - 1/N,   L_nm = exp(-(f_n - f_m)^2 / (2 w^2))
 *
 * Novello, Fel and Vigouroux, "Making Sense of Dependence: Efficient Black-box Explanations Using Dependence
 * Measure", NeurIPS 2022, arXiv 2206.06219. As Xplique's HsicAttributionMethod: the masks are a Sobol sequence
 * rounded to 0 and 1 (a half to 0), and the width w is the median of the scores themselves, not of their distances.
 * The 1 that it adds to K is left out: centring takes it away.
 */
#include "explain/evaluate.h"
#include "grid.h"
#include "sobol_sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct hsic_params {
    int64_t grid, masks;
    int estimator, baseline;
    double sigma;
} hsic_params;

typedef enum estimator { BINARY, RBF, SOBOLEV } estimator;

static const xai_param PARAMS[] = {
    XAI_P_INT(hsic_params, grid, 8, 1, XAI_GRID_MAX, "Cells a side: more is finer and needs more masks."),
    XAI_P_INT(hsic_params, masks, 500, 2, 5000, "Number of masks: more is less noisy and slower."),
    XAI_P_ENUM(hsic_params, estimator, BINARY, "binary|rbf|sobolev",
               "Kernel between a cell's masks; 'rbf' and 'sobolev' dim cells in between, too."),
    XAI_P_ENUM(hsic_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, "What a hidden pixel shows."),
    XAI_P_REAL(hsic_params, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels."),
};

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    return 1 + (double)((const hsic_params *)params)->masks;
}

typedef struct hsic {
    xai_grid grid;
    size_t cells, count;
    const float *masks; /* count x cells */
    estimator estimator;
} hsic;

/* ---------------------------------------------------------------- masks */

static xai_status draw(hsic *h, xai_task *task, xai_error *err)
{
    float *masks = XAI_NEW(task->arena, float, h->count * h->cells);
    if (!masks) XAI_NO_MEMORY(err);
    xai_sobol_points(h->cells, h->count, masks);
    for (size_t i = 0; h->estimator == BINARY && i < h->count * h->cells; i++) masks[i] = masks[i] > 0.5F ? 1 : 0;
    h->masks = masks;
    return XAI_OK;
}

static xai_status replay(hsic *h, xai_task *task, xai_error *err)
{
    xai_tensor t;
    bool found;
    XAI_TRY(xai_task_use_draws(task, "masks", 3, &t, &found, err));
    XAI_CHECK(t.shape.dim[0] >= 2 && t.shape.dim[1] == h->grid.side && t.shape.dim[2] == h->grid.side, err, BAD_TENSOR,
              "masks.npy", "masks.npy must have the shape (count, %d, %d)", h->grid.side, h->grid.side);
    h->count = (size_t)t.shape.dim[0];
    h->masks = t.data;
    return XAI_OK;
}

static xai_status emit(const hsic *h, const xai_task *task, xai_error *err)
{
    xai_array a = {.dtype = XAI_F32, .rank = 3, .shape = {(int64_t)h->count, h->grid.side, h->grid.side},
                   .data = (void *)(uintptr_t)h->masks};
    return xai_task_emit_draws(task, "masks", &a, err);
}

static void apply(const void *user, size_t index, float *input)
{
    const hsic *h = user;
    xai_grid_apply(&h->grid, h->masks + index * h->cells, input);
}

/* ---------------------------------------------------------------- kernels */

static double kernel(estimator which, double x, double y)
{
    double d = fabs(x - y);
    switch (which) {
    case BINARY: break;
    case RBF: return exp(-d * d / (2 * 0.5 * 0.5));
    case SOBOLEV: return (d * d - d + 1.0 / 6) / 2 + (fabs(x) - 0.5) * (fabs(y) - 0.5);
    }
    return 0.5 - d * d;
}

/* At width 0: the limit, whether they are equal. */
static double likeness(double f, double g, double width)
{
    if (f == g) return 1;
    double d = (f - g) / width;
    return exp(-d * d / 2);
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double median(float *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return ((double)values[(count - 1) / 2] + (double)values[count / 2]) / 2;
}

/* L row by row, centred by the means of its rows, which are those of its columns; never held whole. */
static void estimate(const hsic *h, const float *scores, size_t count, double width, double *means, double *sums)
{
    double all = 0, n = (double)count;
    for (size_t i = 0; i < count; i++) {
        means[i] = 0;
        for (size_t j = 0; j < count; j++) means[i] += likeness((double)scores[i], (double)scores[j], width) / n;
        all += means[i] / n;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j <= i; j++) {
            double centred = likeness((double)scores[i], (double)scores[j], width) - means[i] - means[j] + all;
            if (j < i) centred *= 2; /* once for each of two equal halves */
            const float *x = h->masks + i * h->cells, *y = h->masks + j * h->cells;
            for (size_t k = 0; k < h->cells; k++)
                sums[k] += centred * kernel(h->estimator, (double)x[k], (double)y[k]);
        }
}

/* ---------------------------------------------------------------- run */

static xai_status finish(const hsic *h, xai_task *task, const float *scores, size_t count, xai_error *err)
{
    float *sorted = XAI_NEW(task->arena, float, count), cells[XAI_GRID_MAX * XAI_GRID_MAX];
    double *means = XAI_NEW(task->arena, double, count), sums[XAI_GRID_MAX * XAI_GRID_MAX] = {0};
    if (!sorted || !means) XAI_NO_MEMORY(err);
    memcpy(sorted, scores, count * sizeof *sorted);
    double width = median(sorted, count);
    if (width == 0)
        XAI_TRY(xai_task_warn(task, err, "The median score under the masks is 0: scores count as equal or different only."));
    estimate(h, scores, count, width, means, sums);
    for (size_t k = 0; k < h->cells; k++) cells[k] = (float)(sums[k] / (double)count);
    return xai_grid_add_maps(&h->grid, task, cells, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const hsic_params *p = params;
    hsic h = {.cells = (size_t)(p->grid * p->grid), .count = (size_t)p->masks, .estimator = (estimator)p->estimator};
    XAI_TRY(xai_grid_init(&h.grid, task, (int)p->grid, (xai_baseline)p->baseline, p->sigma, err));
    XAI_TRY(task->use_draws ? replay(&h, task, err) : draw(&h, task, err));
    XAI_TRY(emit(&h, task, err));
    xai_scores scores = {.values = XAI_NEW(task->arena, float, h.count)};
    if (!scores.values) XAI_NO_MEMORY(err);
    xai_variants variants = {.count = h.count, .make = apply, .user = &h};
    XAI_TRY(xai_evaluate_until(task->context, &task->aim, &variants, 2, &scores, &task->result->partial, err));
    if (task->result->partial)
        XAI_TRY(xai_task_warn(task, err, "The deadline came after %zu of %zu masks: the map is noisier than asked for.",
                              scores.done, h.count));
    return finish(&h, task, scores.values, scores.done, err);
}

const xai_method xai_method_hsic = {
    .info = {.id = "hsic", .title = "HSIC", .family = "perturbation",
             .summary = "How far the score depends on each cell of a grid being shown, over random masks.",
             .paper = "arXiv:2206.06219", .version = 1, .needs = "forward", .cost = "501 forwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(hsic_params),
    .steady = true,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .cost = cost,
    .run = run,
};
