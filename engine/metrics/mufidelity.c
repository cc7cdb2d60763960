/*
 * mu-Fidelity: whether hiding what the map calls important costs the score: Spearman's correlation, over random
 * subsets of the cells of a grid, of the map's sum over the subset with the drop of the score when it is hidden.
 *
 * Bhatt et al., "Evaluating and Aggregating Feature-based Model Explanations", 2020, arXiv 2005.00631, definition 3;
 * as xplique.metrics.MuFidelity has it: a cell is hidden where a uniform number does not exceed `share`; the grid's
 * cells are blown up by the nearest one (half-pixel centres); the correlation is Spearman's, as in the library, and
 * not Pearson's, as in the paper. 0 where either does not vary. In the target's own space, the logit by default.
 *
 * --use-draws: mufidelity-masks.npy, samples x grid x grid: 1 stays, 0 is hidden.
 */
#include "base/rng.h"
#include "base/token.h"
#include "explain/method.h"
#include "metric.h"
#include "similarity.h"

#include <string.h>

#define MASKS "mufidelity-masks"

enum { MOST_CELLS = 1 << 24, AT_A_TIME = 256 }; /* of all subsets together; subsets between two looks at the token */

typedef struct mufidelity_params {
    XAI_METRIC_COMMON;
    int baseline;
    double share, sigma;
    int64_t samples, grid;
} mufidelity_params;

static const xai_param PARAMS[] = {
    XAI_METRIC_PARAM(mufidelity_params),
    XAI_P_INT(mufidelity_params, samples, 200, 3, 100000, "Random subsets."),
    XAI_P_INT(mufidelity_params, grid, 9, 1, 224, "Cells in a row and in a column, at most one a pixel."),
    XAI_P_REAL(mufidelity_params, share, 0.2, 0, 1, "Share of the cells that a subset hides."),
    XAI_P_ENUM(mufidelity_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, "What hides a cell."),
    XAI_P_REAL(mufidelity_params, sigma, 10, 0.1, 100, "Width of the blur baseline in pixels."),
};

static xai_metric_cost cost(const xai_model *model, const void *params)
{
    (void)model;
    return (xai_metric_cost){.once = (double)((const mufidelity_params *)params)->samples};
}

/* Cells in a row: the grid is square, and a cell is at least a pixel. */
static int64_t grid_of(const mufidelity_params *p, int64_t height, int64_t width)
{
    int64_t side = height < width ? height : width;
    return p->grid < side ? p->grid : side;
}

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const mufidelity_params *p = params;
    int64_t height, width;
    xai_model_input_sides(model, &height, &width);
    int64_t grid = grid_of(p, height, width), most = MOST_CELLS / (grid * grid);
    XAI_CHECK(p->samples <= most, err, BAD_PARAM, "params.samples", "at most %lld subsets are served of a grid of %lld x "
              "%lld cells: ask for fewer, or for a coarser grid", (long long)most, (long long)grid, (long long)grid);
    return XAI_OK;
}

typedef struct subsets {
    const xai_context *context;
    size_t grid, count;
    const float *masks, *baseline; /* count x grid x grid */
    double *drops;
} subsets;

/* The grid's row (or column) that a pixel lies in, counted as nearest-neighbour resampling does. */
static size_t cell_of(size_t pixel, size_t pixels, size_t grid) { return (2 * pixel + 1) * grid / (2 * pixels); }

static void make(const void *user, size_t index, float *input)
{
    const subsets *s = user;
    const xai_context *c = s->context;
    const float *mask = s->masks + index * s->grid * s->grid;
    memcpy(input, c->input, c->input_count * sizeof *input);
    for (size_t ch = 0; ch < (size_t)c->channels; ch++)
        for (size_t y = 0; y < (size_t)c->height; y++) {
            const float *row = mask + cell_of(y, (size_t)c->height, s->grid) * s->grid;
            for (size_t x = 0; x < (size_t)c->width; x++) {
                size_t at = ch * c->channel_stride + y * c->row_stride + x * c->x_stride;
                if (row[cell_of(x, (size_t)c->width, s->grid)] < 0.5F) input[at] = s->baseline[at];
            }
        }
}

