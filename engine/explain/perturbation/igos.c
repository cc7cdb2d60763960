/*
 * I-GOS and iGOS++: the mask that hides as little as it can, smoothly, while the score falls; in iGOS++ so that the
 * hidden part alone makes the score as well.
 *
 * Qi, Khorram and Li, "Visualizing Deep Networks by Optimizing with Integrated Gradients", AAAI 2020, arXiv
 * 1905.00954; Khorram, Lawson and Fuxin, "iGOS++: Integrated Gradient Optimized Saliency by Bilateral Perturbations",
 * CHIL 2021, arXiv 2012.15783. The descent is in igos_descent.c. The map is 1 - mask, enlarged as the search enlarges
 * it; `mask` is the mask as it was found.
 */
#include "igos.h"

#include "explain/evaluate.h"
#include "image/upsample.h"

#include <math.h>

static const xai_param PARAMS[] = {
    XAI_P_ENUM(xai_igos_params, dialect, XAI_IGOS_ORIGINAL, XAI_IGOS_DIALECTS,
               "I-GOS as first published; again as in iGOS++'s code; with insertion too; iGOS++ with a mask for each."),
    XAI_P_INT(xai_igos_params, grid, 28, 2, 224, "Cells a side of the mask: more is finer, slower and less stable."),
    XAI_P_INT(xai_igos_params, iterations, 15, 1, 1000, "Steps of the descent."),
    XAI_P_INT(xai_igos_params, steps, 20, 1, 1000,
              "Points between baseline and masked picture whose gradients make one step."),
    XAI_P_REAL(xai_igos_params, l1, 1, 0, 1000, "What hiding costs: more hides less of the picture."),
    XAI_P_REAL(xai_igos_params, tv, 20, 0, 1000, "What roughness costs: more makes the mask smoother."),
    XAI_P_ENUM(xai_igos_params, search, XAI_IGOS_ARMIJO, "armijo|nesterov",
               "Try ever shorter steps until the loss falls; or take a fixed one, with momentum."),
    XAI_P_REAL(xai_igos_params, rate, 0, 0, 1000000,
               "The first step tried, or the fixed one; 0: the dialect's own: 200, 8, 1000 or 1000."),
    XAI_P_ENUM(xai_igos_params, baseline, XAI_BASELINE_BLUR, XAI_BASELINE_CHOICES, "What a hidden pixel shows."),
    XAI_P_REAL(xai_igos_params, sigma, 50, 0.5, 100, "Blur of the baseline 'blur', in pixels."),
    XAI_P_INT(xai_igos_params, kernel, 51, 1, 511, "Side of that blur's window, in pixels."),
    XAI_P_REAL(xai_igos_params, noise_sigma, 0.2, 0, 100,
               "Noise on the pictures looked at, in units of the model's input; 0: none."),
};

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    return 3 + xai_igos_cost(params);
}

/* ---------------------------------------------------------------- what the mask does */

typedef struct view {
    const xai_context *context;
    const float *hidden, *baseline; /* 1 - mask, of every pixel */
} view;

/* Variant 0 has the hidden part deleted, variant 1 has nothing else. */
static void show(const void *user, size_t index, float *input)
{
    const view *v = user;
    const xai_context *c = v->context;
    for (size_t ch = 0; ch < (size_t)c->channels; ch++)
        for (size_t i = 0; i < (size_t)c->height * (size_t)c->width; i++) {
            size_t at = ch * c->channel_stride + i / (size_t)c->width * c->row_stride + i % (size_t)c->width * c->x_stride;
            float shown = index ? v->hidden[i] : 1 - v->hidden[i];
            input[at] = v->baseline[at] + shown * (c->input[at] - v->baseline[at]);
        }
}

static xai_status add_scores(xai_task *task, const view *v, xai_error *err)
{
    float values[2];
    bool partial;
    xai_scores scores = {.values = values};
    xai_variants variants = {.count = 2, .make = show, .user = v};
    XAI_TRY(xai_evaluate_until(task->context, &task->aim, &variants, 0, &scores, &partial, err));
    if (partial) return XAI_OK;
    XAI_TRY(xai_task_add_metric(task, "deletion_value", (double)values[0], err));
    return xai_task_add_metric(task, "insertion_value", (double)values[1], err);
}

static xai_status add_maps(xai_task *task, const xai_igos_result *found, int side, xai_error *err)
{
    const xai_context *c = task->context;
    size_t pixels = (size_t)c->height * (size_t)c->width, cells = (size_t)side * (size_t)side;
    float *map = XAI_NEW(task->arena, float, pixels), *mask = XAI_NEW(task->arena, float, cells);
    double sum = 0;
    if (!map || !mask) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < cells; i++) mask[i] = (float)(1 - found->mask[i]);
    xai_upsample_bilinear(mask, side, side, map, c->height, c->width, true);
    for (size_t i = 0; i < cells; i++) mask[i] = (float)found->mask[i];
    for (size_t i = 0; i < pixels; i++) sum += (double)map[i];
    XAI_TRY(xai_task_add_map(task, "map", map, c->height, c->width, err));
    XAI_TRY(xai_task_add_map(task, "mask", mask, side, side, err));
    XAI_TRY(xai_task_add_metric(task, "area", sum / (double)pixels, err));
    XAI_TRY(xai_task_add_metric(task, "last_step", found->step, err));
    if (sum == 0)
        XAI_TRY(xai_task_warn(task, err, "The mask hides nothing: no step away from the whole picture lowered the loss."));
    return add_scores(task, &(view){c, map, found->baseline}, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const xai_igos_params *p = params;
    xai_igos_result found;
    XAI_TRY(xai_igos_descend(task, p, &found, err));
    if (task->result->partial)
        XAI_TRY(xai_task_warn(task, err, "The deadline came after %lld of %lld steps: the mask has not settled.",
                              (long long)found.iterations, (long long)p->iterations));
    return add_maps(task, &found, (int)p->grid, err);
}

const xai_method xai_method_igos = {
    .info = {.id = "igos", .title = "I-GOS", .family = "perturbation",
             .summary = "The smallest smooth part of the picture whose hiding makes the score fall; with iGOS++ also suffices.",
             .paper = "arXiv:1905.00954", .version = 1, .needs = "gradient",
             .cost = "about 450 forwards, 300 backwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_igos_params),
    .needs = XAI_NEEDS_GRADIENT,
    .lanes = 1 << XAI_PLAN_FORWARD | 1 << XAI_PLAN_GRADIENT,
    .space = XAI_SPACE_PROBABILITY,
    .check = xai_igos_check,
    .cost = cost,
    .run = run,
};
