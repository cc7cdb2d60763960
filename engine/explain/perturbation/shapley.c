/*
 * Shapley values by sampled permutations: what a feature adds to those before it, averaged over random orders.
 *
 *     phi_i = mean over orders of v(before i, with i) - v(before i)
 *
 * Castro, Gomez and Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009; Mitchell et al.,
 * "Sampling Permutations for Shapley Value Estimation", 2021, arXiv 2104.12199, for the antithetic pairs: every second
 * order is the one before it reversed. As Captum's ShapleyValueSampling on given orders. With at most 11 features
 * every set is run, and the values are exact.
 *
 * The standard error takes an order and its reverse for one draw: with U draws u of n_u orders, n in all, and S_u the
 * sum of a draw's values, it is sqrt(U / (U - 1) sum_u (S_u - n_u phi)^2) / n.
 */
#include "exact.h"

#include <math.h>

typedef struct shapley_params {
    xai_feature_params features;
    int64_t samples;
} shapley_params;

static const xai_param PARAMS[] = {
    XAI_FEATURE_PARAMS(XAI_FEATURES_GRID, XAI_BASELINE_MEAN),
    XAI_P_INT(shapley_params, samples, 25, 1, 1000,
              "Random orders of the features, each as many forwards as there are features: more is steadier and slower."),
};

static double cost(const xai_model *model, const void *params)
{
    const shapley_params *p = params;
    double features = xai_features_expected(model, &p->features);
    return features <= XAI_EXACT_FEATURES ? exp2(features) : 2 + (double)p->samples * (features - 1);
}

typedef struct orders {
    size_t count, n;
    uint32_t *order; /* count x n */
    xai_coalitions c; /* sample s * n + k: the first k of order s */
} orders;

/* ---------------------------------------------------------------- orders */

static void shuffle(uint32_t *order, size_t n, xai_rng rng)
{
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t k = xai_rng_below(&rng, (uint32_t)i);
        uint32_t t = order[i - 1];
        order[i - 1] = order[k];
        order[k] = t;
    }
}

static xai_status draw(orders *o, xai_task *task, xai_error *err)
{
    o->order = XAI_NEW(task->arena, uint32_t, o->count * o->n);
    if (!o->order) XAI_NO_MEMORY(err);
    for (size_t s = 0; s < o->count; s++) {
        uint32_t *order = o->order + s * o->n;
        if (s % 2 == 0) shuffle(order, o->n, xai_rng_init(task->seed, s / 2));
        else
            for (size_t i = 0; i < o->n; i++) order[i] = *(order - 1 - i);
    }
    return XAI_OK;
}

static xai_status replay(orders *o, xai_task *task, xai_error *err)
{
    xai_tensor t;
    bool found;
    XAI_TRY(xai_task_use_draws(task, "permutations", 2, &t, &found, err));
    XAI_CHECK(t.shape.dim[0] > 0 && t.shape.dim[1] == (int64_t)o->n, err, BAD_TENSOR, "permutations.npy",
              "permutations.npy must have the shape (count, %zu): a column for each feature", o->n);
    o->count = (size_t)t.shape.dim[0];
    o->order = XAI_NEW(task->arena, uint32_t, o->count * o->n);
    size_t *seen = XAI_NEW(task->arena, size_t, o->n); /* the last row + 1 that names the feature */
    if (!o->order || !seen) XAI_NO_MEMORY(err);
    const float *given = t.data;
    for (size_t i = 0; i < o->count * o->n; i++) {
        bool named = given[i] >= 0 && given[i] < (float)o->n && given[i] == floorf(given[i]);
        size_t feature = named ? (size_t)given[i] : 0, row = i / o->n + 1;
        XAI_CHECK(named && seen[feature] != row, err, BAD_TENSOR, "permutations.npy",
                  "row %zu of permutations.npy is not an order of the features 0 to %zu", row - 1, o->n - 1);
        seen[feature] = row;
        o->order[i] = (uint32_t)feature;
    }
    return XAI_OK;
}

static xai_status emit(const orders *o, xai_task *task, xai_error *err)
{
    if (!task->emit_draws) return XAI_OK;
    float *values = XAI_NEW(task->arena, float, o->count * o->n);
    if (!values) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < o->count * o->n; i++) values[i] = (float)o->order[i];
    xai_array a = {.dtype = XAI_F32, .rank = 2, .shape = {(int64_t)o->count, (int64_t)o->n}, .data = values};
    return xai_task_emit_draws(task, "permutations", &a, err);
}

