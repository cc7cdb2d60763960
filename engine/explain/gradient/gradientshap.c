/*
 * GradientSHAP: integrated gradients with everything at random: for each sample a baseline, a point on the way from it,
 * and a draw of noise; the mean of
 *
 *     a_s = (x_s - b_s) * d target / d x at b_s + alpha_s (x_s - b_s),   alpha_s uniform in [0, 1)
 *
 * Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017, arXiv 1705.07874, has Shapley
 * values; this estimate of them (expected gradients) is Erion et al., "Improving performance of deep learning models with
 * axiomatic attribution priors and expected gradients", 2019, arXiv 1906.10670. As Captum's GradientShap. The
 * attributions sum to f(x) - mean f(b) in expectation only. The library's default is 5 samples, which is for many pictures:
 * of one, maps of two seeds correlate by .46 with 5 and by .75 with 50, the default here (the shipped model and photo).
 *
 * Draws: baselines.npy (samples, and the input's three axes), alphas.npy (samples), and noise.npy where there is noise.
 */
#include "attribution.h"

#include <stdlib.h>

enum { BASELINE_RANDOM, BASELINES = XAI_BASELINE_BLUR + 1 };

#define ALPHA_STREAM ((uint64_t)1 << 62) /* beyond the streams of the noise, one a sample */
#define EMIT_MAX ((size_t)1 << 30)

static const xai_param PARAMS[] = {
    XAI_P_INT(xai_gradient_params, samples, 50, 1, 10000, "Random points: more is smoother and slower."),
    XAI_P_ENUM(xai_gradient_params, baseline, BASELINE_RANDOM, "random|" XAI_BASELINE_CHOICES,
               "What the picture is compared with; random: a different one of the others for each sample."),
    XAI_P_REAL(xai_gradient_params, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels."),
    XAI_P_REAL(xai_gradient_params, noise_sigma, 0, 0, 100, "Strength of the noise on the picture; 0: none."),
    XAI_P_ENUM(xai_gradient_params, noise_unit, 0, "range|absolute",
               "What noise_sigma is in units of: the range of the model's input, or the input's own."),
    XAI_P_ENUM(xai_gradient_params, noise, XAI_NOISE_NONE, "none|smoothgrad|squared|vargrad",
               "How the samples become one: their mean (the first two), their mean square, or their variance."),
    XAI_GRADIENT_ABSOLUTE(false),
    XAI_GRADIENT_COLOURS(XAI_FOLD_SUM),
};

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    return 1 + 3 * (double)((const xai_gradient_params *)params)->samples;
}

static double cost_drawn(const xai_model *model, const void *params, const char *draws)
{
    (void)model;
    (void)params;
    return 1 + 3 * (double)xai_draws_count(draws, "alphas");
}

/* ---------------------------------------------------------------- draws */

typedef struct draws {
    const float **baselines; /* a sample's */
    float *alphas;
} draws;

static xai_status draw(draws *d, xai_task *task, const xai_gradient_params *p, size_t samples, xai_error *err)
{
    float *kinds[BASELINES] = {NULL};
    xai_context *c = task->context;
    for (size_t s = 0; s < samples; s++) {
        xai_rng rng = xai_rng_init(task->seed, ALPHA_STREAM + s);
        d->alphas[s] = (float)xai_rng_uniform(&rng);
        uint32_t kind = xai_rng_below(&rng, BASELINES);
        if (p->baseline != BASELINE_RANDOM) kind = (uint32_t)p->baseline - 1;
        if (!kinds[kind]) {
            if (!(kinds[kind] = XAI_NEW(task->arena, float, c->input_count))) XAI_NO_MEMORY(err);
            XAI_TRY(xai_context_baseline(c, (xai_baseline)kind, p->sigma, kinds[kind], err));
        }
        d->baselines[s] = kinds[kind];
    }
    return XAI_OK;
}

