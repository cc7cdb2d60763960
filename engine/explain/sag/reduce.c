/*
 * From a set that reaches the threshold down to an MSE.
 *
 * The set's single deletions are scored as one batch. If none reaches the threshold, the set is an MSE, and that
 * batch is the proof. Else the regions whose loss is borne are dropped, as many at once as the set bears: all of
 * them, half, a quarter, ..., the least important first, again scored as one batch. Each round drops at least one
 * region, so it ends.
 *
 * The deletion pass comes before that where the set is large: a cut along the candidate order, then whole chunks of
 * regions, a quarter of the set at first, halved when none can be spared.
 */
#include <assert.h>
#include <math.h>

#include "state.h"

enum { LADDER = 10 }; /* steps of a halving ladder: 2^9 > XAI_MASK_MAX */

typedef struct spare { /* a region that the set can do without */
    int region;
    float p;           /* without it */
} spare;

/* The regions of a set, the most promising first; how many. */
static int list_by_order(const xai_sag_state *state, xai_mask mask, int *list)
{
    int n = 0;
    for (int i = 0; i < state->settings->count; i++)
        if (xai_mask_has(mask, state->order[i])) list[n++] = state->order[i];
    return n;
}

/* The regions that `mask` bears to lose, the most easily lost first (then the least promising); *count of them. */
static xai_status find_spares(xai_sag_state *state, xai_mask mask, spare *spares, int *count, xai_error *err)
{
    int list[XAI_MASK_MAX], n = list_by_order(state, mask, list);
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, (size_t)n, err));
    for (int i = 0; i < n; i++) xai_sag_batch_add(&batch, xai_mask_without(mask, list[i]));
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    *count = 0;
    for (int i = n - 1; i >= 0; i--) {
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
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
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
    XAI_TRY(xai_sag_ask(state, &mask, 1, &score, err));
    assert(xai_sag_reaches(state, score));
    return xai_sag_record(state, mask, score, err);
}

/* Scores the set without each of its chunks of `size` regions; drops the one missed least, if any is borne. */
static xai_status drop_chunk(xai_sag_state *state, xai_mask *mask, int size, bool *dropped, xai_error *err)
{
    int list[XAI_MASK_MAX], n = list_by_order(state, *mask, list);
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, (size_t)n, err));
    for (int end = n; end >= size; end -= size) { /* from the least promising */
        xai_mask rest = *mask;
        for (int i = end - size; i < end; i++) rest = xai_mask_without(rest, list[i]);
        xai_sag_batch_add(&batch, rest);
    }
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    float best = -INFINITY;
    for (size_t i = 0; i < batch.count; i++)
        if (xai_sag_reaches(state, batch.scores[i]) && batch.scores[i].p > best) {
            best = batch.scores[i].p;
            *mask = batch.masks[i];
        }
    *dropped = best > -INFINITY;
    return XAI_OK;
}

/* Cuts along the candidate order: the best 1, 2, 3, 4, 6, 8, 12, ... regions, and at last the whole set. */
static xai_status cut_prefix(xai_sag_state *state, xai_mask *mask, xai_error *err)
{
    int list[XAI_MASK_MAX], n = list_by_order(state, *mask, list);
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, 2 * LADDER + 1, err));
    xai_mask kept = {{0}};
    for (int taken = 1, next = 1; taken <= n; taken++) {
        kept = xai_mask_with(kept, list[taken - 1]);
        if (taken < next && taken < n) continue;
        xai_sag_batch_add(&batch, kept);
        next += next < 2 ? 1 : (next & (next - 1)) ? next / 3 : next / 2; /* 1 2 3 4 6 8 12 16 24 ... */
    }
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    size_t step = 0;
    while (step + 1 < batch.count && !xai_sag_reaches(state, batch.scores[step])) step++;
    *mask = batch.masks[step];
    return XAI_OK;
}

xai_status xai_sag_strip(xai_sag_state *state, xai_mask mask, xai_error *err)
{
    XAI_TRY(cut_prefix(state, &mask, err));
    int size = xai_mask_count(mask) / 4;
    while (size >= 2) {
        bool dropped;
        XAI_TRY(drop_chunk(state, &mask, size, &dropped, err));
        if (!dropped || xai_mask_count(mask) <= size) size /= 2;
    }
    return xai_sag_reduce(state, mask, err);
}
