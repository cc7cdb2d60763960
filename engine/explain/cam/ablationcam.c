/*
 * Ablation-CAM: sum over channels k of w_k A_k, w_k = (y - y_k) / y, y_k the score with channel k set to zero.
 *
 * Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free
 * Localization", WACV 2020, equation 2. Only what follows the layer is run, and where that is affine (pooling and a
 * linear layer), and the target a logit, not even that: one gradient holds all drops. As pytorch-grad-cam has it
 * where the layer's least activation is 0; elsewhere that library sets a channel not to zero but to 1e7 below the
 * least activation, which it measures anew after each channel, so that they get lower and lower.
 */
#include "channel_list.h"

#include "explain/evaluate.h"

#include <string.h>

typedef struct ablationcam_params {
    xai_cam_options cam;
    int64_t channels;
} ablationcam_params;

static const xai_param PARAMS[] = {
    XAI_CAM_PARAMS(false),
    XAI_CAM_SMOOTH,
    XAI_CAM_FUSE,
    XAI_P_CHANNELS(ablationcam_params, channels),
};

static double cost(const xai_model *model, const void *params)
{
    const ablationcam_params *p = params;
    xai_layer_list list = xai_cam_layers(&p->cam);
    double more = 0;
    for (size_t i = 0; i < list.count; i++)
        more += xai_model_affine_after(model, list.names[i], model->logits)
                    ? 2
                    : (double)xai_channel_list_count(model, list.names[i], p->channels) *
                          xai_model_share_after(model, list.names[i]);
    return xai_cam_cost_with(&p->cam, more);
}

/* ---------------------------------------------------------------- the drops: y - y_k */

typedef struct job {
    const xai_cam_layer *layer;
    xai_channel_list list;
} job;

static void switch_off(const void *user, size_t index, float *values)
{
    const job *j = user;
    size_t area = (size_t)j->layer->area;
    memcpy(values, j->layer->a, (size_t)j->layer->channels * area * sizeof *values);
    memset(values + j->list.order[index] * area, 0, area * sizeof *values);
}

/* By running what follows the layer, channel by channel; where there is nothing to switch off, nothing drops. */
static xai_status try_out(xai_task *task, const job *j, double *drops, xai_error *err)
{
    xai_scores scores = {.values = XAI_NEW(task->arena, float, j->list.count)};
    if (!scores.values) XAI_NO_MEMORY(err);
    xai_variants variants = {.count = j->list.active, .make = switch_off, .user = j,
                             .of = xai_program_find(task->context->program, j->layer->value->name)};
    bool partial;
    XAI_TRY(xai_evaluate_until(task->context, &task->aim, &variants, 1, &scores, &partial, err));
    for (size_t i = 0; i < scores.done; i++) drops[j->list.order[i]] = task->base - (double)scores.values[i];
    return partial ? xai_channel_list_stop(task, &j->list, scores.done, err) : XAI_OK;
}

/* Where what follows is affine, a channel's drop is the sum of gradient times activation. */
static xai_status work_out(xai_task *task, const job *j, double *drops, xai_error *err)
{
    size_t area = (size_t)j->layer->area;
    float *g = XAI_NEW(task->arena, float, (size_t)j->layer->channels * area);
    if (!g) XAI_NO_MEMORY(err);
    XAI_TRY(xai_task_gradient(task, &(xai_wanted){j->layer->value, g}, 1, XAI_POLICY_PLAIN, err));
    for (size_t i = 0; i < j->list.count; i++) {
        size_t channel = j->list.order[i];
        const float *a = xai_channel(j->layer, channel), *slope = g + channel * area;
        for (size_t at = 0; at < area; at++) drops[channel] += (double)slope[at] * (double)a[at];
    }
    return XAI_OK;
}

static bool is_affine(const xai_aim *aim, const xai_value *layer)
{
    return aim->target.space != XAI_SPACE_PROBABILITY &&
           xai_model_affine_after(aim->model, layer->name, aim->value->name);
}

/* The drops as shares of the score; of a score of 0 as they are. */
static xai_status weights(xai_task *task, const xai_cam_layer *layer, const void *params, double *w, xai_error *err)
{
    const ablationcam_params *p = params;
    job j = {.layer = layer};
    XAI_TRY(xai_channel_list_make(task, layer, p->channels, &j.list, err));
    XAI_TRY(is_affine(&task->aim, layer->value) ? work_out(task, &j, w, err) : try_out(task, &j, w, err));
    if (task->base == 0)
        return xai_task_warn(task, err, "The score is 0: what a channel takes away counts as it is, not as a share.");
    for (int64_t k = 0; k < layer->channels; k++) w[k] /= task->base;
    return XAI_OK;
}

static const xai_cam_rule RULE = {.weights = weights};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_ablationcam = {
    .info = {.id = "ablationcam", .title = "Ablation-CAM", .family = "cam",
             .summary = "Each of the layer's feature maps counts with what the score loses when it is switched off.",
             .paper = "doi:10.1109/WACV45572.2020.9093360", .version = 1, .needs = "layer",
             .cost = "1 forward, and for each channel what follows the layer",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(ablationcam_params),
    .needs = XAI_NEEDS_LAYER,
    .steady = true,
    .space = XAI_SPACE_LOGIT,
    .check = xai_cam_check,
    .cost = cost,
    .run = run,
};
