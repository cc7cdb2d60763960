/*
 * Sobol: the share of the score's variance, when the picture is dimmed at random cell by cell, in which a cell has a
 * part.
 *
 *     x(M) = b + M (x - b),   M in [0, 1]^(grid x grid), enlarged by `nearest`
 *     S_i = sum_n (f(A_n) - f(C_in))^2 / (2 N var f(A)),   C_in: A_n with cell i of B_n       (Jansen; others below)
 *
 * Fel, Cadene, Chalvidal, Cord, Vigouroux and Serre, "Look at the Variance! Efficient Black-box Explanations with
 * Sobol-based Sensitivity Analysis", NeurIPS 2021, arXiv 2111.04138. A and B are the two halves of a Sobol sequence.
 * Definition and default parameters are those of Xplique's SobolAttributionMethod, its `saltelli` included, which is
 * the same number as its `homma`. f(B) is not run: no estimator of total indices asks for it.
 */
#include "explain/evaluate.h"
#include "grid.h"
#include "sobol_sequence.h"

#include <math.h>
#include <string.h>

typedef struct sobol_params {
    int64_t grid, designs;
    int estimator, baseline;
    double sigma;
} sobol_params;

typedef enum estimator { JANSEN, HOMMA, SALTELLI, JANON, GLEN } estimator;

static const xai_param PARAMS[] = {
    XAI_P_INT(sobol_params, grid, 8, 1, 16, "Cells a side: more is finer, and its square is what the method costs."),
    XAI_P_INT(sobol_params, designs, 32, 2, 4096, "Random masks that every cell is tried in; a power of two."),
    XAI_P_ENUM(sobol_params, estimator, JANSEN, "jansen|homma|saltelli|janon|glen",
               "Which formula makes the indices of the scores; 'jansen' is the least noisy."),
    XAI_P_ENUM(sobol_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, "What a hidden pixel shows."),
    XAI_P_REAL(sobol_params, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels."),
};

#define LEAST_VARIANCE 1e-12 /* Xplique's: below, indices are of this variance */

enum { MOST_RUNS = 1 << 20 };

/* A design is run on its mask A and, for every cell, with that cell of B. */
static size_t cell_count(const sobol_params *p) { return (size_t)(p->grid * p->grid); }
static size_t runs_of(const sobol_params *p) { return cell_count(p) + 1; }

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const sobol_params *p = params;
    (void)model;
    XAI_CHECK((p->designs & (p->designs - 1)) == 0, err, BAD_PARAM, "params.designs",
              "designs must be a power of two, since a Sobol sequence is balanced only then; %lld is none",
              (long long)p->designs);
    XAI_CHECK((size_t)p->designs * runs_of(p) <= MOST_RUNS, err, BAD_PARAM, "params.designs",
              "these are %zu forwards; at most %d are run: lower grid or designs", (size_t)p->designs * runs_of(p),
              MOST_RUNS);
    return XAI_OK;
}

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    const sobol_params *p = params;
    return 1 + (double)p->designs * (double)runs_of(p);
}

typedef struct sobol {
    xai_grid grid;
    size_t cells, designs;
    const float *a, *b; /* designs x cells, `pitch` from one to the next */
    size_t pitch;
} sobol;

/* ---------------------------------------------------------------- designs */

static void mask_of(const sobol *s, size_t design, size_t run, float *cells)
{
    memcpy(cells, s->a + design * s->pitch, s->cells * sizeof *cells);
    if (run > 0) cells[run - 1] = s->b[design * s->pitch + run - 1];
}

/* All masks as Xplique has them: A, B, and for every cell A with that cell of B. */
static size_t mask_count(const sobol *s) { return s->designs * (s->cells + 2); }

static void fill_mask(const sobol *s, size_t index, float *cells)
{
    size_t design = index % s->designs, block = index / s->designs;
    if (block == 1) memcpy(cells, s->b + design * s->pitch, s->cells * sizeof *cells);
    else mask_of(s, design, block == 0 ? 0 : block - 1, cells);
}

static xai_status draw(sobol *s, xai_task *task, xai_error *err)
{
    s->pitch = 2 * s->cells;
    float *points = XAI_NEW(task->arena, float, s->designs * s->pitch);
    if (!points) XAI_NO_MEMORY(err);
    xai_sobol_points(s->pitch, s->designs, points);
    s->a = points;
    s->b = points + s->cells;
    return XAI_OK;
}

static xai_status replay(sobol *s, xai_task *task, xai_error *err)
{
    xai_tensor t;
    bool found;
    XAI_TRY(xai_task_use_draws(task, "masks", 3, &t, &found, err));
    size_t count = (size_t)t.shape.dim[0];
    XAI_CHECK(t.shape.dim[1] == s->grid.side && t.shape.dim[2] == s->grid.side && count >= 2 * (s->cells + 2) &&
                  count % (s->cells + 2) == 0,
              err, BAD_TENSOR, "masks.npy", "masks.npy must have the shape (designs * (%zu + 2), %d, %d)", s->cells,
              s->grid.side, s->grid.side);
    s->designs = count / (s->cells + 2);
    s->pitch = s->cells;
    s->a = t.data;
    s->b = s->a + s->designs * s->cells;
    float want[XAI_GRID_MAX * XAI_GRID_MAX];
    for (size_t i = 0; i < count; i++) {
        fill_mask(s, i, want);
        XAI_CHECK(memcmp(want, s->a + i * s->cells, s->cells * sizeof *want) == 0, err, BAD_TENSOR, "masks.npy",
                  "mask %zu is not what replicated designs have there: first A, then B, then for every cell A with that "
                  "cell of B", i);
    }
    return XAI_OK;
}

