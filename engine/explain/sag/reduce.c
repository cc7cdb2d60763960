/*
 * From a set that reaches the threshold down to an MSE.
 *
 * The set's single deletions are scored as one batch. If none reaches the threshold, the set is an MSE, and that batch
 * is the proof. Else the regions whose loss is borne are dropped, as many at once as the set bears: all of them, half,
 * a quarter, ..., the least important first, again scored as one batch. Each round drops at least one region, so it
 * ends.
 */
#include <assert.h>

#include "state.h"

enum { LADDER = 10 }; /* steps of a halving ladder: 2^9 > XAI_MASK_MAX */

typedef struct spare { /* a region that the set can do without */
    int region;
    float p;           /* without it */
} spare;

/* The regions that `mask` bears to lose, the most easily lost first (then the least promising); *count of them. */
static xai_status find_spares(xai_sag_state *state, xai_mask mask, spare *spares, int *count, xai_error *err)
{
    int list[XAI_MASK_MAX], n = 0;
    for (int i = state->settings->count - 1; i >= 0; i--)
        if (xai_mask_has(mask, state->order[i])) list[n++] = state->order[i];
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, (size_t)n, err));
    for (int i = 0; i < n; i++) xai_sag_batch_add(&batch, xai_mask_without(mask, list[i]));
    XAI_TRY(xai_sag_batch_ask(&batch, state->oracle, err));
    *count = 0;
    for (int i = 0; i < n; i++) {
        if (!xai_sag_reaches(state, batch.scores[i])) continue;
        int at = (*count)++;
        for (; at > 0 && spares[at - 1].p < batch.scores[i].p; at--) spares[at] = spares[at - 1];
        spares[at] = (spare){.region = list[i], .p = batch.scores[i].p};
    }
    return XAI_OK;
}

/* Drops the longest of the prefixes 1/1, 1/2, 1/4, ... of the spares that the set bears; at least the first one. */
static xai_status drop_prefix(xai_sag_state *state, xai_mask *mask, const spare *spares, int count, xai_error *err)
{
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, LADDER, err));
    for (int length = count; length >= 1; length /= 2) {
        xai_mask rest = *mask;
        for (int i = 0; i < length; i++) rest = xai_mask_without(rest, spares[i].region);
        xai_sag_batch_add(&batch, rest);
    }
    XAI_TRY(xai_sag_batch_ask(&batch, state->oracle, err));
    size_t step = 0;
    while (step + 1 < batch.count && !xai_sag_reaches(state, batch.scores[step])) step++;
    *mask = batch.masks[step]; /* the last one drops a single region, whose loss is known to be borne */
    return XAI_OK;
}

xai_status xai_sag_reduce(xai_sag_state *state, xai_mask mask, xai_error *err)
{
    for (;;) {
        spare spares[XAI_MASK_MAX];
        int count;
        XAI_TRY(find_spares(state, mask, spares, &count, err));
        if (count == 0) break;
        XAI_TRY(drop_prefix(state, &mask, spares, count, err));
    }
    xai_sag_score score;
    XAI_TRY(xai_sag_oracle_ask(state->oracle, &mask, 1, &score, err));
    assert(xai_sag_reaches(state, score));
    return xai_sag_record(state, mask, score, err);
}

xai_status xai_sag_strip(xai_sag_state *state, xai_mask mask, xai_error *err)
{
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, 2 * LADDER + 1, err));
    /* The best 1, 2, 3, 4, 6, 8, 12, ... regions of the order, and at last the whole set. */
    int n = xai_mask_count(mask), taken = 0, next = 1;
    xai_mask kept = {{0}};
    for (int i = 0; taken < n; i++) {
        if (!xai_mask_has(mask, state->order[i])) continue;
        kept = xai_mask_with(kept, state->order[i]);
        taken++;
        if (taken < next && taken < n) continue;
        xai_sag_batch_add(&batch, kept);
        next += next < 2 ? 1 : (next & (next - 1)) ? next / 3 : next / 2; /* 1 2 3 4 6 8 12 16 24 ... */
    }
    XAI_TRY(xai_sag_batch_ask(&batch, state->oracle, err));
    size_t step = 0;
    while (step + 1 < batch.count && !xai_sag_reaches(state, batch.scores[step])) step++;
    return xai_sag_reduce(state, batch.masks[step], err);
}
