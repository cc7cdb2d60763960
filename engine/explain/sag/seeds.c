/*
 * From coarse to fine: explanations found on a coarser grid are refined within the regions that they cover.
 *
 * Each seed is a coarse explanation told in fine regions, tight, wider and widest; the first of them that reaches the
 * threshold (finer patches blend otherwise, so the tight one may not) goes through the deletion pass. If none does, the
 * whole image does. Nothing outside the seeds is looked at, and nothing is claimed of it. One thread at a time.
 */
#include "state.h"

static xai_status refine(xai_sag_state *state, const xai_mask *widths, xai_error *err)
{
    xai_sag_score scores[XAI_SAG_SEED_WIDTHS];
    XAI_TRY(xai_sag_ask(state, widths, XAI_SAG_SEED_WIDTHS, scores, err));
    for (int i = 0; i < XAI_SAG_SEED_WIDTHS; i++) {
        if (!xai_sag_reaches(state, scores[i])) continue;
        return xai_sag_covered(state, widths[i]) ? XAI_OK : xai_sag_strip(state, widths[i], err);
    }
    return XAI_OK;
}

xai_status xai_sag_seeds(xai_sag_state *state, xai_error *err)
{
    const xai_sag_settings *settings = state->settings;
    double worth[XAI_MASK_MAX];
    for (int i = 0; i < settings->count; i++) worth[i] = settings->evidence ? -settings->evidence[i] : 0;
    xai_sag_order_by(worth, settings->count, state->order);
    for (size_t i = 0; i < settings->seed_count; i++) XAI_TRY(refine(state, settings->seeds[i], err));
    return state->mse_count ? XAI_OK : xai_sag_strip(state, xai_mask_full(settings->count), err);
}
