/*
 * Alternatives: other explanations than those found, by asking what the network makes of the image without them.
 *
 * While there are fewer diverse MSEs than wanted: take the image without the roots' regions; if that does not reach
 * the threshold, give back of each root the `overlap` regions that may be shared; where it does reach it, the deletion
 * pass ends in an MSE that hardly shares more with any root; the choice of roots has the last word. One thread.
 */
#include "state.h"

/* Everything but the roots' regions, less the most promising `shared` of each root. */
static xai_mask without_roots(const xai_sag_state *state, int shared)
{
    xai_mask rest = xai_mask_full(state->settings->count), back = {{0}};
    for (size_t m = 0; m < state->mse_count; m++) {
        if (!state->mses[m].root) continue;
        rest = xai_mask_minus(rest, state->mses[m].mask);
        int left = shared;
        for (int i = 0; i < state->settings->count && left > 0; i++) {
            if (!xai_mask_has(state->mses[m].mask, state->order[i])) continue;
            back = xai_mask_with(back, state->order[i]);
            left--;
        }
    }
    for (int i = 0; i < state->settings->count; i++)
        if (xai_mask_has(back, i)) rest = xai_mask_with(rest, i);
    return rest;
}

xai_status xai_sag_alternatives(xai_sag_state *state, xai_error *err)
{
    size_t roots = xai_sag_choose_roots(state);
    while (roots < (size_t)state->settings->shown) {
        xai_mask tries[2] = {without_roots(state, 0), without_roots(state, state->settings->overlap)};
        xai_sag_score scores[2];
        XAI_TRY(xai_sag_ask(state, tries, 2, scores, err));
        int use = xai_sag_reaches(state, scores[0]) ? 0 : 1;
        if (!xai_sag_reaches(state, scores[use]) || xai_sag_covered(state, tries[use])) return XAI_OK;
        XAI_TRY(xai_sag_strip(state, tries[use], err));
        size_t now = xai_sag_choose_roots(state);
        if (now <= roots) return XAI_OK;
        roots = now;
    }
    return XAI_OK;
}
