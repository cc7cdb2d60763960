/*
 * Beam search from the empty set: every kept set is extended by its best candidates, the level is scored as one
 * batch, sets that reach the threshold are reduced to MSEs and recorded, and the best of the rest are kept.
 *
 * Sets that contain a recorded MSE are never extended nor scored. The beam is a heuristic: it proves nothing about
 * the sets that it passed by.
 */
#include <stdlib.h>

#include "state.h"

typedef struct member { /* a set of a level */
    xai_mask mask;
    xai_sag_score score;
} member;

static int compare_members(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->score.p != y->score.p) return x->score.p > y->score.p ? -1 : 1;
    return xai_mask_compare(x->mask, y->mask);
}

static bool in_batch(const xai_sag_batch *batch, xai_mask mask)
{
    for (size_t i = 0; i < batch->count; i++)
        if (xai_mask_equal(batch->masks[i], mask)) return true;
    return false;
}

/* Adds the extensions of one kept set by `limit` regions, the most promising first. */
static void extend(const xai_sag_state *state, xai_mask mask, int limit, xai_sag_batch *batch)
{
    for (int i = 0; i < state->settings->count && limit > 0; i++) {
        int region = state->order[i];
        if (xai_mask_has(mask, region)) continue;
        xai_mask longer = xai_mask_with(mask, region);
        if (xai_sag_covered(state, longer)) continue;
        limit--;
        if (!in_batch(batch, longer)) xai_sag_batch_add(batch, longer);
    }
}

/* Whether reducing this set is worth its price: overlapping variants of what is known are, up to a number. */
static bool wanted(const xai_sag_state *state, const member *that)
{
    if (!xai_sag_reaches(state, that->score) || xai_sag_covered(state, that->mask)) return false;
    if (state->mse_count < (size_t)state->settings->max_mses) return true;
    int size = xai_mask_count(that->mask);
    for (size_t i = 0; i < state->mse_count; i++) {
        bool smaller = state->mses[i].size > size;
        if (!smaller && xai_mask_overlap(state->mses[i].mask, that->mask) > state->settings->overlap) return false;
    }
    return true;
}

/* Records what reached the threshold, best first; the best of the rest become the next level. */
static xai_status settle(xai_sag_state *state, member *level, size_t count, member *kept, size_t *kept_count,
                         xai_error *err)
{
    qsort(level, count, sizeof *level, compare_members);
    for (size_t i = 0; i < count; i++)
        if (wanted(state, &level[i])) XAI_TRY(xai_sag_reduce(state, level[i].mask, err));
    *kept_count = 0;
    for (size_t i = 0; i < count && *kept_count < (size_t)state->settings->beam; i++)
        if (!xai_sag_reaches(state, level[i].score) && !xai_sag_covered(state, level[i].mask))
            kept[(*kept_count)++] = level[i];
    return XAI_OK;
}

/* Scores the extensions of the kept sets and replaces the kept sets by the next level's. */
static xai_status climb(xai_sag_state *state, int depth, member *kept, size_t *kept_count, xai_error *err)
{
    int limit = depth == 1 ? state->settings->count : state->settings->candidates;
    size_t room = *kept_count * (size_t)limit;
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, room, err));
    for (size_t i = 0; i < *kept_count; i++) extend(state, kept[i].mask, limit, &batch);
    if (!batch.count) {
        *kept_count = 0;
        return XAI_OK;
    }
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    member *level = XAI_NEW(state->arena, member, batch.count);
    if (!level) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < batch.count; i++) level[i] = (member){.mask = batch.masks[i], .score = batch.scores[i]};
    return settle(state, level, batch.count, kept, kept_count, err);
}

/* Whether an MSE of at most `size` regions is known: the beam has nothing smaller to find. */
static bool found_within(const xai_sag_state *state, int size)
{
    for (size_t i = 0; i < state->mse_count; i++)
        if (state->mses[i].size <= size) return true;
    return false;
}

xai_status xai_sag_grow(xai_sag_state *state, int size, xai_mask *out, bool *grown, xai_error *err)
{
    member *kept = XAI_NEW(state->arena, member, (size_t)state->settings->beam);
    if (!kept) XAI_NO_MEMORY(err);
    size_t kept_count = 1; /* the empty set */
    for (int depth = 1; kept_count && depth <= size && !found_within(state, depth); depth++)
        XAI_TRY(climb(state, depth, kept, &kept_count, err));
    *grown = kept_count && xai_mask_count(kept[0].mask) == size;
    if (*grown) *out = kept[0].mask;
    return XAI_OK;
}

xai_status xai_sag_beam(xai_sag_state *state, xai_error *err)
{
    const xai_sag_settings *settings = state->settings;
    member *kept = XAI_NEW(state->arena, member, (size_t)settings->beam);
    if (!kept) XAI_NO_MEMORY(err);
    size_t kept_count = 1; /* the empty set */
    for (int depth = 1, after = 0; kept_count && after <= settings->patience; depth++) {
        if (depth > settings->max_patches) {
            state->bounds |= XAI_SAG_BOUND_PATCHES;
            break;
        }
        XAI_TRY(climb(state, depth, kept, &kept_count, err));
        if (found_within(state, depth)) after++;
    }
    return XAI_OK;
}
