/*
 * XRAI: regions instead of pixels: segments are taken one after the other, the one whose new pixels have the highest
 * mean attribution first, and each region shows that mean.
 *
 * Kapishnikov et al., "XRAI: Better Attributions Through Regions", 2019, arXiv 1906.02825. As PAIR's saliency library:
 * integrated gradients from two baselines, `steps` evenly spaced points with both ends, the mean of the gradients (not
 * a trapezoid); the largest of the colour channels, with its sign; segments as in segments.h, of which one that adds
 * fewer than 50 pixels is dropped; what none covers shows its own mean. The baselines are the picture's own darkest and
 * brightest value in all channels, or the pixel values black and white. `fast` ranks the segments once, by the mean of
 * all their pixels. With noise, each noisy picture has gradients and baselines of its own, and the picture's segments:
 * the library's GetSmoothedMask would do the same if its shapes fitted.
 *
 * Draws: segments.npy.
 */
#include "segments.h"
#include "tunnel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BASELINES_OWN, BASELINES_PIXELS };
enum { FEWEST_NEW = 50 };

static const xai_param PARAMS[] = {
    XAI_P_INT(xai_gradient_params, steps, 100, 2, 10000, "Points on each path: more is more exact and slower."),
    XAI_P_ENUM(xai_gradient_params, baseline, BASELINES_OWN, "extremes|black_and_white",
               "Where the two paths begin: at the darkest and brightest value of this picture, or at black and white."),
    XAI_P_BOOL(xai_gradient_params, fast, false, "Rank the segments once, as if they did not overlap: less exact."),
    XAI_GRADIENT_NOISE,
};

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    const xai_gradient_params *p = params;
    return xai_tunnel_cost(p, 3 * 2 * (double)p->steps);
}

/* ---------------------------------------------------------------- attributions */

typedef struct paths {
    xai_task *task;
    xai_attribution a;
    float *ends[2];  /* the baselines */
    double *largest; /* by pixel: what comes out */
} paths;

static xai_status open_baselines(paths *p, xai_error *err)
{
    xai_context *c = p->task->context;
    static const xai_baseline KINDS[] = {XAI_BASELINE_BLACK, XAI_BASELINE_WHITE};
    for (int i = 0; i < 2; i++) {
        if (!(p->ends[i] = XAI_NEW(p->task->arena, float, c->input_count))) XAI_NO_MEMORY(err);
        XAI_TRY(xai_context_baseline(c, KINDS[i], 1, p->ends[i], err));
    }
    p->a.baselines = (const float *const *)p->ends;
    p->a.noise.samples = 2;
    return XAI_OK;
}

static void set_extremes(const paths *p)
{
    const float *input = p->a.input;
    size_t n = p->task->context->input_count;
    float least = input[0], most = least;
    for (size_t i = 0; i < n; i++) {
        least = fminf(least, input[i]);
        most = fmaxf(most, input[i]);
    }
    for (size_t i = 0; i < n; i++) {
        p->ends[0][i] = least;
        p->ends[1][i] = most;
    }
}

static xai_status set_path(xai_attribution *a, xai_task *task, xai_error *err)
{
    size_t n = (size_t)a->params->steps;
    double *alphas = XAI_NEW(task->arena, double, n), *weights = XAI_NEW(task->arena, double, n);
    if (!alphas || !weights) XAI_NO_MEMORY(err);
    xai_path_points(XAI_PATH_TRAPEZOID, n, alphas, weights);
    for (size_t i = 0; i < n; i++) weights[i] = 1 / (double)n;
    a->steps = n;
    a->alphas = alphas;
    a->weights = weights;
    return XAI_OK;
}

static xai_status open_paths(paths *p, xai_task *task, const xai_gradient_params *params, xai_error *err)
{
    const xai_context *c = task->context;
    *p = (paths){.task = task, .largest = XAI_NEW(task->arena, double, (size_t)c->height * (size_t)c->width)};
    if (!p->largest) XAI_NO_MEMORY(err);
    xai_attribution_plain(&p->a, task, params);
    XAI_TRY(open_baselines(p, err));
    return set_path(&p->a, task, err);
}

