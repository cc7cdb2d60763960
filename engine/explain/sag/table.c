/*
 * The table of all subsets of what the shown roots cover, so that a person can switch their patches without waiting:
 * 2^n scores for n regions, less those that the search knows already.
 *
 * The regions are those of the roots in their order, as long as they are XAI_SAG_MAX_TABLE together; if the first root
 * alone has more, there is no table.
 */
#include "state.h"

static xai_mask covered_by_roots(const xai_sag_state *state)
{
    xai_mask all = {{0}};
    for (size_t i = 0; i < state->mse_count && state->mses[i].root; i++) {
        xai_mask both = all;
        for (int w = 0; w < XAI_MASK_WORDS; w++) both.word[w] |= state->mses[i].mask.word[w];
        if (xai_mask_count(both) > XAI_SAG_MAX_TABLE) break;
        all = both;
    }
    return all;
}

xai_status xai_sag_tabulate(xai_sag_state *state, xai_sag_result *result, xai_error *err)
{
    int regions[XAI_MASK_MAX], n = xai_mask_list(covered_by_roots(state), regions);
    if (n == 0) return XAI_OK;
    xai_sag_table *table = XAI_NEW(state->arena, xai_sag_table, 1);
    xai_sag_batch batch;
    size_t count = (size_t)1 << n;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, count, err));
    if (!table) XAI_NO_MEMORY(err);
    for (size_t index = 0; index < count; index++) {
        xai_mask mask = {{0}};
        for (int k = 0; k < n; k++)
            if (index >> k & 1) mask = xai_mask_with(mask, regions[k]);
        xai_sag_batch_add(&batch, mask);
    }
    xai_sag_oracle_limit(state->oracle, state->settings->max_evals + count); /* the search's budget is not for this */
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    table->count = n;
    for (int k = 0; k < n; k++) table->regions[k] = regions[k];
    table->scores = batch.scores;
    result->table = table;
    return XAI_OK;
}
