/*
 * Ablation-CAM: ReLU(sum over channels k of w_k A_k), w_k = (y - y_k) / y, y_k the score with channel k set to zero.
 *
 * Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free
 * Localization", WACV 2020, equation 2. Only what follows the layer is run, and where that is affine (pooling and a linear
 * layer), and the target a logit, not even that: one gradient holds all drops. As pytorch-grad-cam has it where the
 * layer's least activation is 0; elsewhere that library sets channels not to zero but to 1e7 below the least
 * activation, and lower from channel to channel, since it measures the least anew after each.
 */
#include "channels.h"

#include <string.h>

typedef struct ablationcam_params {
    const char *layer;
    int64_t channels;
    bool relu;
} ablationcam_params;

static const xai_param PARAMS[] = {
    XAI_P_LAYER(ablationcam_params, layer,
                "Layer whose channels are switched off: a tensor or node with a spatial map; the last one if omitted."),
    XAI_P_CHANNELS(ablationcam_params, channels),
    XAI_P_BOOL(ablationcam_params, relu, true, "Keep only what speaks for the target; off: evidence against it is negative."),
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    return xai_model_check_spatial(model, ((const ablationcam_params *)params)->layer, err);
}

static double cost(const xai_model *model, const void *params)
{
    const ablationcam_params *p = params;
    if (xai_model_affine_after(model, p->layer, model->logits)) return 3;
    return 1 + (double)xai_channel_list_count(model, p->layer, p->channels) * xai_model_share_after(model, p->layer);
}

/* ---------------------------------------------------------------- the drops: y - y_k */

static void switch_off(const void *user, size_t index, float *values)
{
    const xai_channel_list *c = user;
    memcpy(values, c->data, c->all * c->area * sizeof *values);
    memset(values + c->order[index] * c->area, 0, c->area * sizeof *values);
}

/* By running what follows the layer, channel by channel. */
static xai_status try_out(xai_task *task, const xai_channel_list *c, double *drops, size_t *done, xai_error *err)
{
    xai_scores scores = {.values = XAI_NEW(task->arena, float, c->count)};
    if (!scores.values) XAI_NO_MEMORY(err);
    xai_variants variants = {.count = c->count, .make = switch_off, .user = c, .of = c->layer};
    bool partial;
    XAI_TRY(xai_evaluate_until(task->context, &task->aim, &variants, 1, &scores, &partial, err));
    for (size_t k = 0; k < scores.done; k++) drops[k] = task->base - (double)scores.values[k];
    *done = scores.done;
    return partial ? xai_channel_list_stop(task, c, *done, err) : XAI_OK;
}

/* Where what follows is affine, a channel's drop is the sum of gradient times activation. */
static xai_status work_out(xai_task *task, const xai_channel_list *c, double *drops, size_t *done, xai_error *err)
{
    float *g = XAI_NEW(task->arena, float, c->all * c->area);
    if (!g) XAI_NO_MEMORY(err);
    XAI_TRY(xai_task_gradient(task, &(xai_wanted){c->layer, g}, 1, XAI_POLICY_PLAIN, err));
    for (size_t k = 0; k < c->count; k++) {
        const float *a = xai_channel(c, c->order[k]), *slope = g + c->order[k] * c->area;
        for (size_t i = 0; i < c->area; i++) drops[k] += (double)slope[i] * (double)a[i];
    }
    *done = c->count;
    return XAI_OK;
}

static bool is_affine(const xai_task *task, const char *layer)
{
    const xai_aim *aim = &task->aim;
    return aim->target.space != XAI_SPACE_PROBABILITY && xai_model_affine_after(aim->model, layer, aim->value->name);
}

/* ---------------------------------------------------------------- run */

/* The drops become shares of the score; of a score of 0 they stay as they are. */
static xai_status scale(xai_task *task, double *drops, size_t count, xai_error *err)
{
    if (task->base == 0)
        return xai_task_warn(task, err, "The score is 0: what a channel takes away is no share of it, and counts as it is.");
    for (size_t k = 0; k < count; k++) drops[k] /= task->base;
    return XAI_OK;
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const ablationcam_params *p = params;
    xai_channel_list c;
    XAI_TRY(xai_channel_list_open(task, p->layer, p->channels, &c, err));
    double *weights = XAI_NEW(task->arena, double, c.count);
    size_t done = 0;
    if (!weights) XAI_NO_MEMORY(err);
    XAI_TRY(is_affine(task, p->layer) ? work_out(task, &c, weights, &done, err) : try_out(task, &c, weights, &done, err));
    XAI_TRY(scale(task, weights, done, err));
    return xai_channel_list_add_map(task, &c, weights, done, p->relu, err);
}

const xai_method xai_method_ablationcam = {
    .info = {.id = "ablationcam", .title = "Ablation-CAM", .family = "cam",
             .summary = "Each of the layer's feature maps counts with what the score loses when it is switched off.",
             .paper = "10.1109/WACV45572.2020.9093360", .version = 1, .needs = "forward, layer",
             .cost = "1 forward, and for each channel what follows the layer",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(ablationcam_params),
    .needs = XAI_NEEDS_LAYER,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