static xai_status emit(const sobol *s, const xai_task *task, xai_error *err)
{
    if (!task->emit_draws) return XAI_OK;
    size_t count = mask_count(s);
    float *all = XAI_NEW(task->arena, float, count * s->cells);
    if (!all) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < count; i++) fill_mask(s, i, all + i * s->cells);
    xai_array a = {.dtype = XAI_F32, .rank = 3, .shape = {(int64_t)count, s->grid.side, s->grid.side}, .data = all};
    return xai_task_emit_draws(task, "masks", &a, err);
}

/* ---------------------------------------------------------------- estimators */

typedef struct moments { /* of the scores of A, and of C for one cell, over the designs */
    double n, mean_a, mean_c, square_a, square_c; /* sums of squares */
    double product;                               /* mean of a c */
    double difference;                            /* sum of (a - c)^2 */
    double spread_a, spread_c, together;          /* sums of squared deviations, and of their product */
} moments;

static moments moments_of(const float *scores, size_t designs, size_t runs, size_t run)
{
    moments m = {.n = (double)designs};
    for (size_t i = 0; i < designs; i++) {
        double a = (double)scores[i * runs], c = (double)scores[i * runs + run];
        m.mean_a += a / m.n;
        m.mean_c += c / m.n;
        m.square_a += a * a;
        m.square_c += c * c;
        m.product += a * c / m.n;
        m.difference += (a - c) * (a - c);
    }
    for (size_t i = 0; i < designs; i++) {
        double a = (double)scores[i * runs] - m.mean_a, c = (double)scores[i * runs + run] - m.mean_c;
        m.spread_a += a * a;
        m.spread_c += c * c;
        m.together += a * c;
    }
    return m;
}

static double variance(double spread, double n) { return fmax(spread / (n - 1), LEAST_VARIANCE); }

static double total_index(estimator which, const moments *m)
{
    double var = variance(m->spread_a, m->n), mean = (m->mean_a + m->mean_c) / 2;
    switch (which) {
    case JANSEN: return m->difference / (2 * m->n * var);
    case HOMMA:
    case SALTELLI: return 1 - (m->product - m->mean_a * m->mean_a) / var;
    case JANON: /* Xplique's: the squares by n - 1, the mean's square whole */
        var = fmax((m->square_a + m->square_c) / (2 * (m->n - 1)) - mean * mean, LEAST_VARIANCE);
        return 1 - (m->product - mean * mean) / var;
    case GLEN: break;
    }
    return 1 - m->together / (m->n - 1) / sqrt(var * variance(m->spread_c, m->n));
}

/* ---------------------------------------------------------------- run */

static void apply(const void *user, size_t index, float *input)
{
    const sobol *s = user;
    float cells[XAI_GRID_MAX * XAI_GRID_MAX];
    mask_of(s, index / (s->cells + 1), index % (s->cells + 1), cells);
    xai_grid_apply(&s->grid, cells, input);
}

static xai_status finish(const sobol *s, xai_task *task, estimator which, const float *scores, size_t designs,
                         xai_error *err)
{
    float cells[XAI_GRID_MAX * XAI_GRID_MAX];
    moments first = moments_of(scores, designs, s->cells + 1, 0);
    if (first.spread_a / (first.n - 1) < LEAST_VARIANCE)
        XAI_TRY(xai_task_warn(task, err, "The masks hardly change the score (variance %.1e): the indices say nothing.",
                              first.spread_a / (first.n - 1)));
    for (size_t i = 0; i < s->cells; i++) {
        moments m = moments_of(scores, designs, s->cells + 1, i + 1);
        cells[i] = (float)total_index(which, &m);
    }
    return xai_grid_add_maps(&s->grid, task, cells, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const sobol_params *p = params;
    sobol s = {.cells = cell_count(p), .designs = (size_t)p->designs};
    XAI_TRY(xai_grid_init(&s.grid, task, (int)p->grid, (xai_baseline)p->baseline, p->sigma, err));
    XAI_TRY(task->use_draws ? replay(&s, task, err) : draw(&s, task, err));
    XAI_TRY(emit(&s, task, err));
    size_t runs = s.cells + 1, count = s.designs * runs;
    xai_scores scores = {.values = XAI_NEW(task->arena, float, count)};
    if (!scores.values) XAI_NO_MEMORY(err);
    xai_variants variants = {.count = count, .make = apply, .user = &s};
    XAI_TRY(xai_evaluate_until(task->context, &task->aim, &variants, 2 * runs, &scores, &task->result->partial, err));
    size_t designs = scores.done / runs;
    if (task->result->partial)
        XAI_TRY(xai_task_warn(task, err, "The deadline came after %zu of %zu designs: the indices are noisier than asked "
                              "for.", designs, s.designs));
    return finish(&s, task, (estimator)p->estimator, scores.values, designs, err);
}

const xai_method xai_method_sobol = {
    .info = {.id = "sobol", .title = "Sobol indices", .family = "perturbation",
             .summary = "The share of the score's variance in which each cell of a grid has a part, alone or with others.",
             .paper = "arXiv:2111.04138", .version = 1, .needs = "forward", .cost = "2081 forwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(sobol_params),
    .steady = true,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .check = check,
    .cost = cost,
    .run = run,
};
