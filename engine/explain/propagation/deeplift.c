/*
 * DeepLIFT: what each pixel's difference from a baseline has changed of the target, (x - b) times a multiplier that is
 * handed down layer by layer. The attributions add up to f(x) - f(b).
 *
 * Shrikumar et al., "Learning Important Features Through Propagating Activation Differences", 2017, arXiv 1704.02685,
 * rescale rule. As Captum's DeepLift with the baseline 0, which is the mean colour; Captum knows ReLU, ELU, LeakyReLU,
 * Sigmoid, Tanh, Softplus, MaxPool and Softmax, and passes everything else by its plain gradient. Here every element-
 * wise function is rescaled. The dialect `complete` has rules for products, quotients and maxima too, so that the
 * attributions always add up, and refuses what has none (graph/multipliers.h).
 */
#include "rescale.h"

#include "graph/multipliers.h"

typedef struct deeplift_params {
    int baseline, channels, dialect;
    double sigma;
} deeplift_params;

static const xai_param PARAMS[] = {
    XAI_P_ENUM(deeplift_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES,
               "What the picture is compared with: what a pixel that is missing shows."),
    XAI_P_REAL(deeplift_params, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels."),
    XAI_P_ENUM(deeplift_params, channels, XAI_FOLD_SUM, XAI_FOLD_CHOICES, XAI_FOLD_HELP),
    XAI_P_ENUM(deeplift_params, dialect, XAI_RESCALE_CAPTUM, XAI_RESCALE_CHOICES, XAI_RESCALE_HELP),
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    bool complete = ((const deeplift_params *)params)->dialect == XAI_RESCALE_COMPLETE;
    return complete ? xai_multipliers_check(model->program, true, err) : XAI_OK;
}

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return xai_rescale_cost(1);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const deeplift_params *p = params;
    const xai_context *c = task->context;
    xai_rescale r;
    float *baseline = XAI_NEW(task->arena, float, c->input_count);
    if (!baseline) XAI_NO_MEMORY(err);
    XAI_TRY(xai_context_baseline(c, (xai_baseline)p->baseline, p->sigma, baseline, err));
    XAI_TRY(xai_rescale_init(&r, task, p->dialect == XAI_RESCALE_COMPLETE, err));
    XAI_TRY(xai_rescale_add(&r, baseline, err));
    return xai_rescale_finish(&r, (xai_fold)p->channels, err);
}

const xai_method xai_method_deeplift = {
    .info = {.id = "deeplift", .title = "DeepLIFT", .family = "propagation",
             .summary = "What each pixel changed of the score, compared with a picture where it is missing.",
             .paper = "arXiv:1704.02685", .version = 1, .needs = "multipliers", .cost = "3 forwards, 1 backward",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(deeplift_params),
    .plain = 1U << XAI_PLAIN_MULTIPLIERS | 1U << XAI_PLAIN_REFERENCE,
    .needs = XAI_NEEDS_MULTIPLIERS,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .run = run,
};