static xai_status add_prefixes(orders *o, const xai_features *features, xai_task *task, xai_error *err)
{
    XAI_TRY(xai_coalitions_init(&o->c, features, o->count * o->n, task, err));
    for (size_t s = 0; s < o->count; s++) {
        uint64_t row[XAI_MOST_FEATURES / 64] = {0};
        for (size_t k = 0; k < o->n; k++) {
            xai_coalitions_add(&o->c, row);
            xai_coalition_put(row, o->order[s * o->n + k]);
        }
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- values */

/* values[i] += what feature i adds in order s. */
static void add_order(const orders *o, size_t s, double full, double *values)
{
    for (size_t k = 0; k < o->n; k++) {
        size_t sample = s * o->n + k;
        double after = k + 1 < o->n ? xai_coalition_value(&o->c, sample + 1) : full;
        values[o->order[sample]] += after - xai_coalition_value(&o->c, sample);
    }
}

/* Whether order s + 1 is order s reversed. */
static bool paired(const orders *o, size_t s)
{
    const uint32_t *a = o->order + s * o->n, *b = a + o->n;
    if (s + 1 >= o->count) return false;
    for (size_t i = 0; i < o->n; i++)
        if (a[i] != b[o->n - 1 - i]) return false;
    return true;
}

static void estimate(const orders *o, double full, double *values, double *errors, double *unit)
{
    double count = (double)o->count, units = 0;
    for (size_t s = 0; s < o->count; s++) add_order(o, s, full, values);
    for (size_t i = 0; i < o->n; i++) values[i] /= count;
    for (size_t s = 0; s < o->count; units++) {
        size_t size = paired(o, s) ? 2 : 1;
        for (size_t i = 0; i < o->n; i++) unit[i] = -(double)size * values[i];
        for (size_t k = 0; k < size; k++) add_order(o, s++, full, unit);
        for (size_t i = 0; i < o->n; i++) errors[i] += unit[i] * unit[i];
    }
    for (size_t i = 0; i < o->n; i++) errors[i] = units > 1 ? sqrt(units / (units - 1) * errors[i]) / count : NAN;
}

static xai_status sample(const xai_features *features, const shapley_params *p, xai_task *task, xai_error *err)
{
    size_t n = features->count, done;
    orders o = {.count = (size_t)p->samples, .n = n};
    double *values = XAI_NEW(task->arena, double, n), *errors = XAI_NEW(task->arena, double, n),
           *unit = XAI_NEW(task->arena, double, n);
    if (!values || !errors || !unit) XAI_NO_MEMORY(err);
    if (xai_task_has_draws(task, "permutations")) XAI_TRY(replay(&o, task, err));
    else XAI_TRY(draw(&o, task, err));
    XAI_TRY(emit(&o, task, err));
    XAI_TRY(add_prefixes(&o, features, task, err));
    XAI_TRY(xai_coalitions_evaluate(&o.c, task, n, &done, err));
    o.count = done / n; /* whole orders */
    estimate(&o, task->base, values, errors, unit);
    return xai_features_add_shares(features, task, values, errors, xai_coalition_value(&o.c, 0), err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const shapley_params *p = params;
    xai_features features;
    XAI_TRY(xai_features_init(&features, task, &p->features, err));
    if (features.count > XAI_EXACT_FEATURES || xai_task_has_draws(task, "permutations"))
        return sample(&features, p, task, err);
    double *values = XAI_NEW(task->arena, double, features.count), empty;
    if (!values) XAI_NO_MEMORY(err);
    XAI_TRY(xai_coalitions_exact(&features, task, values, &empty, err));
    return xai_features_add_shares(&features, task, values, NULL, empty, err);
}

const xai_method xai_method_shapley = {
    .info = {.id = "shapley", .title = "Shapley value sampling", .family = "perturbation",
             .summary = "Each part's fair share of the score: what it adds, averaged over random orders of the parts.",
             .paper = "arXiv:2104.12199", .version = 1, .needs = "forward", .cost = "1202 forwards",
             .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(shapley_params),
    .steady = true,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .check = xai_features_check,
    .cost = cost,
    .run = run,
};
