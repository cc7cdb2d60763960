/*
 * ROAD: what the target loses when the weakest pixels are removed, against what it loses when the strongest are, without
 * the shapes of the holes showing. High is good.
 *
 *     mean over the shares of (y(weakest removed) - y(strongest removed)) / 2
 *
 * Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods", 2022, arXiv 2202.00449; removed
 * pixels are imputed (impute.h), and get noise. As ROADCombined of pytorch-grad-cam 1.5: percentiles 10, 20, ... 90 of the
 * map by linear interpolation; what is below stays, so that where many pixels have equal values more than the share may
 * go at once. Two differences: the library removes the weakest by 1 - map, in float32, which we do by -map, exact for any
 * scale; and it draws noise for every picture anew, which is here one field of noise for all, so that differences between
 * maps are the maps'. With everything removed the library's system is singular: here the mean, 0, is left.
 */
#include "impute.h"
#include "metric.h"

#include "base/rng.h"

#include <pthread.h>
#include <string.h>

typedef struct road_params {
    XAI_METRIC_COMMON;
    int64_t levels;
    double noise;
} road_params;

static const xai_param PARAMS[] = {
    XAI_METRIC_PARAM(road_params),
    XAI_P_INT(road_params, levels, 9, 1, 99, "Shares of the pixels that are removed; 9: 10 %, 20 %, ... 90 %."),
    XAI_P_REAL(road_params, noise, 0.01, 0, 10, "Deviation of the noise on imputed pixels, in the normalised input."),
};

static xai_metric_cost cost(const xai_model *model, const void *params)
{
    (void)model;
    return (xai_metric_cost){.each = 2 * (double)((const road_params *)params)->levels};
}

/* ---------------------------------------------------------------- what all maps share */

#define BENCH_MEMORY ((size_t)512 << 20) /* most bytes of all benches, but for the first */

/* What one thread works at, one at a time. */
typedef struct bench {
    pthread_mutex_t taken; /* never destroyed: it holds nothing beside itself */
    xai_imputer *imputer;
    bool *missing;
    double *pixels; /* height * width, XAI_IMPUTER_PLANES each */
} bench;

typedef struct road_state {
    const float *noise; /* channels * height * width */
    bench *benches;
    size_t count;
} road_state;

static xai_status make_noise(const xai_grading *g, const float **out, xai_error *err)
{
    const xai_context *c = g->context;
    size_t pixels = (size_t)c->height * (size_t)c->width, count = (size_t)c->channels * pixels;
    xai_task task = {.arena = g->arena, .use_draws = g->request->use_draws, .emit_draws = g->request->emit_draws};
    if (xai_task_has_draws(&task, "road_noise")) {
        xai_tensor given;
        bool found;
        XAI_TRY(xai_task_use_draws(&task, "road_noise", 3, &given, &found, err));
        XAI_CHECK(given.shape.dim[0] == c->channels && given.shape.dim[1] == c->height && given.shape.dim[2] == c->width,
                  err, BAD_TENSOR, "road_noise", "the noise must have the shape of the input: channels, rows, columns");
        *out = given.data;
        return XAI_OK;
    }
    float *noise = XAI_NEW(g->arena, float, count);
    if (!noise) XAI_NO_MEMORY(err);
    xai_rng rng = xai_rng_init(g->seed, (uint64_t)0x726f6164 << 32); /* apart from the draws of methods */
    for (size_t i = 0; i < count; i++) noise[i] = (float)xai_rng_normal(&rng);
    *out = noise;
    xai_array array = {.dtype = XAI_F32, .rank = 3, .shape = {c->channels, c->height, c->width}, .data = noise};
    return xai_task_emit_draws(&task, "road_noise", &array, err);
}

static bool make_bench(const xai_grading *g, bench *b)
{
    size_t pixels = (size_t)g->height * (size_t)g->width;
    b->imputer = xai_imputer_new(g->arena, g->height, g->width);
    b->missing = XAI_NEW(g->arena, bool, pixels);
    b->pixels = XAI_NEW(g->arena, double, XAI_IMPUTER_PLANES * pixels);
    return b->imputer && b->missing && b->pixels && pthread_mutex_init(&b->taken, NULL) == 0;
}

/* One for every thread that makes variants, as far as they fit: a large input's are shared. */
static xai_status make_benches(const xai_grading *g, road_state *s, xai_error *err)
{
    size_t most = (size_t)xai_pool_threads(g->context->pool) + 1, before = xai_arena_used(g->arena);
    if (!(s->benches = XAI_NEW(g->arena, bench, most))) XAI_NO_MEMORY(err);
    while (s->count < most) {
        size_t used = xai_arena_used(g->arena) - before;
        if (s->count && used + used / s->count > BENCH_MEMORY) break;
        if (!make_bench(g, &s->benches[s->count++])) XAI_NO_MEMORY(err);
    }
    return XAI_OK;
}

static xai_status prepare(const xai_grading *g, const void *params, void **state, xai_error *err)
{
    (void)params;
    road_state *s = XAI_NEW(g->arena, road_state, 1);
    if (!s) XAI_NO_MEMORY(err);
    *state = s;
    XAI_TRY(make_noise(g, &s->noise, err));
    return make_benches(g, s, err);
}

/* ---------------------------------------------------------------- one map */

typedef struct road {
    const xai_context *context;
    const road_params *params;
    const road_state *state;
    const float *map;
    const float *thresholds; /* of the map: the first `levels` keep what is below; the others, what is above */
} road;

