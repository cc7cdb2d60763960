/*
 * IS-CAM: Score-CAM whose scores are means along a path from the hidden picture to the masked one (masked.h).
 *
 * Naidu et al., "IS-CAM: Integrated Score-CAM for axiomatic-based explanations", 2020, arXiv 2010.03023, as
 * torch-cam has it: the factor of sample s is the sum 1/N + 2/N + ... + s/N, so that with N samples the path ends at
 * (N + 1) / 2 times the masked picture, and not at the picture itself.
 */
#include "masked.h"

typedef struct iscam_params {
    xai_cam_options cam;
    int64_t channels, samples;
} iscam_params;

static const xai_param PARAMS[] = {
    XAI_CAM_PARAMS(true),
    XAI_CAM_SMOOTH,
    XAI_CAM_FUSE,
    XAI_P_CHANNELS(iscam_params, channels),
    XAI_P_INT(iscam_params, samples, 10, 1, 1000, "Steps along the path: more is slower, and reaches further."),
};

static double cost(const xai_model *model, const void *params)
{
    const iscam_params *p = params;
    return xai_masked_cost(model, &p->cam, p->channels, p->samples);
}

static xai_status weights(xai_task *task, const xai_cam_layer *layer, const void *params, double *w, xai_error *err)
{
    const iscam_params *p = params;
    double *factors = XAI_NEW(task->arena, double, (size_t)p->samples), sum = 0;
    if (!factors) XAI_NO_MEMORY(err);
    for (int64_t s = 0; s < p->samples; s++) factors[s] = sum += (double)(s + 1) / (double)p->samples;
    xai_masked masked = {.rule = XAI_MASK_TORCHCAM, .samples = (size_t)p->samples, .factors = factors};
    return xai_masked_weights(task, layer, p->channels, &masked, w, err);
}

static const xai_cam_rule RULE = {.weights = weights};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_iscam = {
    .info = {.id = "iscam", .title = "IS-CAM", .family = "cam",
             .summary = "Score-CAM with each mask's score averaged while the masked picture fades in.",
             .paper = "arXiv:2010.03023", .version = 1, .needs = "layer",
             .cost = "1 forward, and 10 for each channel of the layer",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(iscam_params),
    .needs = XAI_NEEDS_LAYER,
    .steady = true,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_LOGIT,
    .check = xai_cam_check,
    .cost = cost,
    .run = run,
};
