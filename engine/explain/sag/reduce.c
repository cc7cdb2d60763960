/*
 * From a set that reaches the threshold down to an MSE.
 *
 * The set's single deletions are scored as one batch. If none reaches the threshold, the set is an MSE, and that
 * batch is the proof. Else the regions whose loss is borne are dropped, as many at once as the set bears: all of
 * them, half, a quarter, ..., the least important first, again scored as one batch. Each round drops at least one
 * region, so it ends.
 *
 * The deletion pass comes before that where the set is large: a cut along the candidate order, then whole chunks of
 * regions, a quarter of the set at first, halved when none can be spared: the one missed least, or of a very large set
 * as many at once as it bears.
 */
#include <assert.h>

#include "state.h"

enum {
    LADDER = 10, /* steps of a halving ladder: 2^9 > XAI_MASK_MAX */
    LARGE = 64   /* regions of a set that is cut down boldly: step by step it would take too long */
};

typedef struct spare { /* regions that the set can do without */
    xai_mask regions;
    float p; /* without them */
} spare;

/* The regions of a set, the most promising first; how many. */
static int list_by_order(const xai_sag_state *state, xai_mask mask, int *list)
{
    int n = 0;
    for (int i = 0; i < state->settings->count; i++)
        if (xai_mask_has(mask, state->order[i])) list[n++] = state->order[i];
    return n;
}

static xai_mask chunk_of(const int *list, int size)
{
    xai_mask chunk = {{0}};
    for (int i = 0; i < size; i++) chunk = xai_mask_with(chunk, list[i]);
    return chunk;
}

/* The chunks of `size` regions that `mask` bears to lose, the most easily lost first (then the least promising). */
static xai_status find_spares(xai_sag_state *state, xai_mask mask, int size, spare *spares, int *count, xai_error *err)
{
    int list[XAI_MASK_MAX], n = list_by_order(state, mask, list);
    xai_mask chunks[XAI_MASK_MAX];
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, (size_t)n, err));
    for (int end = n; end >= size; end -= size) { /* from the least promising */
        chunks[batch.count] = chunk_of(list + end - size, size);
        xai_sag_batch_add(&batch, xai_mask_minus(mask, chunks[batch.count]));
    }
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    *count = 0;
    for (size_t i = 0; i < batch.count; i++) {
        if (!xai_sag_reaches(state, batch.scores[i])) continue;
        int at = (*count)++;
        for (; at > 0 && spares[at - 1].p < batch.scores[i].p; at--) spares[at] = spares[at - 1];
        spares[at] = (spare){.regions = chunks[i], .p = batch.scores[i].p};
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
        for (int i = 0; i < length; i++) rest = xai_mask_minus(rest, spares[i].regions);
        xai_sag_batch_add(&batch, rest);
    }
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    size_t step = 0;
    while (step + 1 < batch.count && !xai_sag_reaches(state, batch.scores[step])) step++;
    *mask = batch.masks[step]; /* the last one drops a single spare, whose loss is known to be borne */
    return XAI_OK;
}

xai_status xai_sag_reduce(xai_sag_state *state, xai_mask mask, xai_error *err)
{
    for (;;) {
        spare spares[XAI_MASK_MAX];
        int count;
        XAI_TRY(find_spares(state, mask, 1, spares, &count, err));
        if (count == 0) break;
        XAI_TRY(drop_prefix(state, &mask, spares, count, err));
    }
    xai_sag_score score;
    XAI_TRY(xai_sag_ask(state, &mask, 1, &score, err));
    assert(xai_sag_reaches(state, score));
    return xai_sag_record(state, mask, score, err);
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
    for (int size = xai_mask_count(mask) / 4; size >= 2;) {
        spare spares[XAI_MASK_MAX];
        int count;
        XAI_TRY(find_spares(state, mask, size, spares, &count, err));
        if (count && xai_mask_count(mask) > LARGE) XAI_TRY(drop_prefix(state, &mask, spares, count, err));
        else if (count) mask = xai_mask_minus(mask, spares[0].regions);
        if (!count || xai_mask_count(mask) <= size) size /= 2;
    }
    return xai_sag_reduce(state, mask, err);
}
