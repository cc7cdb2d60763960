/*
 * Blur integrated gradients: integrated gradients on the way from a blurred picture to the sharp one.
 *
 *     a = - sum over steps i of (sigma_i+1 - sigma_i) * (L(sigma_i + h) - L(sigma_i)) / h * d target / d L(sigma_i)
 *
 * with L(sigma) the picture under a Gaussian blur, sigma_i = i max_sigma / steps. Xu, Venugopalan and Sundararajan,
 * "Attribution in Scale and Space", CVPR 2020, arXiv 2004.03383. As BlurIG of PAIR's saliency library: scipy's blur
 * with 0 beyond the border, a left Riemann sum, h = 0.01. With `sqrt` the deviations rise like a root; the library then
 * weighs a whole batch of steps by the last one's width, so it equals this for a batch of 1. The attributions sum to
 * f(x) - f(L(max_sigma)) but for the metric completeness_error.
 */
#include "image/scale_space.h"
#include "tunnel.h"

#include <math.h>
#include <string.h>

static const xai_param PARAMS[] = {
    XAI_P_INT(xai_gradient_params, steps, 100, 1, 10000, "Blurred pictures on the way: more is more exact and slower."),
    XAI_P_REAL(xai_gradient_params, max_sigma, 50, 0.1, 100, "The strongest blur, where the path begins, in pixels."),
    XAI_P_REAL(xai_gradient_params, grad_step, 0.01, 1e-4, 1,
               "Step in sigma by which the change of the blur is measured, in pixels."),
    XAI_P_BOOL(xai_gradient_params, sqrt, false, "Let the blur rise like a square root: more steps at strong blur."),
    XAI_GRADIENT_ABSOLUTE(false),
    XAI_GRADIENT_COLOURS(XAI_FOLD_SUM),
    XAI_GRADIENT_NOISE,
};

#define MOST_BLOCK_BYTES ((size_t)32 << 20)

enum { SLACK = 16 }; /* a panel may be read a little beyond the picture */

/* One forward for the score of the blurred picture. */
static double cost(const xai_model *model, const void *params)
{
    (void)model;
    const xai_gradient_params *p = params;
    return xai_tunnel_cost(p, 3 * (double)p->steps) + xai_gradient_is_complete(p);
}

typedef struct blurs {
    const xai_gradient_params *params;
    xai_task *task;
    xai_context *context;
    xai_scale_space space;
    size_t first, count, most; /* steps of the block; room for them */
    float *points, *changes;   /* most x input_count: L, and its change with sigma */
    float *turned;             /* the picture, as the space has it */
    float *room;               /* of each thread */
    size_t room_step;
    double *sums;
} blurs;

static double sigma_at(const xai_gradient_params *p, size_t i)
{
    double share = (double)i * p->max_sigma / (double)p->steps;
    return p->sqrt ? sqrt(share) : share;
}

/* ---------------------------------------------------------------- blurring */

static void turn_picture(const blurs *b, const float *input)
{
    const xai_context *c = b->context;
    float *to = b->turned;
    for (size_t ch = 0; ch < (size_t)c->channels; ch++)
        for (size_t x = 0; x < (size_t)c->width; x++)
            for (size_t y = 0; y < (size_t)c->height; y++)
                *to++ = input[ch * c->channel_stride + y * c->row_stride + x * c->x_stride];
}

static void make_blur(void *user, size_t index, int thread)
{
    const blurs *b = user;
    const xai_context *c = b->context;
    const float *from = xai_scale_space_step(&b->space, sigma_at(b->params, b->first + index), b->params->grad_step,
                                             b->room + (size_t)thread * b->room_step);
    for (size_t ch = 0; ch < (size_t)c->channels; ch++)
        for (size_t y = 0; y < (size_t)c->height; y++, from += 2 * c->width) {
            size_t line = index * c->input_count + ch * c->channel_stride + y * c->row_stride;
            for (size_t x = 0; x < (size_t)c->width; x++) {
                b->points[line + x * c->x_stride] = from[x];
                b->changes[line + x * c->x_stride] = from[(size_t)c->width + x];
            }
        }
}

