/*
 * DeepSHAP: the mean of DeepLIFT over several baselines, so that no one of them decides what "missing" means. The
 * attributions add up to f(x) less the mean of f over the baselines.
 *
 * Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", 2017, arXiv 1705.07874, section 4.2. As
 * Captum's DeepLiftShap, which wants the baselines given. Here they are draws: baselines.npy of --use-draws, N samples
 * that lie as the model's input does. Without, there are four: black, white, the mean colour, and the picture blurred.
 */
#include "rescale.h"

#include "graph/multipliers.h"

#include <string.h>

enum { USUAL = XAI_BASELINE_BLUR + 1 };

typedef struct deepshap_params {
    int channels, dialect;
    double sigma;
} deepshap_params;

static const xai_param PARAMS[] = {
    XAI_P_REAL(deepshap_params, sigma, 10, 0.5, 100,
               "Blur of the fourth baseline, in pixels; the others are black, white and the mean colour."),
    XAI_P_ENUM(deepshap_params, channels, XAI_FOLD_SUM, XAI_FOLD_CHOICES, XAI_FOLD_HELP),
    XAI_P_ENUM(deepshap_params, dialect, XAI_RESCALE_CAPTUM, XAI_RESCALE_CHOICES, XAI_RESCALE_HELP),
};

static xai_status check(const xai_model *model, const void *params, xai_error *err)
{
    bool complete = ((const deepshap_params *)params)->dialect == XAI_RESCALE_COMPLETE;
    return complete ? xai_multipliers_check(model->program, true, err) : XAI_OK;
}

/* Of the usual baselines. */
static double cost(const xai_model *model, const void *params)
{
    (void)model;
    (void)params;
    return xai_rescale_cost(USUAL);
}

static double cost_drawn(const xai_model *model, const void *params, const char *draws)
{
    (void)model;
    (void)params;
    return xai_rescale_cost((double)xai_draws_count(draws, "baselines"));
}

static xai_status usual(xai_task *task, double sigma, xai_tensor *out, xai_error *err)
{
    const xai_context *c = task->context;
    float *all = XAI_NEW(task->arena, float, USUAL * c->input_count);
    if (!all) XAI_NO_MEMORY(err);
    for (int i = 0; i < USUAL; i++)
        XAI_TRY(xai_context_baseline(c, (xai_baseline)i, sigma, all + (size_t)i * c->input_count, err));
    *out = (xai_tensor){XAI_F32, c->in->shape, all};
    out->shape.dim[0] = USUAL;
    return XAI_OK;
}

static xai_status find_baselines(xai_task *task, double sigma, xai_tensor *out, xai_error *err)
{
    bool found;
    const int64_t *in = task->context->in->shape.dim;
    XAI_TRY(xai_task_use_draws(task, "baselines", 4, out, &found, err));
    if (!found) XAI_TRY(usual(task, sigma, out, err));
    XAI_CHECK(out->shape.dim[0] > 0 && memcmp(out->shape.dim + 1, in + 1, 3 * sizeof *in) == 0, err, BAD_TENSOR,
              "baselines.npy", "baselines.npy must have the shape (N, %d, %d, %d), with at least one baseline", (int)in[1],
              (int)in[2], (int)in[3]);
    xai_array array = {.dtype = XAI_F32, .rank = 4, .data = out->data};
    memcpy(array.shape, out->shape.dim, 4 * sizeof *array.shape);
    return xai_task_emit_draws(task, "baselines", &array, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const deepshap_params *p = params;
    xai_tensor baselines;
    xai_rescale r;
    XAI_TRY(find_baselines(task, p->sigma, &baselines, err));
    XAI_TRY(xai_rescale_init(&r, task, p->dialect == XAI_RESCALE_COMPLETE, err));
    for (int64_t i = 0; i < baselines.shape.dim[0]; i++) {
        const float *baseline = (const float *)baselines.data + (size_t)i * task->context->input_count;
        xai_status status = xai_rescale_add(&r, baseline, err);
        if (status == XAI_E_DEADLINE && r.baselines > 0) {
            task->result->partial = true;
            break;
        }
        XAI_TRY(status);
    }
    return xai_rescale_finish(&r, (xai_fold)p->channels, err);
}

const xai_method xai_method_deepshap = {
    .info = {.id = "deepshap", .title = "DeepSHAP", .family = "propagation",
             .summary = "What each pixel changed of the score, compared with several pictures where it is missing.",
             .paper = "arXiv:1705.07874", .version = 1, .needs = "multipliers", .cost = "6 forwards, 4 backwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(deepshap_params),
    .plain = 1U << XAI_PLAIN_MULTIPLIERS | 1U << XAI_PLAIN_REFERENCE,
    .needs = XAI_NEEDS_MULTIPLIERS,
    .space = XAI_SPACE_LOGIT,
    .check = check,
    .cost = cost,
    .cost_drawn = cost_drawn,
    .run = run,
};
