/*
 * SS-CAM: Score-CAM whose scores are means over noisy masks: noise of deviation `noise_sigma` is added to each pixel of
 * the enlarged mask before it multiplies the normalised input.
 *
 * Wang et al., "SS-CAM: Smoothed Score-CAM for Sharper Visual Feature Localization", 2020, arXiv 2006.14255, section 3.1,
 * as torch-cam has it. Draws: noise.npy (samples, channels, height, width).
 */
#include "masked.h"

typedef struct sscam_params {
    const char *layer;
    int64_t channels, samples;
    double noise_sigma;
    bool relu;
} sscam_params;

static const xai_param PARAMS[] = {
    XAI_P_LAYER(sscam_params, layer,
                "Layer whose channels are the masks: a tensor or node with a spatial map; the last one if omitted."),
    XAI_P_CHANNELS(sscam_params, channels),
    XAI_P_INT(sscam_params, samples, 35, 1, 1000, "Noisy masks a channel: more is steadier and slower."),
    XAI_P_REAL(sscam_params, noise_sigma, 2, 0.001, 100, "Deviation of the noise, where a mask ranges from 0 to 1."),
    XAI_P_BOOL(sscam_params, relu, true, "Keep only what is active above zero; off: negative activations show."),
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    return xai_model_check_spatial(model, ((const sscam_params *)params)->layer, err);
}

static double cost(const xai_model *model, const void *params)
{
    const sscam_params *p = params;
    return xai_masked_cost(model, p->layer, p->channels, p->samples);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const sscam_params *p = params;
    xai_masked masked = {.rule = XAI_MASK_TORCH_CAM, .samples = (size_t)p->samples, .sigma = p->noise_sigma};
    return xai_masked_run(task, p->layer, p->channels, &masked, p->relu, err);
}

const xai_method xai_method_sscam = {
    .info = {.id = "sscam", .title = "SS-CAM", .family = "cam",
             .summary = "Score-CAM with many noisy copies of each mask, so that no weight hangs on chance.",
             .paper = "arXiv:2006.14255", .version = 1, .needs = "forward, layer",
             .cost = "1 forward, and 35 for each channel of the layer",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(sscam_params),
    .needs = XAI_NEEDS_LAYER,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