static xai_status replay(draws *d, xai_task *task, size_t samples, const xai_tensor *b, const xai_tensor *alphas,
                         xai_error *err)
{
    const int64_t *in = task->context->in->shape.dim;
    int64_t n = (int64_t)samples;
    for (int i = 1; i < 4; i++)
        XAI_CHECK(b->shape.dim[0] == n && alphas->shape.dim[0] == n && b->shape.dim[i] == in[i], err, BAD_TENSOR,
                  "baselines.npy", "baselines.npy must have the shape (%d, %d, %d, %d), and alphas.npy (%d): as many "
                  "samples as all other draws", (int)n, (int)in[1], (int)in[2], (int)in[3], (int)n);
    for (size_t s = 0; s < samples; s++) {
        d->alphas[s] = ((const float *)alphas->data)[s];
        d->baselines[s] = (const float *)b->data + s * task->context->input_count;
    }
    return XAI_OK;
}

static xai_status emit(const draws *d, const xai_task *task, size_t samples, xai_error *err)
{
    const int64_t *in = task->context->in->shape.dim;
    size_t n = task->context->input_count;
    xai_array alphas = {.dtype = XAI_F32, .rank = 1, .shape = {(int64_t)samples}, .data = d->alphas};
    XAI_TRY(xai_task_emit_draws(task, "alphas", &alphas, err));
    if (!task->emit_draws || samples > EMIT_MAX / sizeof(float) / n) return XAI_OK;
    float *all = malloc(samples * n * sizeof *all);
    if (!all) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < samples * n; i++) all[i] = d->baselines[i / n][i % n];
    xai_array b = {.dtype = XAI_F32, .rank = 4, .shape = {(int64_t)samples, in[1], in[2], in[3]}, .data = all};
    xai_status status = xai_task_emit_draws(task, "baselines", &b, err);
    free(all);
    return status;
}

/* ---------------------------------------------------------------- run */

static xai_status set_draws(xai_attribution *a, xai_task *task, const xai_gradient_params *p, xai_error *err)
{
    xai_tensor baselines, alphas;
    bool found;
    size_t samples = (size_t)p->samples;
    double sigma = p->noise_sigma * (p->noise_unit ? 1 : xai_input_range(task->context));
    XAI_TRY(xai_task_use_draws(task, "alphas", 1, &alphas, &found, err));
    if (found) XAI_TRY(xai_task_use_draws(task, "baselines", 4, &baselines, &found, err));
    if (found) samples = (size_t)alphas.shape.dim[0];
    XAI_CHECK(samples > 0, err, BAD_TENSOR, "alphas.npy", "alphas.npy is empty");
    if (sigma > 0) XAI_TRY(xai_noise_init(&a->noise, task, samples, sigma, err));
    else a->noise.samples = samples;
    samples = a->noise.samples;
    draws d = {XAI_NEW(task->arena, const float *, samples), XAI_NEW(task->arena, float, samples)};
    if (!d.baselines || !d.alphas) XAI_NO_MEMORY(err);
    XAI_TRY(found ? replay(&d, task, samples, &baselines, &alphas, err) : draw(&d, task, p, samples, err));
    a->baselines = d.baselines;
    a->chances = d.alphas;
    return emit(&d, task, samples, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    xai_attribution a;
    xai_attribution_plain(&a, task, params);
    a.fold = (xai_noise_fold)a.params->noise;
    XAI_TRY(set_draws(&a, task, params, err));
    XAI_TRY(xai_attribution_run(&a, task, err));
    return xai_attribution_add_map(&a, task, err);
}

const xai_method xai_method_gradientshap = {
    .info = {.id = "gradientshap", .title = "GradientSHAP", .family = "gradient",
             .summary = "Integrated gradients from many baselines at once, at random points: an estimate of Shapley values.",
             .paper = "arXiv:1705.07874", .version = 1, .needs = "gradient", .cost = "51 forwards, 50 backwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(xai_gradient_params),
    .needs = XAI_NEEDS_GRADIENT,
    .lanes = 1 << XAI_PLAN_GRADIENT,
    .steady = true,
    .space = XAI_SPACE_LOGIT,
    .cost = cost,
    .cost_drawn = cost_drawn,
    .run = run,
};
