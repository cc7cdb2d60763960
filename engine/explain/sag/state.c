/* What the stages share: batches, the criterion, and the list of MSEs. One thread at a time. */
#include "state.h"

#include <assert.h>
#include <string.h>

xai_status xai_sag_batch_init(xai_sag_batch *batch, xai_arena *arena, size_t room, xai_error *err)
{
    *batch = (xai_sag_batch){.masks = XAI_NEW(arena, xai_mask, room), .scores = XAI_NEW(arena, xai_sag_score, room),
                             .room = room};
    if (!batch->masks || !batch->scores) XAI_NO_MEMORY(err);
    return XAI_OK;
}

void xai_sag_batch_add(xai_sag_batch *batch, xai_mask mask)
{
    assert(batch->count < batch->room);
    batch->masks[batch->count++] = mask;
}

/* The complements of masks[n] are scored, and what they keep of the target counts against them. */
static xai_status ask_removed(xai_sag_state *state, const xai_mask *masks, size_t n, xai_sag_score *scores,
                              xai_error *err)
{
    xai_mask *kept = XAI_NEW(state->arena, xai_mask, n + 1), all = xai_mask_full(state->settings->count);
    if (!kept) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) kept[i] = xai_mask_minus(all, masks[i]);
    XAI_TRY(xai_sag_oracle_ask(state->oracle, kept, n, scores, err));
    for (size_t i = 0; i < n; i++) scores[i].p = -scores[i].p;
    return XAI_OK;
}

xai_status xai_sag_ask(xai_sag_state *state, const xai_mask *masks, size_t n, xai_sag_score *scores, xai_error *err)
{
    return state->removal ? ask_removed(state, masks, n, scores, err)
                          : xai_sag_oracle_ask(state->oracle, masks, n, scores, err);
}

xai_status xai_sag_batch_ask(xai_sag_batch *batch, xai_sag_state *state, xai_error *err)
{
    return xai_sag_ask(state, batch->masks, batch->count, batch->scores, err);
}

bool xai_sag_reaches(const xai_sag_state *state, xai_sag_score score)
{
    if (state->removal) return score.top1 != state->settings->target;
    if (state->settings->criterion == XAI_SAG_ARGMAX) return score.top1 == state->settings->target;
    if (state->settings->dialect == XAI_SAG_REFERENCE) return (double)score.p > state->tau;
    return (double)score.p >= state->tau;
}

bool xai_sag_covered(const xai_sag_state *state, xai_mask mask)
{
    for (size_t i = 0; i < state->mse_count; i++)
        if (xai_mask_subset(state->mses[i].mask, mask)) return true;
    return false;
}

static xai_status make_room(xai_sag_state *state, xai_error *err)
{
    if (state->mse_count < state->mse_room) return XAI_OK;
    size_t room = state->mse_room ? 2 * state->mse_room : 16;
    xai_sag_mse *mses = XAI_NEW(state->arena, xai_sag_mse, room);
    if (!mses) XAI_NO_MEMORY(err);
    if (state->mse_count) memcpy(mses, state->mses, state->mse_count * sizeof *mses);
    state->mses = mses;
    state->mse_room = room;
    return XAI_OK;
}

static int smallest(const xai_sag_state *state)
{
    int size = XAI_MASK_MAX + 1;
    for (size_t i = 0; i < state->mse_count; i++)
        if (state->mses[i].size < size) size = state->mses[i].size;
    return size;
}

xai_status xai_sag_append(xai_sag_state *state, xai_mask mask, xai_sag_score score, xai_error *err)
{
    int size = xai_mask_count(mask);
    if (size < smallest(state)) xai_sag_oracle_entries(state->oracle, &state->smallest_at);
    XAI_TRY(make_room(state, err));
    state->mses[state->mse_count++] = (xai_sag_mse){.mask = mask, .size = size, .score = score};
    return XAI_OK;
}

xai_status xai_sag_record(xai_sag_state *state, xai_mask mask, xai_sag_score score, xai_error *err)
{
    if (xai_sag_covered(state, mask)) return XAI_OK;
    size_t kept = 0;
    for (size_t i = 0; i < state->mse_count; i++)
        if (!xai_mask_subset(mask, state->mses[i].mask)) state->mses[kept++] = state->mses[i];
    state->mse_count = kept;
    return xai_sag_append(state, mask, score, err);
}

int xai_sag_mse_compare(const void *a, const void *b)
{
    const xai_sag_mse *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    if (x->score.p != y->score.p) return x->score.p > y->score.p ? -1 : 1;
    return xai_mask_compare(x->mask, y->mask);
}
