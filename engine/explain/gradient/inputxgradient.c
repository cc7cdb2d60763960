/*
 * Input x gradient: x * d target / d x, summed over the channels.
 *
 * Shrikumar et al., "Not Just a Black Box: Learning Important Features Through Propagating Activation Differences", 2016,
 * arXiv 1605.01713, section 3. As Captum's InputXGradient; x is the model's input, whose 0 is the normalised mean.
 */
#include "attribution.h"

static const xai_param PARAMS[] = {
    XAI_GRADIENT_ABSOLUTE(false),
    XAI_GRADIENT_COLOURS(XAI_FOLD_SUM),
    XAI_GRADIENT_NOISE,
};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    xai_attribution a;
    XAI_TRY(xai_attribution_init(&a, task, params, err));
    a.times_input = true;
    XAI_TRY(xai_attribution_run(&a, task, err));
    return xai_attribution_add_map(&a, task, err);
}

const xai_method xai_method_inputxgradient = {
    .info = {.id = "inputxgradient", .title = "Input x gradient", .family = "gradient",
             .summary = "What each pixel adds to the score, if the network were linear around the picture.",
             .paper = "arXiv:1605.01713", .version = 1, .needs = "gradient", .cost = "1 forward, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_gradient_params),
    .needs = XAI_NEEDS_GRADIENT,
    .lanes = 1 << XAI_PLAN_GRADIENT,
    .varies = xai_gradient_varies,
    .steady = true,
    .space = XAI_SPACE_LOGIT,
    .cost = xai_gradient_cost,
    .run = run,
};
