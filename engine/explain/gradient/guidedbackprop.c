/*
 * Guided backpropagation: the gradient, of which every rectifier lets only the positive part pass, where it was active.
 *
 *     g' = g * 1[active] * 1[g > 0]
 *
 * Springenberg et al., "Striving for Simplicity: The All Convolutional Net", 2014, arXiv 1412.6806, section 3.4. As
 * Captum's GuidedBackprop, which knows ReLU modules alone: on ReLU6 it returns the plain gradient. Here every activation
 * that cuts off what is negative (ReLU, ReLU6 and other clips, LeakyReLU, SiLU, GELU, Mish, HardSwish) clips the
 * negative part of the gradient that comes in, and then applies its own derivative. Known not to depend much on the
 * later layers' weights: Adebayo et al., "Sanity Checks for Saliency Maps", 2018, arXiv 1810.03292.
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
    a.policy = XAI_POLICY_GUIDED;
    XAI_TRY(xai_attribution_run(&a, task, err));
    return xai_attribution_add_map(&a, task, err);
}

const xai_method xai_method_guidedbackprop = {
    .info = {.id = "guidedbackprop", .title = "Guided backpropagation", .family = "gradient",
             .summary = "A crisp picture of the edges and textures that the network uses; says little about which class they speak for.",
             .paper = "arXiv:1412.6806", .version = 1, .needs = "gradient", .cost = "1 forward, 1 backward",
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
