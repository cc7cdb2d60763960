/*
 * SS-CAM: Score-CAM whose scores are means over noisy masks (masked.h): noise of deviation `noise_sigma` is added to
 * each pixel of the enlarged mask before it multiplies the normalised input.
 *
 * Wang et al., "SS-CAM: Smoothed Score-CAM for Sharper Visual Feature Localization", 2020, arXiv 2006.14255, section
 * 3.1, as torch-cam has it. Draws: noise.npy (samples, channels, height, width).
 */
#include "masked.h"

typedef struct sscam_params {
    xai_cam_options cam;
    int64_t channels, samples;
    double noise_sigma;
} sscam_params;

static const xai_param PARAMS[] = {
    XAI_CAM_PARAMS(true),
    XAI_CAM_SMOOTH,
    XAI_CAM_FUSE,
    XAI_P_CHANNELS(sscam_params, channels),
    XAI_P_INT(sscam_params, samples, 35, 1, 1000, "Noisy masks a channel: more is steadier and slower."),
    XAI_P_REAL(sscam_params, noise_sigma, 2, 0.001, 100, "Deviation of the noise, where a mask ranges from 0 to 1."),
};

static double cost(const xai_model *model, const void *params)
{
    const sscam_params *p = params;
    return xai_masked_cost(model, &p->cam, p->channels, p->samples);
}

static xai_status weights(xai_task *task, const xai_cam_layer *layer, const void *params, double *w, xai_error *err)
{
    const sscam_params *p = params;
    xai_masked masked = {.rule = XAI_MASK_TORCHCAM, .samples = (size_t)p->samples, .sigma = p->noise_sigma};
    return xai_masked_weights(task, layer, p->channels, &masked, w, err);
}

static const xai_cam_rule RULE = {.weights = weights};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    return xai_cam_run(task, params, &RULE, err);
}

const xai_method xai_method_sscam = {
    .info = {.id = "sscam", .title = "SS-CAM", .family = "cam",
             .summary = "Score-CAM with many noisy copies of each mask, so that no weight hangs on chance.",
             .paper = "arXiv:2006.14255", .version = 1, .needs = "layer",
             .cost = "1 forward, and 35 for each channel of the layer",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(sscam_params),
    .needs = XAI_NEEDS_LAYER,
    .steady = true,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_LOGIT,
    .check = xai_cam_check,
    .cost = cost,
    .run = run,
};
