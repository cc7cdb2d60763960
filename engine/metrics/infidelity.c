/*
 * Infidelity: how far the map is from saying what the score loses when something is taken away, in squares.
 *
 *     mean over draws of (b * a(I) - d(I))^2,   d(I) = f(x) - f(x with I taken away)
 *
 * a(I) is the loss that the map promises, b the one factor that suits all draws best (sum a d / sum a^2), so that
 * maps without a unit are measured too; without `normalize` b = 1, which asks for maps that are shares of the score.
 *
 *   square  a random square is hidden by the baseline; a = sum of the map over it: values are shares of the score.
 *           captum.metrics.infidelity 0.9, multiply_by_inputs, the map's value shared evenly by a pixel's channels
 *   noise   x - I, I ~ N(0, noise^2), the same in all channels; a = sum of map * I: values are slopes.
 *           Captum without multiply_by_inputs
 *   blocks  all squares of side `side` one after the other, hidden ones stay so; a = sum of map * (x - x')
 *           over pixels and channels: values are slopes. quantus.Infidelity 0.6 of one patch size, on inputs whose
 *           sides it divides (else Quantus pads what it perturbs and not what it reads)
 *
 * Yeh et al., "On the (In)fidelity and Sensitivity of Explanations", 2019, arXiv 1901.09392. The map is taken over
 * the model's input. In the target's own space, the logit by default.
 *
 * --use-draws: infidelity-squares.npy, samples x 3 (top, left, side); infidelity-noise.npy, samples x height x width.
 */
#include "base/rng.h"
#include "base/token.h"
#include "explain/method.h"
#include "metric.h"

#include <string.h>

#define SQUARES "infidelity-squares"
#define NOISE "infidelity-noise"

typedef struct infidelity_params {
    XAI_METRIC_COMMON;
    int perturbation, baseline;
    double sigma, noise;
    int64_t samples, side;
    bool normalize;
} infidelity_params;

enum { SQUARE, GAUSSIAN, BLOCKS };

static const xai_param PARAMS[] = {
    XAI_METRIC_PARAM(infidelity_params),
    XAI_P_ENUM(infidelity_params, perturbation, SQUARE, "square|noise|blocks",
               "What is taken away: random squares, noise, or one square after the other (slopes: noise and blocks)."),
    XAI_P_INT(infidelity_params, samples, 100, 2, 100000, "Draws of squares or noise."),
    XAI_P_INT(infidelity_params, side, 0, 0, 8192,
              "Side of the squares in pixels; 0: drawn up to half the shorter side, and of blocks an eighth of it."),
    XAI_P_REAL(infidelity_params, noise, 0.2, 0, 100, "Standard deviation of the noise, in the normalised input."),
    XAI_P_BOOL(infidelity_params, normalize, true, "Scale the map by the factor that suits it best."),
    XAI_P_ENUM(infidelity_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, "What hides a square."),
    XAI_P_REAL(infidelity_params, sigma, 10, 0.1, 100, "Width of the blur baseline in pixels."),
};

static int64_t shorter_side(const xai_model *model)
{
    int64_t height, width;
    xai_model_input_sides(model, &height, &width);
    return height < width ? height : width;
}

static int64_t block_side(const xai_model *model, const infidelity_params *p)
{
    int64_t eighth = shorter_side(model) / 8;
    return p->side ? p->side : eighth > 0 ? eighth : 1;
}

static size_t draw_count(const xai_model *model, const infidelity_params *p)
{
    int64_t height, width, side = block_side(model, p);
    xai_model_input_sides(model, &height, &width);
    if (p->perturbation != BLOCKS) return (size_t)p->samples;
    return (size_t)((height + side - 1) / side * ((width + side - 1) / side));
}

/* A draw of noise over all pixels takes about so many forwards, which every map pays again: noise is not kept. */
static const double NOISE_COST = 0.02;
enum { AT_A_TIME = 64 }; /* draws between two looks at the token */

