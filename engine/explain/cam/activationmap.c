/*
 * Activation map: the mean of the layer's channels, whatever the class. As OpenVINO XAI's ActivationMap, before its
 * scaling to bytes.
 */
#include "cam.h"

static const xai_param PARAMS[] = {XAI_CAM_PARAMS(false), XAI_CAM_SMOOTH};

static xai_status weights(xai_task *task, const xai_cam_layer *layer, const void *params, double *w, xai_error *err)
{
    (void)task;
    (void)params;
    (void)err;
    for (int64_t k = 0; k < layer->channels; k++) w[k] = 1 / (double)layer->channels;
    return XAI_OK;
}

static const xai_cam_rule RULE = {.weights = weights};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_activationmap = {
    .info = {.id = "activationmap", .title = "Activation map", .family = "cam",
             .summary = "How active the layer is on the whole, whatever the class.",
             .paper = "", .version = 1, .needs = "layer", .cost = "1 forward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_cam_options),
    XAI_CAM_ON_ACTIVATIONS,
    .run = run,
};