static xai_status take_masks(const xai_grading *g, const mufidelity_params *p, subsets *s, xai_error *err)
{
    xai_task task = {.context = g->context, .arena = g->arena, .use_draws = g->request->use_draws,
                     .emit_draws = g->request->emit_draws};
    size_t cells = s->grid * s->grid;
    int64_t grid = (int64_t)s->grid;
    xai_shape shape = {3, {p->samples, grid, grid}};
    if (xai_task_has_draws(&task, MASKS)) {
        xai_tensor t;
        bool found;
        XAI_TRY(xai_task_use_draws(&task, MASKS, 3, &t, &found, err));
        XAI_CHECK(xai_shape_equal(&t.shape, &shape), err, BAD_TENSOR, MASKS, "the draws must be samples x grid x grid");
        s->masks = t.data;
        return XAI_OK;
    }
    float *masks = XAI_NEW(g->arena, float, s->count * cells);
    if (!masks) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < s->count; i++) {
        if (i % AT_A_TIME == 0) XAI_TRY(xai_token_check(g->context->token, err));
        xai_rng rng = xai_rng_init(g->seed, i);
        for (size_t k = 0; k < cells; k++) masks[i * cells + k] = xai_rng_uniform(&rng) > p->share;
    }
    s->masks = masks;
    return xai_task_emit_draws(&task, MASKS, &(xai_array){.dtype = XAI_F32, .rank = 3,
                                                          .shape = {p->samples, grid, grid}, .data = masks}, err);
}

static xai_status prepare(const xai_grading *g, const void *params, void **state, xai_error *err)
{
    const mufidelity_params *p = params;
    subsets *s = XAI_NEW(g->arena, subsets, 1);
    float *baseline = XAI_NEW(g->arena, float, g->context->input_count);
    float *values = XAI_NEW(g->arena, float, (size_t)p->samples);
    if (!s || !baseline || !values) XAI_NO_MEMORY(err);
    *s = (subsets){.context = g->context, .grid = (size_t)grid_of(p, g->height, g->width), .count = (size_t)p->samples,
                   .baseline = baseline, .drops = XAI_NEW(g->arena, double, (size_t)p->samples)};
    if (!s->drops) XAI_NO_MEMORY(err);
    XAI_TRY(xai_context_baseline(g->context, (xai_baseline)p->baseline, p->sigma, baseline, err));
    XAI_TRY(take_masks(g, p, s, err));
    xai_variants variants = {.count = s->count, .make = make, .user = s};
    XAI_TRY(xai_evaluate(g->context, &g->aim, &variants, &(xai_scores){.values = values}, err));
    for (size_t i = 0; i < s->count; i++) s->drops[i] = g->base - (double)values[i];
    *state = s;
    return XAI_OK;
}

/* The map's sum over each cell. */
static void sum_cells(const xai_grading *g, const subsets *s, const float *map, double *cells)
{
    for (size_t y = 0; y < (size_t)g->height; y++)
        for (size_t x = 0; x < (size_t)g->width; x++)
            cells[cell_of(y, (size_t)g->height, s->grid) * s->grid + cell_of(x, (size_t)g->width, s->grid)] +=
                (double)map[y * (size_t)g->width + x];
}

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    (void)params;
    const subsets *s = state;
    size_t count = s->grid * s->grid;
    double *cells = XAI_NEW(g->scratch, double, count), *sums = XAI_NEW(g->scratch, double, s->count);
    if (!cells || !sums) XAI_NO_MEMORY(err);
    sum_cells(g, s, map->values, cells);
    for (size_t i = 0; i < s->count; i++) {
        if (i % AT_A_TIME == 0) XAI_TRY(xai_token_check(g->context->token, err));
        for (size_t k = 0; k < count; k++)
            if (s->masks[i * count + k] < 0.5F) sums[i] += cells[k];
    }
    return xai_similarity_ranks(sums, s->drops, s->count, g->scratch, &out->value, NULL, err);
}

const xai_metric xai_metric_mufidelity = {
    .info = {.id = "mufidelity", .title = "\xC2\xB5-Fidelity", .family = "faithfulness",
             .summary = "Whether hiding what the map calls important costs the score: rank correlation over random subsets "
                        "of a grid, 1 at best.",
             .paper = "arXiv:2005.00631", .version = 1, .needs = "forward", .cost = "200 forwards a picture",
             .better = XAI_BETTER_HIGHER, .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(mufidelity_params),
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
