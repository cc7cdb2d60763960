/*
 * Integrated gradients: what changes from a baseline b to the picture x, times the mean gradient on the way.
 *
 *     a = (x - b) * integral over [0, 1] of d target / d x at b + alpha (x - b)
 *
 * Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017, arXiv 1703.01365, equation 1. Points
 * and weights as in Captum's IntegratedGradients (path.h). The attributions should sum to f(x) - f(b): how far they do
 * not is the metric completeness_error, Captum's convergence delta. It has the sum's sign, and is left out where there
 * is noise.
 */
#include "attribution.h"

static const xai_param PARAMS[] = {
    XAI_GRADIENT_BASELINE,
    XAI_GRADIENT_PATH,
    XAI_GRADIENT_ABSOLUTE(false),
    XAI_GRADIENT_COLOURS(XAI_FOLD_SUM),
    XAI_GRADIENT_NOISE,
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    (void)model;
    return xai_path_check(params, err);
}

/* One forward for the baseline's score. */
static double cost(const xai_model *model, const void *params)
{
    return xai_gradient_cost(model, params) + xai_gradient_is_complete(params);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    xai_attribution a;
    XAI_TRY(xai_attribution_init(&a, task, params, err));
    XAI_TRY(xai_attribution_set_baseline(&a, task, err));
    XAI_TRY(xai_attribution_set_path(&a, task, err));
    XAI_TRY(xai_attribution_run(&a, task, err));
    if (xai_gradient_is_complete(params))
        XAI_TRY(xai_task_add_completeness(task, a.sums, task->context->input_count, a.baselines[0], err));
    return xai_attribution_add_map(&a, task, err);
}

const xai_method xai_method_integratedgradients = {
    .info = {.id = "integratedgradients", .title = "Integrated gradients", .family = "gradient",
             .summary = "How much of the score each pixel adds on the way from an empty picture to this one; the parts sum to the whole.",
             .paper = "arXiv:1703.01365", .version = 1, .needs = "gradient", .cost = "52 forwards, 50 backwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_gradient_params),
    .needs = XAI_NEEDS_GRADIENT,
    .lanes = 1 << XAI_PLAN_GRADIENT,
    .steady = true,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
