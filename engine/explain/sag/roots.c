/*
 * Roots: the diverse MSEs to show, and what is known of them.
 *
 * Certificates say what was evaluated, never more. A root of up to `subset_max` regions is checked against all its
 * subsets; if one of them reaches the threshold, the MSE below it takes the root's place and the choice starts again,
 * each time with a smaller set, so this ends.
 */
#include <assert.h>
#include <stdlib.h>

#include "diverse.h"
#include "state.h"

size_t xai_sag_choose_roots(xai_sag_state *state)
{
    if (!state->mse_count) return 0;
    qsort(state->mses, state->mse_count, sizeof *state->mses, xai_sag_mse_compare);
    int n = state->mse_count < XAI_DIVERSE_MAX ? (int)state->mse_count : XAI_DIVERSE_MAX;
    uint64_t compatible[XAI_DIVERSE_MAX] = {0};
    int cost[XAI_DIVERSE_MAX];
    for (int i = 0; i < n; i++) {
        cost[i] = state->mses[i].size;
        for (int j = 0; j < n; j++)
            if (xai_mask_overlap(state->mses[i].mask, state->mses[j].mask) <= state->settings->overlap)
                compatible[i] |= UINT64_C(1) << j;
    }
    uint64_t chosen = xai_diverse_choose(compatible, cost, n, state->settings->shown);
    for (size_t i = 0; i < state->mse_count; i++) state->mses[i].root = i < XAI_DIVERSE_MAX && chosen >> i & 1;
    return (size_t)__builtin_popcountll(chosen);
}

/* The subset of list[n] that the bits of `pick` choose. */
static xai_mask subset_of(const int *list, uint32_t pick)
{
    xai_mask m = {{0}};
    for (; pick; pick &= pick - 1) m = xai_mask_with(m, list[__builtin_ctz(pick)]);
    return m;
}

/* Scores all proper subsets; *smaller: the smallest that reaches the threshold (then p, mask); *found if there is. */
static xai_status check_subsets(xai_sag_state *state, const xai_sag_mse *mse, xai_mask *smaller, bool *found,
                                xai_error *err)
{
    int list[XAI_MASK_MAX], n = xai_mask_list(mse->mask, list);
    assert(n <= XAI_SAG_MAX_SUBSET);
    uint32_t subsets = (UINT32_C(1) << n) - 1; /* all but the set itself */
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, subsets, err));
    for (uint32_t pick = 0; pick < subsets; pick++) xai_sag_batch_add(&batch, subset_of(list, pick));
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    xai_sag_mse best = {.size = n};
    for (uint32_t i = 0; i < subsets; i++) {
        if (!xai_sag_reaches(state, batch.scores[i])) continue;
        xai_sag_mse that = {.mask = batch.masks[i], .size = xai_mask_count(batch.masks[i]), .score = batch.scores[i]};
        if (xai_sag_mse_compare(&that, &best) < 0) best = that;
    }
    *smaller = best.mask;
    *found = best.size < n;
    return XAI_OK;
}

/* Checks the roots until one is replaced (*changed) or all stand. */
static xai_status check_roots(xai_sag_state *state, bool *changed, xai_error *err)
{
    *changed = false;
    for (size_t i = 0; i < state->mse_count; i++) {
        xai_sag_mse *mse = &state->mses[i];
        if (!mse->root || mse->subset == XAI_SAG_TRUE || mse->size > state->settings->subset_max) continue;
        xai_mask smaller;
        XAI_TRY(check_subsets(state, mse, &smaller, changed, err));
        if (*changed) return xai_sag_reduce(state, smaller, err);
        mse->subset = XAI_SAG_TRUE;
    }
    return XAI_OK;
}

xai_status xai_sag_roots(xai_sag_state *state, xai_error *err)
{
    bool changed;
    do {
        xai_sag_choose_roots(state);
        XAI_TRY(check_roots(state, &changed, err));
    } while (changed);
    return XAI_OK;
}