/* The largest over the channels, by pixel. */
static void reduce(const xai_context *c, const double *sums, double *out)
{
    for (size_t i = 0; i < (size_t)c->height * (size_t)c->width; i++) {
        const double *at = sums + i / (size_t)c->width * c->row_stride + i % (size_t)c->width * c->x_stride;
        out[i] = at[0];
        for (size_t ch = 1; ch < (size_t)c->channels; ch++) out[i] = fmax(out[i], at[ch * c->channel_stride]);
    }
}

static xai_status follow_paths(paths *p, const float *input, xai_error *err)
{
    p->a.input = input;
    if (p->a.params->baseline == BASELINES_OWN) set_extremes(p);
    XAI_TRY(xai_attribution_run(&p->a, p->task, err));
    reduce(p->task->context, p->a.sums, p->largest);
    return XAI_OK;
}

/* ---------------------------------------------------------------- regions */

typedef struct growth {
    xai_segments segments;
    const double *attributions; /* by pixel */
    size_t area;
    bool *covered;   /* by pixel */
    size_t *holders; /* by pixel, area + 1: where its segments begin in `holding` */
    int32_t *holding;
    size_t *fresh;   /* by segment: pixels that are not covered yet */
    double *sums;    /* of those */
    bool *dropped;   /* by segment: taken, or too small */
    struct rank *ranks; /* by segment */
    double *map;
} growth;

/* The segments that hold each pixel. */
static void list_holders(growth *g)
{
    const xai_segments *s = &g->segments;
    for (size_t k = 0; k < s->start[s->count]; k++) g->holders[s->pixels[k] + 1]++;
    for (size_t i = 0; i < g->area; i++) g->holders[i + 1] += g->holders[i];
    for (size_t i = s->count; i-- > 0;) /* from the end, so that a place moves down to where its list begins */
        for (size_t k = s->start[i]; k < s->start[i + 1]; k++) g->holding[--g->holders[s->pixels[k] + 1]] = (int32_t)i;
    memmove(g->holders, g->holders + 1, g->area * sizeof *g->holders);
    g->holders[g->area] = s->start[s->count];
}

/* Nothing is covered. */
static void begin(growth *g)
{
    const xai_segments *s = &g->segments;
    memset(g->covered, 0, g->area * sizeof *g->covered);
    memset(g->dropped, 0, s->count * sizeof *g->dropped);
    for (size_t i = 0; i < s->count; i++) {
        g->fresh[i] = s->start[i + 1] - s->start[i];
        g->sums[i] = 0;
        for (size_t k = s->start[i]; k < s->start[i + 1]; k++) g->sums[i] += g->attributions[s->pixels[k]];
    }
}

/* The pixel is covered: those who hold it lose it. */
static void cover(growth *g, size_t pixel)
{
    g->covered[pixel] = true;
    for (size_t k = g->holders[pixel]; k < g->holders[pixel + 1]; k++) {
        g->fresh[g->holding[k]]--;
        g->sums[g->holding[k]] -= g->attributions[pixel];
    }
}

/* What is new in the segment shows its mean. */
static void add_segment(growth *g, size_t segment)
{
    const xai_segments *s = &g->segments;
    double sum = 0;
    size_t n = 0;
    for (size_t k = s->start[segment]; k < s->start[segment + 1]; k++) {
        if (g->covered[s->pixels[k]]) continue;
        sum += g->attributions[s->pixels[k]];
        n++;
    }
    for (size_t k = s->start[segment]; k < s->start[segment + 1]; k++) {
        if (g->covered[s->pixels[k]]) continue;
        g->map[s->pixels[k]] = sum / (double)n;
        cover(g, (size_t)s->pixels[k]);
    }
    g->dropped[segment] = true;
}

/* The segment to be added next: of equal ones the first. */
static bool find_best(growth *g, size_t *best)
{
    bool found = false;
    double most = 0;
    for (size_t i = 0; i < g->segments.count; i++) {
        if (g->fresh[i] < FEWEST_NEW) g->dropped[i] = true;
        if (g->dropped[i]) continue;
        double mean = g->sums[i] / (double)g->fresh[i];
        if (found && mean <= most) continue;
        found = true;
        most = mean;
        *best = i;
    }
    return found;
}

