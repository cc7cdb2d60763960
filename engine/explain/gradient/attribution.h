/*
 * Attribution: what the gradient methods share. Each of them is some gradients, added up along a path for each of
 * some samples, times what has changed on the way; the samples are averaged, and the colour channels become one map:
 *
 *     a_s = (x_s - b_s) * sum over steps t of w_t * d target / d input at b_s + alpha_t (x_s - b_s)
 *     x_s = the input, with the s-th draw of noise where there is noise
 *
 * One step with alpha 1 is the gradient at the sample itself. The samples are folded as `noise` says:
 *
 *     smoothgrad  mean of a_s               Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017,
 *                                           arXiv 1706.03825
 *     squared     mean of a_s^2             Hooker et al., "A benchmark for interpretability methods in deep neural
 *                                           networks", 2019, arXiv 1806.10758
 *     vargrad     mean of a_s^2 less the square of the mean: Adebayo et al., "Local explanation methods for deep
 *                                           neural networks lack sensitivity to parameter values", 2018, 1810.03307
 *
 * as Captum's NoiseTunnel does. Its deviation is absolute, 1.0 by default; here it is a share of the input's range, as
 * in the paper, unless noise_unit says otherwise. Sums run in double precision in the order of steps, then samples,
 * for each element apart, so that threads share the elements. Nothing grows with steps or samples.
 */
#ifndef XAI_EXPLAIN_ATTRIBUTION_H
#define XAI_EXPLAIN_ATTRIBUTION_H

#include "explain/channels.h"
#include "explain/evaluate.h"
#include "noise.h"
#include "path.h"

/* The parameters of all methods of the family; each lists the rows that are its own, and the others stay 0. */
typedef struct xai_gradient_params {
    const char *layer;
    int which, baseline, rule, channels, noise, noise_unit;
    int64_t steps, samples, noise_samples, channel, row, column;
    double sigma, noise_sigma, max_sigma, grad_step, fraction, max_dist;
    bool absolute, fast, sqrt, biases;
} xai_gradient_params;

#define XAI_GRADIENT_NOISE                                                                                          \
    XAI_P_ENUM(xai_gradient_params, noise, XAI_NOISE_NONE, "none|smoothgrad|squared|vargrad",                       \
               "Repeat with noise on the picture and take the mean, the mean square or the variance: less grain."), \
        XAI_P_INT(xai_gradient_params, noise_samples, 50, 1, 10000,                                                 \
                  "Pictures with noise: more is smoother and slower."),                                             \
        XAI_P_REAL(xai_gradient_params, noise_sigma, 0.15, 0, 100,                                                  \
                   "Strength of the noise: more hides more detail, until nothing is left to explain."),             \
        XAI_P_ENUM(xai_gradient_params, noise_unit, 0, "range|absolute",                                            \
                   "What noise_sigma is in units of: the range of the model's input, or the input's own.")
#define XAI_GRADIENT_COLOURS(usual)                                                                                 \
    XAI_P_ENUM(xai_gradient_params, channels, usual, XAI_FOLD_CHOICES,                                              \
               "How the colour channels become one map: their sum, their mean, or the strongest.")
#define XAI_GRADIENT_ABSOLUTE(usual)                                                                                \
    XAI_P_BOOL(xai_gradient_params, absolute, usual,                                                                \
               "Take magnitudes, channel by channel; off: what speaks against the target is negative.")
#define XAI_GRADIENT_BASELINE                                                                                       \
    XAI_P_ENUM(xai_gradient_params, baseline, XAI_BASELINE_MEAN, XAI_BASELINE_CHOICES,                              \
               "What the picture is compared with: where the path begins."),                                        \
        XAI_P_REAL(xai_gradient_params, sigma, 10, 0.5, 100, "Blur of the baseline 'blur', in pixels.")
#define XAI_GRADIENT_PATH                                                                                           \
    XAI_P_INT(xai_gradient_params, steps, 50, 1, 10000, "Points on the path: more is more exact and slower."),      \
        XAI_P_ENUM(xai_gradient_params, rule, XAI_PATH_GAUSS_LEGENDRE, XAI_PATH_CHOICES,                            \
                   "Rule of integration along the path; the first needs the fewest points.")

typedef struct xai_attribution {
    const xai_gradient_params *params; /* channels, absolute */
    xai_noise_fold fold;     /* of the samples; NONE: their mean */
    xai_policy policy;
    const float *input;      /* the picture */
    xai_noise noise;         /* of each sample */
    size_t steps;            /* of each sample's path */
    const double *alphas;    /* steps; NULL: all 1 */
    const float *chances;    /* the alphas of the samples, where each has one step of its own; NULL: none */
    const double *weights;   /* steps; NULL: all 1 */
    const float *const *baselines; /* one a sample; NULL: none, and no factor (x_s - b_s) */
    bool times_input;        /* the factor is x_s; without baselines */
    const float *gates;      /* samples x rows x cols, a further factor of the pixels, enlarged to the input's size by
                                taking the nearest, as torch does; NULL: none */
    int rows, cols;
    const xai_passage *through; /* only what goes through it; NULL: all */
    double *sums;            /* what comes out: input_count; NULL: room in the task's arena is made */
} xai_attribution;

/* One sample, the picture itself, without noise. */
void xai_attribution_plain(xai_attribution *a, const xai_task *task, const xai_gradient_params *params);

/* The samples that the parameters ask for, and their noise. */
xai_status xai_attribution_init(xai_attribution *a, xai_task *task, const xai_gradient_params *params, xai_error *err);

/* Forward-equivalents of the base forward and of all steps of all samples: `cost` of methods that add nothing. */
double xai_gradient_cost(const xai_model *model, const void *params);
/* Whether what comes out sums to the change of the score. */
static inline bool xai_gradient_is_complete(const xai_gradient_params *p)
{
    return p->noise == XAI_NOISE_NONE && !p->absolute;
}

/* `varies`: whether there is more than the gradient at the picture itself. */
bool xai_gradient_varies(const void *params);

/* Runs all steps of all samples for a taker of the caller's: gradients->take, user, by, data and policy. */
xai_status xai_attribution_differentiate(const xai_attribution *a, xai_task *task, xai_gradients *gradients,
                                         xai_error *err);

/* Computes `sums`. A deadline after the first complete sample makes a partial result of those that are complete. */
xai_status xai_attribution_run(xai_attribution *a, xai_task *task, xai_error *err);

/* Makes a map of the sums, and attaches it. */
xai_status xai_attribution_add_map(const xai_attribution *a, xai_task *task, xai_error *err);

/* The same baseline for all samples, as the parameters say. */
xai_status xai_attribution_set_baseline(xai_attribution *a, xai_task *task, xai_error *err);
/* The same points for all samples, as the parameters `steps` and `rule` say; whether they fit each other. */
xai_status xai_attribution_set_path(xai_attribution *a, xai_task *task, xai_error *err);
xai_status xai_path_check(const xai_gradient_params *params, xai_error *err);

/* ---- what methods with a path of their own use too */

/* A metric: the sum of the attributions less f(x) - f(start), which a complete method makes 0; one forward. */
xai_status xai_task_add_completeness(xai_task *task, const double *sums, size_t count, const float *start,
                                     xai_error *err);

/* One pass over another input. */
typedef struct xai_look {
    xai_value *of;   /* a tensor to look at; NULL: none */
    float *data;     /* what it is; NULL: not wanted */
    float *gradient; /* d target / d it; NULL: not wanted, a forward is all */
    double value;    /* comes out: the target's */
} xai_look;
xai_status xai_task_look(xai_task *task, const float *input, xai_look *look, xai_error *err);

#endif
