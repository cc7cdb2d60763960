/*
 * AISE: where a soft window shows what the class needs, sought where the last looks were promising.
 *
 *     g(c) = p(x m) - p(x (1 - m)),   m = exp(-|pixel - c|^2 / (2 sigma^2)), scaled to a largest value of 1
 *     S = sum over sigma of (sum over the centres c that were tried of g(c) m), each scaled to a largest value of 1
 *
 * The centres are those of DIRECT (direct.h), which minimises -g; pixels count from 0 to 1 along both sides. This is
 * AISEClassification of OpenVINO XAI 1.1 ("Adaptive Input Sampling for Explanation of Black-box Models"), before it
 * is scaled to bytes; there is no paper. As there, a map that is negative everywhere is divided by its largest value,
 * too, which turns its sign: then a warning says so.
 */
#include "explain/evaluate.h"
#include "blend.h"
#include "direct.h"

#include <math.h>

typedef struct aise_params {
    int64_t steps, kernels;
    double sigma_min, sigma_max, epsilon;
    bool locally_biased;
    int baseline;
    double sigma;
} aise_params;

enum { MOST_STEPS = 500, MOST_KERNELS = 16 };

static const xai_param PARAMS[] = {
    XAI_P_INT(aise_params, steps, 50, 1, MOST_STEPS, "Centres tried with each size of the window; each takes 2 forwards."),
    XAI_P_INT(aise_params, kernels, 3, 1, MOST_KERNELS, "Sizes of the window, evenly from sigma_min to sigma_max."),
    XAI_P_REAL(aise_params, sigma_min, 0.1, 0.01, 10, "The smallest window's sigma, in sides of the picture."),
    XAI_P_REAL(aise_params, sigma_max, 0.25, 0.01, 10, "The largest window's sigma, in sides of the picture."),
    XAI_P_REAL(aise_params, epsilon, 0.1, 0, 1,
               "How much better than the best a part must promise to be, to be looked at closer: more spreads the search."),
    XAI_P_BOOL(aise_params, locally_biased, false, "Search nearer to the best centre so far."),
    XAI_P_ENUM(aise_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES, "What a hidden pixel shows."),
    XAI_P_REAL(aise_params, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels."),
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const aise_params *p = params;
    (void)model;
    XAI_CHECK(p->sigma_min <= p->sigma_max, err, BAD_PARAM, "params.sigma_min",
              "sigma_min %g is larger than sigma_max %g", p->sigma_min, p->sigma_max);
    return XAI_OK;
}

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    const aise_params *p = params;
    return 1 + 2 * (double)p->steps * (double)p->kernels;
}

typedef struct aise {
    xai_task *task;
    const float *baseline;
    double sigma;
    double *axes; /* of each centre: its mask's row, then its column */
    size_t from;  /* the first centre of this round */
    double *kernel, *map; /* the sum of one size of window; of all */
    size_t tried;
    bool partial;
} aise;

/* A mask is the product of a column and a row: exp(-(i / (length - 1) - centre)^2 / (2 sigma^2)), the largest being
 * 1. */
static void fill_axis(double centre, double sigma, int length, double *out)
{
    double largest = 0;
    for (int i = 0; i < length; i++) {
        double d = (length > 1 ? (double)i / (length - 1) : 0) - centre;
        out[i] = exp(-d * d / (2 * sigma * sigma));
        largest = fmax(largest, out[i]);
    }
    for (int i = 0; i < length; i++) out[i] /= largest;
}

static double *axes_of(const aise *a, size_t centre)
{
    const xai_context *c = a->task->context;
    return a->axes + centre * (size_t)(c->width + c->height);
}

/* Variant 2 i shows the window of the round's centre i, 2 i + 1 all but that. The first coordinate runs across. */
static void apply(const void *user, size_t index, float *input)
{
    const aise *a = user;
    const xai_context *c = a->task->context;
    const double *row = axes_of(a, a->from + index / 2), *column = row + c->width;
    float mask[XAI_MAX_SIDE];
    for (int y = 0; y < c->height; y++) {
        for (int x = 0; x < c->width; x++)
            mask[x] = (float)(index % 2 ? 1 - column[y] * row[x] : column[y] * row[x]);
        xai_blend_row(c, a->baseline, y, mask, input);
    }
}

/* Adds the centre's mask, as much as its window keeps of the score. */
static void credit(aise *a, size_t centre, double gain)
{
    const xai_context *c = a->task->context;
    const double *row = axes_of(a, centre), *column = row + c->width;
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++) a->kernel[y * c->width + x] += column[y] * row[x] * gain;
}

