/*
 * Planted functions: scores of region sets whose minimal sufficient sets are known, and a search over them.
 *
 * An evaluator asserts that no set is ever asked for twice.
 */
#ifndef TESTS_SAG_PLANTED_H
#define TESTS_SAG_PLANTED_H

#include <check.h>
#include <math.h>
#include <string.h>

#include "explain/sag/search.h"

typedef float (*planted_fn)(xai_mask mask);

enum { PLANTED_MOST = 1 << 15 };

typedef struct planted {
    planted_fn f;
    xai_mask asked[PLANTED_MOST];
    size_t count, largest_batch;
    xai_token *token;
    size_t cancel_after; /* > 0: cancels the token once so many sets were scored */
} planted;

static inline xai_status planted_evaluate(void *user, const xai_mask *masks, size_t n, xai_sag_score *scores,
                                          xai_error *err)
{
    planted *plan = user;
    (void)err;
    if (n > plan->largest_batch) plan->largest_batch = n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < plan->count; j++) ck_assert(!xai_mask_equal(plan->asked[j], masks[i]));
        ck_assert_uint_lt(plan->count, PLANTED_MOST);
        plan->asked[plan->count++] = masks[i];
        float p = plan->f(masks[i]);
        scores[i] = (xai_sag_score){.p = p, .top1 = p >= 0.5f ? 7 : 3, .versus = 1 - p};
    }
    if (plan->cancel_after && plan->count >= plan->cancel_after) xai_token_cancel(plan->token);
    return XAI_OK;
}

static inline xai_sag_settings planted_settings(int count)
{
    return (xai_sag_settings){.count = count, .target = 7, .versus = -1, .p_high = 0.9, .p_low = 0.4, .beam = 5,
                              .candidates = 15, .patience = 1, .max_mses = 64, .max_patches = 24, .max_nodes = 200,
                              .overlap = 1, .shown = 3, .subset_max = 6, .max_evals = 5000};
}

static inline xai_mask planted_set(int count, const int *regions)
{
    xai_mask m = {{0}};
    for (int i = 0; i < count; i++) m = xai_mask_with(m, regions[i]);
    return m;
}

#define SET(...) planted_set((int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (int[]){__VA_ARGS__})

static inline bool planted_holds(xai_mask mask, xai_mask needed) { return xai_mask_subset(needed, mask); }

/* How many of the result's MSEs are this set. */
static inline int planted_found(const xai_sag_result *result, xai_mask mask)
{
    int n = 0;
    for (size_t i = 0; i < result->mse_count; i++) n += xai_mask_equal(result->mses[i].mask, mask);
    return n;
}

#endif