static xai_metric_cost cost(const xai_model *model, const void *params)
{
    double count = (double)draw_count(model, params);
    bool drawn = ((const infidelity_params *)params)->perturbation == GAUSSIAN;
    return (xai_metric_cost){.once = count, .each = drawn ? NOISE_COST * count : 0};
}

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const infidelity_params *p = params;
    XAI_CHECK(p->side <= shorter_side(model), err, BAD_PARAM, "params.side",
              "the model's input has a side of %lld pixels", (long long)shorter_side(model));
    XAI_CHECK(draw_count(model, p) <= 100000, err, BAD_PARAM, "params.side", "that makes %zu squares; at most 100000 are "
              "served", draw_count(model, p));
    return XAI_OK;
}

/* ---------------------------------------------------------------- draws */

typedef struct square {
    int64_t top, left, side;
} square;

typedef struct draws {
    const xai_context *context;
    const infidelity_params *params;
    size_t count;
    const float *baseline;
    const square *squares; /* SQUARE */
    const float *given;    /* GAUSSIAN: count x height x width, or NULL: drawn */
    uint64_t seed;
    double *drops;         /* f(x) - f(x without) */
} draws;

/* A square that lies within the input, each place as likely. */
static square draw_square(const draws *d, size_t index)
{
    const xai_context *c = d->context;
    xai_rng rng = xai_rng_init(d->seed, index);
    int64_t most = shorter_side(c->model) / 2, side = d->params->side;
    if (!side) side = 1 + (int64_t)xai_rng_below(&rng, (uint32_t)(most > 0 ? most : 1));
    int64_t top = (int64_t)xai_rng_below(&rng, (uint32_t)(c->height - side + 1));
    return (square){top, (int64_t)xai_rng_below(&rng, (uint32_t)(c->width - side + 1)), side};
}

/* The square whose hiding variant `index` adds; of blocks the last ones may end at the border. */
static square square_at(const draws *d, size_t index)
{
    if (d->params->perturbation == SQUARE) return d->squares[index];
    int64_t side = block_side(d->context->model, d->params), cols = (d->context->width + side - 1) / side;
    return (square){(int64_t)index / cols * side, (int64_t)index % cols * side, side};
}

/* Of a variant's noise the number at pixel `at`; in order of the pixels. */
typedef struct noise {
    const float *given;
    xai_rng rng;
    double scale;
} noise;

static noise noise_of(const draws *d, size_t index)
{
    size_t pixels = (size_t)d->context->height * (size_t)d->context->width;
    return (noise){d->given ? d->given + index * pixels : NULL, xai_rng_init(d->seed, index), d->params->noise};
}

static double next_noise(noise *n) { return n->given ? (double)*n->given++ : n->scale * xai_rng_normal(&n->rng); }

/* ---------------------------------------------------------------- variants */

static void hide(const draws *d, square s, float *input)
{
    const xai_context *c = d->context;
    for (size_t ch = 0; ch < (size_t)c->channels; ch++)
        for (int64_t y = s.top; y < s.top + s.side && y < c->height; y++)
            for (int64_t x = s.left; x < s.left + s.side && x < c->width; x++) {
                size_t at = ch * c->channel_stride + (size_t)y * c->row_stride + (size_t)x * c->x_stride;
                input[at] = d->baseline[at];
            }
}

static void add_noise(const draws *d, size_t index, float *input)
{
    const xai_context *c = d->context;
    noise n = noise_of(d, index);
    for (size_t y = 0; y < (size_t)c->height; y++)
        for (size_t x = 0; x < (size_t)c->width; x++) {
            float e = (float)next_noise(&n);
            for (size_t ch = 0; ch < (size_t)c->channels; ch++)
                input[ch * c->channel_stride + y * c->row_stride + x * c->x_stride] -= e;
        }
}

static void make(const void *user, size_t index, float *input)
{
    const draws *d = user;
    memcpy(input, d->context->input, d->context->input_count * sizeof *input);
    if (d->params->perturbation == GAUSSIAN) {
        add_noise(d, index, input);
        return;
    }
    for (size_t i = d->params->perturbation == BLOCKS ? 0 : index; i <= index; i++) hide(d, square_at(d, i), input);
}

