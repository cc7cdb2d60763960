/*
 * Extremal perturbations: the smooth mask of a given area that keeps the score highest while the rest is blurred.
 *
 *     maximise over the mask m   f(blur(x, m)) - lambda mean_i (sorted(m)_i - r_i)^2
 *     r = 0 ... 0 1 ... 1, of which a share a is ones
 *
 * Fong, Patrick and Vedaldi, "Understanding Deep Networks via Extremal Perturbations and Smooth Masks", ICCV 2019,
 * arXiv 1910.08485, as TorchRay's extremal_perturbation: gradient ascent with momentum .9 (damped by .9) and step
 * size .01 from a mask of ones, lambda 300 growing by .35 % a step, the picture mirrored in every second step, and a
 * pyramid of blurs between which the mask interpolates, whose borders run into 0. The map is the mask of the last
 * step. Where pixels tie at the border of the area, the first in reading order count as outside (PyTorch's stable
 * sort; its default sort leaves it to the processor). No chance is involved. Unlike other methods by perturbation it
 * keeps the logit by default: TorchRay's simple_reward is the network's own output, with no softmax in between, and the
 * penalty's weight is made for it; against a probability the penalty wins, and the map hardly depends on the network.
 */
#include "explain/evaluate.h"
#include "smooth_mask.h"

#include <math.h>
#include <string.h>

typedef struct extremal_params {
    double area;
    int64_t steps, cell, smoothness, levels;
    int variant, perturbation;
    bool jitter;
} extremal_params;

typedef enum variant { PRESERVE, DELETE, DUAL } variant;
typedef enum perturbation { BLUR, FADE } perturbation;

static const xai_param PARAMS[] = {
    XAI_P_REAL(extremal_params, area, 0.1, 0.001, 0.999, "Share of the picture that the mask may show."),
    XAI_P_INT(extremal_params, steps, 800, 1, 5000, "Steps of the ascent; each takes a forward and a backward."),
    XAI_P_ENUM(extremal_params, variant, PRESERVE, "preserve|delete|dual",
               "Show what keeps the score, hide what lowers it, or both at once, which takes twice as long."),
    XAI_P_ENUM(extremal_params, perturbation, BLUR, "blur|fade", "What becomes of the rest: a blur of 20 pixels, or 0."),
    XAI_P_INT(extremal_params, cell, 7, 1, 64, "Distance of the mask's parameters, in pixels."),
    XAI_P_INT(extremal_params, smoothness, 21, 1, 256, "Size of the mask's bumps, in pixels; at most 9 cells."),
    XAI_P_INT(extremal_params, levels, 8, 2, 32, "Stages between hidden and shown."),
    XAI_P_BOOL(extremal_params, jitter, true, "Mirror the picture in every second step."),
};

static const double MOMENTUM = 0.9, RATE = 0.01, PENALTY = 300, GROWTH = 1.0035, MOST_BLUR = 20;

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    const extremal_params *p = params;
    (void)model;
    XAI_CHECK(p->smoothness <= 9 * p->cell, err, BAD_PARAM, "params.smoothness",
              "smoothness %lld is more than 9 cells of %lld pixels", (long long)p->smoothness, (long long)p->cell);
    XAI_CHECK(xai_smooth_mask_fits((int)p->cell, (int)p->smoothness), err, BAD_PARAM, "params.smoothness",
              "with a smoothness of %lld the mask does not reach over its margin of cells of %lld pixels: take a multiple of "
              "the cell", (long long)p->smoothness, (long long)p->cell);
    return XAI_OK;
}

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    const extremal_params *p = params;
    return 1 + 3 * (double)p->steps * (p->variant == DUAL ? 2 : 1);
}

typedef struct extremal {
    xai_context *context;
    const extremal_params *params;
    xai_smooth_mask mask;
    float *pyramid; /* levels x input, the last being the picture */
    double *gradient, *velocity; /* of the parameters */
    uint32_t *histogram; /* BINS */
    double penalty, kept;
    bool mirrored; /* in this step */
} extremal;

/* ---------------------------------------------------------------- the pyramid */

/* TorchRay's kernel ends at the next whole pixel, and beyond the border is 0. */
static xai_status blur(const xai_context *c, float sigma, float *out, xai_error *err)
{
    xai_blur_spec spec = {c->height, c->width, (double)sigma, (double)sigma, XAI_BORDER_ZERO, (int)ceilf(4 * sigma)};
    return xai_context_blur(c, &spec, out, err);
}

/* As torch.linspace(0, 1, levels) rounds. */
static float stage(int level, int levels)
{
    float step = 1 / (float)(levels - 1);
    return level < levels / 2 ? step * (float)level : 1 - step * (float)(levels - 1 - level);
}