typedef struct rank {
    double mean;
    size_t segment;
} rank;

static int by_mean(const void *x, const void *y)
{
    const rank *a = x, *b = y;
    if (a->mean != b->mean) return a->mean > b->mean ? -1 : 1;
    return (a->segment > b->segment) - (a->segment < b->segment);
}

static void grow_by_rank(growth *g)
{
    rank *ranks = g->ranks;
    size_t n = 0;
    for (size_t i = 0; i < g->segments.count; i++)
        if (g->fresh[i]) ranks[n++] = (rank){g->sums[i] / (double)g->fresh[i], i};
    qsort(ranks, n, sizeof *ranks, by_mean);
    for (size_t i = 0; i < n; i++)
        if (g->fresh[ranks[i].segment] >= FEWEST_NEW) add_segment(g, ranks[i].segment);
}

static void fill_rest(growth *g)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < g->area; i++) {
        if (g->covered[i]) continue;
        sum += g->attributions[i];
        n++;
    }
    for (size_t i = 0; i < g->area; i++)
        if (!g->covered[i]) g->map[i] = sum / (double)n;
}

static xai_status open_growth(growth *g, xai_task *task, const double *attributions, xai_error *err)
{
    const xai_segments *s = &g->segments;
    *g = (growth){.attributions = attributions,
                  .area = (size_t)task->context->height * (size_t)task->context->width};
    XAI_TRY(xai_segments_init(&g->segments, task, err));
    g->ranks = XAI_NEW(task->arena, rank, s->count);
    g->covered = XAI_NEW(task->arena, bool, g->area);
    g->holders = XAI_NEW(task->arena, size_t, g->area + 2);
    g->holding = XAI_NEW(task->arena, int32_t, s->start[s->count] + 1);
    g->fresh = XAI_NEW(task->arena, size_t, s->count);
    g->sums = XAI_NEW(task->arena, double, s->count);
    g->dropped = XAI_NEW(task->arena, bool, s->count);
    if (!g->ranks || !g->covered || !g->holders || !g->holding || !g->fresh || !g->sums || !g->dropped) XAI_NO_MEMORY(err);
    list_holders(g);
    return XAI_OK;
}

static void grow(growth *g, bool fast, double *map)
{
    g->map = map;
    begin(g);
    if (fast) grow_by_rank(g);
    for (size_t best; !fast && find_best(g, &best);) add_segment(g, best);
    fill_rest(g);
}

/* ---------------------------------------------------------------- run */

typedef struct regions {
    paths paths;
    growth growth;
} regions;

static xai_status attribute(void *user, const float *input, double *out, xai_error *err)
{
    regions *r = user;
    XAI_TRY(follow_paths(&r->paths, input, err));
    grow(&r->growth, r->paths.a.params->fast, out);
    return XAI_OK;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const xai_gradient_params *p = params;
    const xai_context *c = task->context;
    regions r;
    XAI_TRY(open_paths(&r.paths, task, p, err));
    XAI_TRY(open_growth(&r.growth, task, r.paths.largest, err));
    double *sums = XAI_NEW(task->arena, double, r.growth.area);
    float *map = XAI_NEW(task->arena, float, r.growth.area);
    if (!sums || !map) XAI_NO_MEMORY(err);
    XAI_TRY(xai_tunnel_run(task, p, attribute, &r, sums, r.growth.area, err));
    for (size_t i = 0; i < r.growth.area; i++) map[i] = (float)sums[i];
    return xai_task_add_map(task, "map", map, c->height, c->width, err);
}

const xai_method xai_method_xrai = {
    .info = {.id = "xrai", .title = "XRAI", .family = "gradient",
             .summary = "The picture's regions, ranked by how much of the score each holds.",
             .paper = "arXiv:1906.02825", .version = 1, .needs = "gradient", .cost = "201 forwards, 200 backwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_gradient_params),
    .needs = XAI_NEEDS_GRADIENT,
    .lanes = 1 << XAI_PLAN_GRADIENT,
    .steady = true,
    .space = XAI_SPACE_LOGIT,
    .cost = cost,
    .run = run,
};
