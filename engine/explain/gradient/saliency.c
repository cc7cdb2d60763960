/*
 * Saliency: |d target / d x|, the largest over the channels.
 *
 * Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2013, arXiv 1312.6034, section 3. As Captum's
 * Saliency, whose absolute gradients per channel are reduced by the maximum, as in the paper. With a neuron as target
 * and without magnitudes it is Captum's NeuronGradient.
 */
#include "attribution.h"

static const xai_param PARAMS[] = {
    XAI_GRADIENT_ABSOLUTE(true),
    XAI_GRADIENT_COLOURS(XAI_FOLD_MAX),
    XAI_GRADIENT_NOISE,
};

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    xai_attribution a;
    XAI_TRY(xai_attribution_init(&a, task, params, err));
    XAI_TRY(xai_attribution_run(&a, task, err));
    return xai_attribution_add_map(&a, task, err);
}

const xai_method xai_method_saliency = {
    .info = {.id = "saliency", .title = "Saliency", .family = "gradient",
             .summary = "How strongly the score reacts to a small change of each pixel.",
             .paper = "arXiv:1312.6034", .version = 2, .needs = "gradient", .cost = "1 forward, 1 backward",
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
