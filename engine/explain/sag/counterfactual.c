/*
 * Counterfactuals: the smallest sets of regions without which another class wins.
 *
 * The search for explanations, seen from the whole image: a set is what is removed, its score is what the rest loses, and
 * it reaches its goal when the target is not the top class any more. So the deletion pass, from everything removed,
 * ends in one set of which every region is needed, and a beam no wider than sets are wanted then looks for smaller ones;
 * it proves nothing about the sets that it passed by. Scores are shared with the search before. One thread at a time.
 */
#include <stdlib.h>

#include "state.h"

/* Whether the target wins on the whole and loses on nothing: else there is nothing to turn. */
static xai_status can_turn(xai_sag_state *turned, bool *out, xai_error *err)
{
    xai_mask ends[2] = {{{0}}, xai_mask_full(turned->settings->count)};
    xai_sag_score scores[2];
    XAI_TRY(xai_sag_ask(turned, ends, 2, scores, err));
    *out = !xai_sag_reaches(turned, scores[0]) && xai_sag_reaches(turned, scores[1]);
    return XAI_OK;
}

static bool all_singles_scored(const xai_sag_state *state)
{
    xai_mask all = xai_mask_full(state->settings->count);
    for (int i = 0; i < state->settings->count; i++)
        if (!xai_sag_oracle_look(state->oracle, xai_mask_without(all, i))) return false;
    return true;
}

static xai_status find(xai_sag_state *turned, xai_error *err)
{
    bool possible;
    XAI_TRY(can_turn(turned, &possible, err));
    if (!possible) return XAI_OK;
    XAI_TRY(xai_sag_strip(turned, xai_mask_full(turned->settings->count), err));
    return xai_sag_beam(turned, err);
}

/* What is known of sizes: one region is least, two where no single one does; the larger of two is not smallest. */
static void certify(xai_sag_state *turned)
{
    int known = all_singles_scored(turned) ? 2 : 1;
    for (size_t i = 0; i < turned->mse_count; i++) {
        xai_sag_mse *set = &turned->mses[i];
        if (set->size > turned->mses[0].size) set->cardinality = XAI_SAG_FALSE;
        else if (set->size <= known) set->cardinality = XAI_SAG_TRUE;
        set->score.p = -set->score.p;
    }
}

xai_status xai_sag_counterfactuals(xai_sag_state *state, xai_sag_result *result, xai_error *err)
{
    if (!state->settings->counterfactuals) return XAI_OK;
    xai_sag_state turned = *state;
    xai_sag_settings settings = *state->settings;
    if (settings.beam > settings.counterfactuals) settings.beam = settings.counterfactuals;
    turned.settings = &settings;
    turned.removal = true;
    turned.mses = NULL;
    turned.mse_count = turned.mse_room = 0;
    xai_status status = find(&turned, err);
    if (turned.mse_count) qsort(turned.mses, turned.mse_count, sizeof *turned.mses, xai_sag_mse_compare);
    certify(&turned);
    size_t wanted = (size_t)state->settings->counterfactuals;
    result->counterfactuals = turned.mses;
    result->counterfactual_count = turned.mse_count < wanted ? turned.mse_count : wanted;
    return status;
}
