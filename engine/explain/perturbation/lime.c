/*
 * LIME: a linear model of which superpixels are visible, fitted to what the network says of random subsets of them.
 *
 *     minimise  sum_i pi_i (f(x_i) - b0 - b z_i)^2 + |b|^2,    pi = sqrt(exp(-d^2 / width^2)),
 *     d = cosine distance of z_i to the full set = 1 - sqrt(kept / features)
 *
 * Ribeiro, Singh and Guestrin, "'Why Should I Trust You?': Explaining the Predictions of Any Classifier", 2016,
 * arXiv 1602.04938. As the authors' lime_image: every superpixel is kept with probability 1/2, the first sample keeps
 * all, the ridge's alpha is 1, what is hidden shows its superpixel's mean. Every superpixel has its weight: there is no
 * selection of a few. The default segmentation is slic, theirs is quickshift. Of a picture of bytes their program keeps
 * means in bytes, half a level too dark on average, which moves weights by some per cent on the sample photos: dialect
 * `lime` does the same.
 */
#include "surrogate.h"

#include <math.h>

typedef struct lime_params {
    xai_feature_params features;
    int64_t samples;
    double kernel_width, alpha;
    int dialect;
} lime_params;

enum { DIALECT_EXACT, DIALECT_LIME };

static const xai_param PARAMS[] = {
    XAI_FEATURE_PARAMS(XAI_FEATURES_SLIC, XAI_BASELINE_KINDS),
    XAI_P_INT(lime_params, samples, 1000, 2, 100000, "Random subsets: more is steadier and slower."),
    XAI_P_REAL(lime_params, kernel_width, 0.25, 0.01, 100,
               "How far from the whole picture a subset still counts: less listens to fuller subsets only."),
    XAI_P_REAL(lime_params, alpha, 1, 0, 1000, "Pull of the weights towards 0 (ridge); 0: none."),
    XAI_P_ENUM(lime_params, dialect, DIALECT_EXACT, "exact|lime",
               "'lime': mean colours of a picture of bytes are cut to whole levels, as the authors' program does."),
};

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    return (double)((const lime_params *)params)->samples; /* the first is the base forward */
}

static xai_status draw(xai_coalitions *c, const xai_features *features, size_t samples, xai_task *task,
                       xai_error *err)
{
    XAI_TRY(xai_coalitions_init(c, features, samples, task, err));
    for (size_t i = 0; i < samples; i++) {
        xai_rng rng = xai_rng_init(task->seed, i);
        uint64_t row[XAI_MOST_FEATURES / 64] = {0};
        for (size_t k = 0; k < features->count; k++)
            if (i == 0 || xai_rng_u32(&rng) >> 31) xai_coalition_put(row, k);
        xai_coalitions_add(c, row);
    }
    return XAI_OK;
}

static xai_status fit(const xai_coalitions *c, size_t count, const lime_params *p, xai_task *task, xai_surrogate *s,
                      xai_error *err)
{
    double *weights = XAI_NEW(task->arena, double, count), all = (double)c->features->count;
    if (!weights) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < count; i++) {
        double d = 1 - sqrt((double)xai_coalition_size(c, xai_coalition_row(c, i)) / all);
        weights[i] = sqrt(exp(-(d * d) / (p->kernel_width * p->kernel_width)));
    }
    return xai_surrogate_fit(c, count, weights, p->alpha, task, s, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const lime_params *p = params;
    xai_features features;
    xai_coalitions c;
    xai_surrogate s;
    size_t done;
    XAI_TRY(xai_features_init(&features, task, &p->features, err));
    if (p->dialect == DIALECT_LIME && p->features.baseline == XAI_BASELINE_KINDS)
        XAI_TRY(xai_features_hide_in_bytes(&features, err));
    if (xai_task_has_draws(task, "coalitions")) XAI_TRY(xai_coalitions_replay(&c, &features, true, task, err));
    else XAI_TRY(draw(&c, &features, (size_t)p->samples, task, err));
    XAI_TRY(xai_coalitions_emit(&c, task, err));
    XAI_TRY(xai_coalitions_evaluate(&c, task, features.count + 1, &done, err));
    XAI_TRY(fit(&c, done, p, task, &s, err));
    XAI_TRY(xai_task_add_metric(task, "r2", s.r2, err));
    XAI_TRY(xai_task_add_metric(task, "intercept", s.intercept, err));
    XAI_TRY(xai_features_add_map(&features, task, "map", s.coefficients, err));
    return xai_features_add_table(&features, task, s.coefficients, NULL, err);
}

const xai_method xai_method_lime = {
    .info = {.id = "lime", .title = "LIME", .family = "perturbation",
             .summary = "A simple linear model that imitates the network near the picture, superpixel by superpixel.",
             .paper = "arXiv:1602.04938", .version = 1, .needs = "forward", .cost = "1000 forwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(lime_params),
    .steady = true,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .check = xai_features_check,
    .cost = cost,
    .run = run,
};