/* One that is free, or the wait for one. */
static bench *take_bench(const road_state *s, size_t index)
{
    for (size_t i = 0; i < s->count; i++)
        if (pthread_mutex_trylock(&s->benches[i].taken) == 0) return &s->benches[i];
    bench *b = &s->benches[index % s->count];
    pthread_mutex_lock(&b->taken);
    return b;
}

/* Channels `first` to first + count - 1, at most as many as an imputer has planes. */
static void fill_channels(const road *r, bench *b, size_t first, size_t count, float *out)
{
    const xai_context *c = r->context;
    size_t width = (size_t)c->width, pixels = (size_t)c->height * width;
    memset(b->pixels, 0, XAI_IMPUTER_PLANES * pixels * sizeof *b->pixels);
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < pixels; i++) {
            size_t from = (first + k) * c->channel_stride + i / width * c->row_stride + i % width * c->x_stride;
            b->pixels[XAI_IMPUTER_PLANES * i + k] = (double)c->input[from];
        }
    xai_imputer_fill(b->imputer, b->pixels);
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < pixels; i++) {
            size_t to = (first + k) * c->channel_stride + i / width * c->row_stride + i % width * c->x_stride;
            double added = b->missing[i] ? r->params->noise * (double)r->state->noise[(first + k) * pixels + i] : 0;
            out[to] = (float)(b->pixels[XAI_IMPUTER_PLANES * i + k] + added);
        }
}

static void make(const void *user, size_t index, float *values)
{
    const road *r = user;
    size_t pixels = (size_t)r->context->height * (size_t)r->context->width;
    bool weakest = index >= (size_t)r->params->levels;
    float threshold = r->thresholds[index];
    bench *b = take_bench(r->state, index);
    for (size_t i = 0; i < pixels; i++) b->missing[i] = weakest ? r->map[i] <= threshold : r->map[i] >= threshold;
    xai_imputer_set(b->imputer, b->missing);
    size_t channels = (size_t)r->context->channels;
    for (size_t ch = 0; ch < channels; ch += XAI_IMPUTER_PLANES)
        fill_channels(r, b, ch, channels - ch < XAI_IMPUTER_PLANES ? channels - ch : XAI_IMPUTER_PLANES, values);
    pthread_mutex_unlock(&b->taken);
}

/* The value below which a share of k / parts lies, between the two nearest of `order`, which descends. */
static float percentile(const float *map, const uint32_t *order, size_t n, size_t k, size_t parts)
{
    size_t at = (n - 1) * k, low = at / parts, rest = at % parts;
    double a = (double)map[order[n - 1 - low]];
    if (!rest) return (float)a;
    double b = (double)map[order[n - 2 - low]];
    return (float)(a + (b - a) * (double)rest / (double)parts);
}

/* Thresholds by rising shares that are removed. */
static xai_status find_thresholds(const xai_grading *g, const road_params *p, const float *map, const float **out,
                                  xai_error *err)
{
    size_t n = (size_t)g->height * (size_t)g->width, levels = (size_t)p->levels, parts = levels + 1;
    uint32_t *order = XAI_NEW(g->scratch, uint32_t, n);
    float *thresholds = XAI_NEW(g->scratch, float, 2 * levels);
    if (!order || !thresholds) XAI_NO_MEMORY(err);
    xai_order_descending(map, n, order);
    for (size_t i = 0; i < levels; i++) {
        thresholds[i] = percentile(map, order, n, levels - i, parts);
        thresholds[levels + i] = percentile(map, order, n, i + 1, parts);
    }
    *out = thresholds;
    return XAI_OK;
}

static xai_status run(const xai_grading *g, const void *params, const void *state, const xai_graded *map,
                      xai_finding *out, xai_error *err)
{
    const road_params *p = params;
    size_t levels = (size_t)p->levels;
    float *values = XAI_NEW(g->scratch, float, 2 * levels);
    double *x = XAI_NEW(g->scratch, double, levels), *y = XAI_NEW(g->scratch, double, 2 * levels), sum = 0;
    road r = {.context = g->context, .params = p, .state = state, .map = map->values};
    if (!values || !x || !y) XAI_NO_MEMORY(err);
    XAI_TRY(find_thresholds(g, p, map->values, &r.thresholds, err));
    xai_scores scores = {.values = values};
    xai_variants variants = {.count = 2 * levels, .make = make, .user = &r};
    XAI_TRY(xai_evaluate(g->context, &g->aim, &variants, &scores, err));
    for (size_t i = 0; i < 2 * levels; i++) y[i] = (double)values[i];
    for (size_t i = 0; i < levels; i++) {
        x[i] = (double)(i + 1) / (double)(levels + 1);
        sum += (y[levels + i] - y[i]) / 2;
    }
    out->value = sum / (double)levels;
    out->lines[out->line_count++] = (xai_line){.name = "strongest removed", .x = x, .y = y, .count = levels};
    out->lines[out->line_count++] = (xai_line){.name = "weakest removed", .x = x, .y = y + levels, .count = levels};
    out->x_label = "share of the pixels removed";
    out->y_label = g->aim.target.space == XAI_SPACE_PROBABILITY ? "probability" : "score";
    return XAI_OK;
}

const xai_metric xai_metric_road = {
    .info = {.id = "road", .title = "ROAD", .family = "faithfulness",
             .summary = "What the score loses without the strongest pixels more than without the weakest, holes filled in "
                        "unseen.",
             .paper = "arXiv:2202.00449", .version = 1, .needs = "forward", .cost = "18 forwards",
             .better = XAI_BETTER_HIGHER, .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(road_params),
    .lanes = 1U << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