static xai_status make_pyramid(extremal *e, xai_arena *arena, xai_error *err)
{
    const xai_context *c = e->context;
    int levels = (int)e->params->levels;
    e->pyramid = XAI_NEW(arena, float, (size_t)levels * c->input_count);
    if (!e->pyramid) XAI_NO_MEMORY(err);
    for (int l = 0; l < levels; l++) {
        float *out = e->pyramid + (size_t)l * c->input_count, s = stage(l, levels);
        XAI_TRY(xai_token_check(c->token, err));
        if (e->params->perturbation == BLUR) XAI_TRY(blur(c, (1 - s) * (float)MOST_BLUR, out, err));
        else
            for (size_t i = 0; i < c->input_count; i++) out[i] = c->input[i] * s;
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- one step */

/* Whether variant `index` shows what the mask hides. */
static bool inverted(const extremal *e, size_t index) { return e->params->variant == DELETE || index == 1; }

/* The two levels around a pixel's place in the pyramid, and how far it is beyond the first. */
typedef struct place {
    const float *below, *above;
    float between;
} place;

static place place_of(const extremal *e, size_t index, int y, int x)
{
    float m = e->mask.mask[xai_smooth_mask_at(&e->mask, y, x)], last = (float)(e->params->levels - 1);
    float at = (inverted(e, index) ? 1 - m : m) * last, k = floorf(at);
    const float *below = e->pyramid + (size_t)k * e->context->input_count;
    return (place){below, k < last ? below + e->context->input_count : below, at - k};
}

static size_t element(const xai_context *c, int ch, int y, int x)
{
    return (size_t)ch * c->channel_stride + (size_t)y * c->row_stride + (size_t)x * c->x_stride;
}

static void apply(const void *user, size_t index, float *input)
{
    const extremal *e = user;
    const xai_context *c = e->context;
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++) {
            place p = place_of(e, index, y, x);
            int to = e->mirrored ? c->width - 1 - x : x;
            for (int ch = 0; ch < c->channels; ch++) {
                size_t from = element(c, ch, y, x);
                input[element(c, ch, y, to)] = (1 - p.between) * p.below[from] + p.between * p.above[from];
            }
        }
}

/* by_mask += d reward / d mask. */
static void take(void *user, const xai_sample *samples, size_t count, const xai_par *par)
{
    (void)par;
    extremal *e = user;
    const xai_context *c = e->context;
    for (size_t i = 0; i < count; i++) {
        const float *g = samples[i].gradients[0];
        double last = (double)(e->params->levels - 1);
        if (samples[i].index == 0) e->kept = samples[i].value;
        for (int y = 0; y < c->height; y++)
            for (int x = 0; x < c->width; x++) {
                place p = place_of(e, samples[i].index, y, x);
                double sum = 0;
                for (int ch = 0; ch < c->channels; ch++) {
                    size_t at = element(c, ch, y, x);
                    size_t to = element(c, ch, y, e->mirrored ? c->width - 1 - x : x);
                    sum += (double)g[to] * ((double)p.above[at] - (double)p.below[at]);
                }
                /* inverted: the reward is -f, and the place falls with the mask: two signs that cancel */
                e->mask.by_mask[xai_smooth_mask_at(&e->mask, y, x)] += (float)(last * sum);
            }
    }
}

enum { BINS = 1 << 16 }; /* for half of a float's bits */

/* The value of rank `rank` in rising order, and how many of its equals rank below `rank`. Values are not negative, so
 * that their bits rise with them. */
static float value_of_rank(const float *values, size_t count, size_t rank, uint32_t *histogram, size_t *equals)
{
    static const int SHIFT[] = {16, 0};
    uint32_t prefix = 0;
    size_t left = rank;
    for (int pass = 0; pass < 2; pass++) {
        memset(histogram, 0, BINS * sizeof *histogram);
        for (size_t i = 0; i < count; i++) {
            uint32_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            if (pass == 0 || bits >> 16 == prefix) histogram[(bits >> SHIFT[pass]) & (BINS - 1)]++;
        }
        uint32_t digit = 0;
        while (left >= histogram[digit]) left -= histogram[digit++];
        prefix = prefix << 16 | digit;
    }
    float value;
    memcpy(&value, &prefix, sizeof value);
    *equals = left;
    return value;
}

/* by_mask = -d penalty / d mask: the lower ranks towards 0, the upper ones towards 1. */
static void add_penalty(extremal *e)
{
    xai_smooth_mask *m = &e->mask;
    size_t count = xai_smooth_mask_count(m), zeros = (size_t)((double)count * (1 - e->params->area)), equals = 0;
    float border = zeros < count ? value_of_rank(m->mask, count, zeros, e->histogram, &equals) : INFINITY;
    for (size_t i = 0; i < count; i++) {
        bool low = m->mask[i] < border || (m->mask[i] == border && equals > 0);
        if (m->mask[i] == border && equals > 0) equals--;
        m->by_mask[i] = (float)(-2 * e->penalty * ((double)m->mask[i] - (low ? 0 : 1)) / (double)count);
    }
}

/* The first step has no momentum to damp. */
static void move(extremal *e, int64_t step)
{
    for (size_t i = 0; i < xai_smooth_mask_parameters(&e->mask); i++) {
        double g = e->gradient[i];
        e->velocity[i] = step == 0 ? g : MOMENTUM * e->velocity[i] + (1 - MOMENTUM) * g;
        e->mask.parameters[i] = (float)fmin(fmax((double)e->mask.parameters[i] + RATE * e->velocity[i], 0), 1);
    }
}

static void spread(const extremal *e, void (*work)(extremal *, const xai_par *))
{
    xai_context *c = e->context;
    xai_par par = {c->pool};
    xai_pool_enter(c->pool, c->urgent);
    work((extremal *)(uintptr_t)e, &par);
    xai_pool_leave(c->pool);
}

static void make_mask(extremal *e, const xai_par *par)
{
    xai_smooth_mask_make(&e->mask, par);
    add_penalty(e);
}

static void take_back(extremal *e, const xai_par *par) { xai_smooth_mask_backward(&e->mask, e->gradient, par); }

/* ---------------------------------------------------------------- run */

static xai_status climb(extremal *e, xai_task *task, int64_t *done, xai_error *err)
{
    const extremal_params *p = e->params;
    xai_value *by[] = {e->context->in};
    xai_variants variants = {.count = p->variant == DUAL ? 2 : 1, .make = apply, .user = e};
    xai_gradients gradients = {.by = by, .by_count = 1, .take = take, .user = e};
    for (*done = 0; *done < p->steps; ++*done) {
        e->mirrored = p->jitter && *done % 2 == 0;
        spread(e, make_mask);
        xai_status status = xai_differentiate(e->context, &task->aim, &variants, &gradients, err);
        if (status == XAI_E_DEADLINE && *done > 0) {
            task->result->partial = true;
            return XAI_OK;
        }
        XAI_TRY(status);
        if (*done + 1 == p->steps) continue; /* the map is this step's mask */
        spread(e, take_back);
        move(e, *done);
        e->penalty *= GROWTH;
    }
    return XAI_OK;
}

static xai_status finish(const extremal *e, xai_task *task, xai_error *err)
{
    const xai_context *c = e->context;
    float *map = XAI_NEW(task->arena, float, (size_t)c->height * (size_t)c->width);
    double sum = 0;
    if (!map) XAI_NO_MEMORY(err);
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++) {
            float m = e->mask.mask[xai_smooth_mask_at(&e->mask, y, x)];
            map[(size_t)y * (size_t)c->width + (size_t)x] = m;
            sum += (double)m;
        }
    XAI_TRY(xai_task_add_metric(task, "area", sum / ((double)c->height * (double)c->width), err));
    XAI_TRY(xai_task_add_metric(task, "perturbed_value", e->kept, err));
    return xai_task_add_map(task, "map", map, c->height, c->width, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const extremal_params *p = params;
    xai_context *c = task->context;
    extremal e = {.context = c, .params = p, .penalty = PENALTY};
    int64_t done;
    XAI_TRY(xai_smooth_mask_init(&e.mask, c->height, c->width, (int)p->cell, (int)p->smoothness, task->arena, err));
    XAI_TRY(make_pyramid(&e, task->arena, err));
    e.gradient = XAI_NEW(task->arena, double, xai_smooth_mask_parameters(&e.mask));
    e.velocity = XAI_NEW(task->arena, double, xai_smooth_mask_parameters(&e.mask));
    e.histogram = XAI_NEW(task->arena, uint32_t, BINS);
    if (!e.gradient || !e.velocity || !e.histogram) XAI_NO_MEMORY(err);
    XAI_TRY(climb(&e, task, &done, err));
    if (task->result->partial)
        XAI_TRY(xai_task_warn(task, err, "The deadline came after %lld of %lld steps: the mask has not settled.",
                              (long long)done, (long long)p->steps));
    return finish(&e, task, err);
}

const xai_method xai_method_extremal = {
    .info = {.id = "extremal", .title = "Extremal perturbation", .family = "perturbation",
             .summary = "The smooth part of the picture, of a given size, that alone keeps the score, its logit, highest.",
             .paper = "arXiv:1910.08485", .version = 1, .needs = "gradient", .cost = "801 forwards, 800 backwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(extremal_params),
    .needs = XAI_NEEDS_GRADIENT,
    .lanes = 1 << XAI_PLAN_GRADIENT,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