static void make_block(blurs *b)
{
    xai_context *c = b->context;
    xai_par par = {c->pool};
    xai_pool_enter(c->pool, c->urgent);
    xai_par_for(&par, b->count, make_blur, b);
    xai_pool_leave(c->pool);
}

/* ---------------------------------------------------------------- summing */

static void copy_point(const void *user, size_t index, float *values)
{
    const blurs *b = user;
    memcpy(values, b->points + index * b->context->input_count, b->context->input_count * sizeof *values);
}

static void take(void *user, const xai_sample *samples, size_t count, const xai_par *par)
{
    (void)par;
    const blurs *b = user;
    size_t n = b->context->input_count;
    for (size_t k = 0; k < count; k++) {
        size_t step = b->first + samples[k].index;
        double width = sigma_at(b->params, step + 1) - sigma_at(b->params, step);
        const float *change = b->changes + samples[k].index * n, *g = samples[k].gradients[0];
        for (size_t i = 0; i < n; i++) b->sums[i] -= width * (double)change[i] * (double)g[i];
    }
}

static xai_status attribute(void *user, const float *input, double *out, xai_error *err)
{
    blurs *b = user;
    size_t steps = (size_t)b->params->steps;
    turn_picture(b, input);
    b->sums = out;
    for (size_t i = 0; i < b->context->input_count; i++) out[i] = 0;
    for (b->first = 0; b->first < steps; b->first += b->count) {
        b->count = steps - b->first < b->most ? steps - b->first : b->most;
        XAI_TRY(xai_token_check(b->context->token, err));
        make_block(b);
        xai_variants variants = {.count = b->count, .make = copy_point, .user = b};
        xai_gradients g = {.by = &b->context->in, .by_count = 1, .take = take, .user = b};
        XAI_TRY(xai_differentiate(b->context, &b->task->aim, &variants, &g, err));
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- run */

static xai_status open_blurs(blurs *b, xai_task *task, const xai_gradient_params *p, xai_error *err)
{
    xai_context *c = task->context;
    size_t threads = (size_t)xai_pool_threads(c->pool), fit = MOST_BLOCK_BYTES / (2 * sizeof(float)) / c->input_count;
    *b = (blurs){.params = p, .task = task, .context = c, .turned = XAI_NEW(task->arena, float, c->input_count + SLACK)};
    b->space = (xai_scale_space){c->channels, c->height, c->width, b->turned};
    b->most = fit < 8 * threads ? fit : 8 * threads;
    if (b->most == 0) b->most = 1;
    b->room_step = xai_scale_space_room(&b->space);
    b->points = XAI_NEW(task->arena, float, b->most * c->input_count);
    b->changes = XAI_NEW(task->arena, float, b->most * c->input_count);
    b->room = XAI_NEW(task->arena, float, threads * b->room_step);
    if (!b->turned || !b->points || !b->changes || !b->room) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* The score where the path ends: step `steps`, which the sum does not need. */
static xai_status add_completeness(blurs *b, const double *sums, xai_error *err)
{
    b->first = (size_t)b->params->steps;
    b->count = 1;
    make_block(b);
    return xai_task_add_completeness(b->task, sums, b->context->input_count, b->points, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const xai_gradient_params *p = params;
    blurs b;
    size_t n = task->context->input_count;
    double *sums = XAI_NEW(task->arena, double, n);
    if (!sums) XAI_NO_MEMORY(err);
    XAI_TRY(open_blurs(&b, task, p, err));
    XAI_TRY(xai_tunnel_run(task, p, attribute, &b, sums, n, err));
    if (xai_gradient_is_complete(p)) XAI_TRY(add_completeness(&b, sums, err));
    return xai_task_add_folded_sums(task, "map", sums, task->context->in, (xai_fold)p->channels, false, err);
}

const xai_method xai_method_blurig = {
    .info = {.id = "blurig", .title = "Blur integrated gradients", .family = "gradient",
             .summary = "What each pixel adds to the score while the picture comes into focus.",
             .paper = "arXiv:2004.03383", .version = 1, .needs = "gradient", .cost = "102 forwards, 100 backwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_gradient_params),
    .needs = XAI_NEEDS_GRADIENT,
    .lanes = 1 << XAI_PLAN_GRADIENT,
    .steady = true,
    .space = XAI_SPACE_LOGIT,
    .cost = cost,
    .run = run,
};