static xai_status run_variants(const xai_grading *g, draws *d, xai_error *err)
{
    float *values = XAI_NEW(g->arena, float, d->count);
    if (!values || !(d->drops = XAI_NEW(g->arena, double, d->count))) XAI_NO_MEMORY(err);
    xai_variants variants = {.count = d->count, .make = make, .user = d};
    XAI_TRY(xai_evaluate(g->context, &g->aim, &variants, &(xai_scores){.values = values}, err));
    for (size_t i = 0; i < d->count; i++) d->drops[i] = g->base - (double)values[i];
    return XAI_OK;
}

/* ---------------------------------------------------------------- prepare */

static xai_status read_squares(const xai_grading *g, const draws *d, const xai_task *task, square *list, bool *found,
                               xai_error *err)
{
    xai_tensor t;
    XAI_TRY(xai_task_use_draws(task, SQUARES, 2, &t, found, err));
    if (!*found) return XAI_OK;
    XAI_CHECK(t.shape.dim[0] == (int64_t)d->count && t.shape.dim[1] == 3, err, BAD_TENSOR, SQUARES,
              "the draws must be samples x 3: top, left, side");
    const float *v = t.data;
    for (size_t i = 0; i < d->count; i++) {
        const float *s = v + 3 * i;
        bool inside = s[0] >= 0 && s[1] >= 0 && s[2] >= 1 && s[0] + s[2] <= (float)g->height &&
                      s[1] + s[2] <= (float)g->width;
        XAI_CHECK(inside, err, BAD_TENSOR, SQUARES, "square %zu of the draws does not lie within the input", i);
        list[i] = (square){(int64_t)s[0], (int64_t)s[1], (int64_t)s[2]};
    }
    return XAI_OK;
}

static xai_status emit_squares(const xai_task *task, const square *list, size_t count, xai_error *err)
{
    float *v = XAI_NEW(task->arena, float, 3 * count);
    if (!v) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < count; i++) {
        v[3 * i] = (float)list[i].top;
        v[3 * i + 1] = (float)list[i].left;
        v[3 * i + 2] = (float)list[i].side;
    }
    return xai_task_emit_draws(task, SQUARES, &(xai_array){.dtype = XAI_F32, .rank = 2, .shape = {(int64_t)count, 3},
                                                           .data = v}, err);
}

static xai_status take_squares(const xai_grading *g, draws *d, const xai_task *task, xai_error *err)
{
    square *list = XAI_NEW(g->arena, square, d->count);
    bool found = false;
    if (!list) XAI_NO_MEMORY(err);
    if (xai_task_has_draws(task, SQUARES)) XAI_TRY(read_squares(g, d, task, list, &found, err));
    for (size_t i = 0; !found && i < d->count; i++) list[i] = draw_square(d, i);
    d->squares = list;
    return emit_squares(task, list, d->count, err);
}

static xai_status emit_noise(const draws *d, const xai_task *task, xai_error *err)
{
    size_t height = (size_t)d->context->height, width = (size_t)d->context->width, pixels = height * width;
    if (!task->emit_draws) return XAI_OK;
    float *all = XAI_NEW(task->arena, float, d->count * pixels);
    if (!all) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < d->count; i++) {
        noise n = noise_of(d, i);
        for (size_t k = 0; k < pixels; k++) all[i * pixels + k] = (float)next_noise(&n);
    }
    xai_array array = {.dtype = XAI_F32, .rank = 3, .data = all,
                       .shape = {(int64_t)d->count, (int64_t)height, (int64_t)width}};
    return xai_task_emit_draws(task, NOISE, &array, err);
}

static xai_status take_noise(const xai_grading *g, draws *d, const xai_task *task, xai_error *err)
{
    xai_tensor t;
    bool found;
    if (!xai_task_has_draws(task, NOISE)) return emit_noise(d, task, err);
    XAI_TRY(xai_task_use_draws(task, NOISE, 3, &t, &found, err));
    xai_shape wanted = {3, {(int64_t)d->count, g->height, g->width}};
    XAI_CHECK(xai_shape_equal(&t.shape, &wanted), err, BAD_TENSOR, NOISE, "the draws must be samples x height x width");
    d->given = t.data;
    return XAI_OK;
}

