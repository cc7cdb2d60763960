/* Every set of up to 11 features: 2048 forwards at most. Sums run in the order of the masks. */
#include "exact.h"

#include <assert.h>

/* |S|! (n - |S| - 1)! / n! = 1 / (n * C(n - 1, |S|)) */
static void fill_weights(size_t n, double *weights)
{
    double choose = 1;
    for (size_t size = 0; size < n; size++) {
        weights[size] = 1 / ((double)n * choose);
        choose = choose * (double)(n - 1 - size) / (double)(size + 1);
    }
}

void xai_shapley_exact(const double *values, size_t n, double *out)
{
    double weights[64];
    assert(n <= 63);
    fill_weights(n, weights);
    for (size_t i = 0; i < n; i++) {
        size_t bit = (size_t)1 << i;
        out[i] = 0;
        for (size_t set = 0; set < (size_t)1 << n; set++)
            if (!(set & bit))
                out[i] += weights[__builtin_popcountll(set)] * (values[set | bit] - values[set]);
    }
}

xai_status xai_coalitions_exact(const xai_features *features, xai_task *task, double *out, double *empty,
                                xai_error *err)
{
    size_t n = features->count, sets = (size_t)1 << n, done;
    assert(n <= XAI_EXACT_FEATURES);
    xai_coalitions c;
    double *values = XAI_NEW(task->arena, double, sets);
    if (!values) XAI_NO_MEMORY(err);
    XAI_TRY(xai_coalitions_init(&c, features, sets, task, err));
    for (uint64_t set = 0; set < sets; set++) xai_coalitions_add(&c, &set);
    XAI_TRY(xai_coalitions_evaluate(&c, task, sets + 1, &done, err));
    for (size_t set = 0; set < sets; set++) values[set] = xai_coalition_value(&c, set);
    xai_shapley_exact(values, n, out);
    *empty = values[0];
    return XAI_OK;
}