static double largest_of(const double *values, size_t count)
{
    double largest = values[0];
    for (size_t i = 1; i < count; i++) largest = fmax(largest, values[i]);
    return largest;
}

/* Evaluates one round of the search. */
static xai_status try_round(aise *a, xai_direct *search, size_t from, size_t count, xai_error *err)
{
    xai_task *task = a->task;
    const xai_context *c = task->context;
    float *values = XAI_NEW(task->arena, float, 2 * count);
    if (!values) XAI_NO_MEMORY(err);
    a->from = from;
    for (size_t i = from; i < from + count; i++) {
        fill_axis(search->list[i].center[0], a->sigma, c->width, axes_of(a, i));
        fill_axis(search->list[i].center[1], a->sigma, c->height, axes_of(a, i) + c->width);
    }
    xai_scores scores = {.values = values};
    xai_variants variants = {.count = 2 * count, .make = apply, .user = a};
    XAI_TRY(xai_evaluate_until(task->context, &task->aim, &variants, a->tried ? 0 : 2, &scores, &a->partial, err));
    size_t done = scores.done / 2;
    for (size_t i = 0; i < done; i++) {
        double gain = (double)values[2 * i] - (double)values[2 * i + 1];
        search->list[from + i].value = -gain;
        credit(a, from + i, gain);
    }
    a->tried += done;
    return XAI_OK;
}

/* One size of the window. */
static xai_status search_with(aise *a, const aise_params *p, xai_error *err)
{
    const xai_context *c = a->task->context;
    size_t pixels = (size_t)c->height * (size_t)c->width, from, count;
    xai_direct search;
    XAI_TRY(xai_direct_init(&search, (size_t)p->steps, p->epsilon, p->locally_biased, a->task->arena, err));
    for (size_t i = 0; i < pixels; i++) a->kernel[i] = 0;
    while (!a->partial && (count = xai_direct_ask(&search, &from)) > 0) XAI_TRY(try_round(a, &search, from, count, err));
    double largest = largest_of(a->kernel, pixels);
    for (size_t i = 0; i < pixels; i++) a->map[i] += a->kernel[i] / (largest > 0 ? largest : 1);
    return XAI_OK;
}

static xai_status finish(const aise *a, xai_error *err)
{
    xai_task *task = a->task;
    const xai_context *c = task->context;
    size_t pixels = (size_t)c->height * (size_t)c->width;
    float *map = XAI_NEW(task->arena, float, pixels);
    if (!map) XAI_NO_MEMORY(err);
    double largest = largest_of(a->map, pixels);
    if (largest < 0)
        XAI_TRY(xai_task_warn(task, err, "No place speaks for the target: scaled by its largest value, which is negative, "
                              "the map is highest where the picture speaks against it most."));
    for (size_t i = 0; i < pixels; i++) map[i] = (float)(a->map[i] / (largest != 0 ? largest : 1));
    return xai_task_add_map(task, "map", map, c->height, c->width, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const aise_params *p = params;
    xai_context *c = task->context;
    size_t pixels = (size_t)c->height * (size_t)c->width, sides = (size_t)(c->height + c->width);
    aise a = {.task = task, .axes = XAI_NEW(task->arena, double, (size_t)p->steps * sides),
              .kernel = XAI_NEW(task->arena, double, pixels), .map = XAI_NEW(task->arena, double, pixels)};
    float *baseline = XAI_NEW(task->arena, float, c->input_count);
    if (!a.axes || !a.kernel || !a.map || !baseline) XAI_NO_MEMORY(err);
    XAI_TRY(xai_context_baseline(c, (xai_baseline)p->baseline, p->sigma, baseline, err));
    a.baseline = baseline;
    for (int64_t k = 0; k < p->kernels && !a.partial; k++) {
        double step = p->kernels > 1 ? (p->sigma_max - p->sigma_min) / (double)(p->kernels - 1) : 0;
        a.sigma = k > 0 && k == p->kernels - 1 ? p->sigma_max : p->sigma_min + (double)k * step;
        XAI_TRY(search_with(&a, p, err));
    }
    task->result->partial = a.partial;
    if (a.partial)
        XAI_TRY(xai_task_warn(task, err, "The deadline came after %zu of %lld windows: small ones come first.", a.tried,
                              (long long)(p->steps * p->kernels)));
    return finish(&a, err);
}

const xai_method xai_method_aise = {
    .info = {.id = "aise", .title = "AISE", .family = "perturbation",
             .summary = "Which places, seen alone through a soft window, keep the score, and lose it when hidden.",
             .paper = "OpenVINO XAI 1.1", .version = 1, .needs = "forward", .cost = "301 forwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(aise_params),
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .check = check,
    .cost = cost,
    .run = run,
};