static xai_status prepare(const xai_grading *g, const void *params, void **state, xai_error *err)
{
    const infidelity_params *p = params;
    draws *d = XAI_NEW(g->arena, draws, 1);
    float *baseline = XAI_NEW(g->arena, float, g->context->input_count);
    if (!d || !baseline) XAI_NO_MEMORY(err);
    *d = (draws){.context = g->context, .params = p, .count = draw_count(g->context->model, p), .baseline = baseline,
                 .seed = g->seed};
    xai_task task = {.context = g->context, .arena = g->arena, .use_draws = g->request->use_draws,
                     .emit_draws = g->request->emit_draws};
    XAI_TRY(xai_context_baseline(g->context, (xai_baseline)p->baseline, p->sigma, baseline, err));
    if (p->perturbation == SQUARE) XAI_TRY(take_squares(g, d, &task, err));
    if (p->perturbation == GAUSSIAN) XAI_TRY(take_noise(g, d, &task, err));
    *state = d;
    return run_variants(g, d, err);
}

/* ---------------------------------------------------------------- run */

/* The map's sum over a square; times what was hidden there, summed over the channels, for slopes. */
static double sum_square(const draws *d, square s, const float *map, bool slopes)
{
    const xai_context *c = d->context;
    double sum = 0;
    for (int64_t y = s.top; y < s.top + s.side && y < c->height; y++)
        for (int64_t x = s.left; x < s.left + s.side && x < c->width; x++) {
            double taken = slopes ? 0 : 1;
            for (size_t ch = 0; slopes && ch < (size_t)c->channels; ch++) {
                size_t at = ch * c->channel_stride + (size_t)y * c->row_stride + (size_t)x * c->x_stride;
                taken += (double)c->input[at] - (double)d->baseline[at];
            }
            sum += taken * (double)map[y * c->width + x];
        }
    return sum;
}

static double sum_noise(const draws *d, size_t index, const float *map)
{
    noise n = noise_of(d, index);
    double sum = 0;
    for (size_t i = 0; i < (size_t)d->context->height * (size_t)d->context->width; i++)
        sum += (double)map[i] * (double)(float)next_noise(&n);
    return sum;
}

/* What the map promises of each draw. */
static xai_status promise(const draws *d, const float *map, double *out, xai_error *err)
{
    bool drawn = d->params->perturbation == GAUSSIAN, blocks = d->params->perturbation == BLOCKS;
    for (size_t i = 0; i < d->count; i++) {
        if (i % AT_A_TIME == 0) XAI_TRY(xai_token_check(d->context->token, err));
        out[i] = drawn ? sum_noise(d, i, map) : sum_square(d, square_at(d, i), map, blocks);
        if (blocks && i > 0) out[i] += out[i - 1];
        if (drawn) xai_token_advance(d->context->token, NOISE_COST);
    }
    return XAI_OK;
}

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    const infidelity_params *p = params;
    const draws *d = state;
    double *a = XAI_NEW(g->scratch, double, d->count), aa = 0, ad = 0, sum = 0;
    if (!a) XAI_NO_MEMORY(err);
    XAI_TRY(promise(d, map->values, a, err));
    for (size_t i = 0; i < d->count; i++) {
        aa += a[i] * a[i];
        ad += a[i] * d->drops[i];
    }
    double factor = !p->normalize ? 1 : aa > 0 ? ad / aa : 0;
    for (size_t i = 0; i < d->count; i++) {
        double off = factor * a[i] - d->drops[i];
        sum += off * off;
    }
    out->value = sum / (double)d->count;
    return XAI_OK;
}

const xai_metric xai_metric_infidelity = {
    .info = {.id = "infidelity", .title = "Infidelity", .family = "faithfulness",
             .summary = "How far the map is, in squares of the score, from saying what is lost when squares of the picture "
                        "are hidden.",
             .paper = "arXiv:1901.09392", .version = 1, .needs = "forward", .cost = "100 forwards a picture",
             .better = XAI_BETTER_LOWER, .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(infidelity_params),
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
