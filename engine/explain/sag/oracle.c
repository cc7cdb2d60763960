/*
 * A growing list of entries and an open-addressing table of indices into it (linear probing, at most half full).
 *
 * Invariant: entries are distinct; slots hold index + 1, 0 is empty. One thread at a time.
 */
#include "oracle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { FIRST_SLOTS = 1024 };

struct xai_sag_oracle {
    xai_sag_evaluate_fn evaluate;
    void *user;
    xai_token *token;
    size_t limit, hits;
    xai_sag_stop stop;
    xai_sag_entry *entries;
    size_t count;
    uint32_t *slots;
    size_t slot_count; /* a power of two; entries has room for half as many */
};

xai_status xai_sag_oracle_new(xai_sag_evaluate_fn evaluate, void *user, xai_token *token, size_t max_evals,
                              xai_sag_oracle **out, xai_error *err)
{
    assert(max_evals >= 1);
    xai_sag_oracle *oracle = calloc(1, sizeof *oracle);
    if (!oracle) XAI_NO_MEMORY(err);
    *oracle = (xai_sag_oracle){.evaluate = evaluate, .user = user, .token = token, .limit = max_evals};
    oracle->slot_count = FIRST_SLOTS;
    oracle->slots = calloc(FIRST_SLOTS, sizeof *oracle->slots);
    oracle->entries = calloc(FIRST_SLOTS / 2, sizeof *oracle->entries);
    if (!oracle->slots || !oracle->entries) {
        xai_sag_oracle_free(oracle);
        XAI_NO_MEMORY(err);
    }
    *out = oracle;
    return XAI_OK;
}

void xai_sag_oracle_free(xai_sag_oracle *oracle)
{
    if (!oracle) return;
    free(oracle->slots);
    free(oracle->entries);
    free(oracle);
}

/* The slot that holds the mask, or the empty one where it belongs. */
static size_t find_slot(const xai_sag_oracle *oracle, xai_mask mask)
{
    size_t wrap = oracle->slot_count - 1, at = xai_mask_hash(mask) & wrap;
    while (oracle->slots[at] && !xai_mask_equal(oracle->entries[oracle->slots[at] - 1].mask, mask))
        at = (at + 1) & wrap;
    return at;
}

static xai_status grow(xai_sag_oracle *oracle, xai_error *err)
{
    size_t slot_count = 2 * oracle->slot_count;
    XAI_CHECK(slot_count < UINT32_MAX, err, TOO_LARGE, "max_evals", "too many region sets for one search");
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    xai_sag_entry *entries = slots ? realloc(oracle->entries, slot_count / 2 * sizeof *entries) : NULL;
    if (!entries) {
        free(slots);
        XAI_NO_MEMORY(err);
    }
    free(oracle->slots);
    oracle->slots = slots;
    oracle->entries = entries;
    oracle->slot_count = slot_count;
    for (size_t i = 0; i < oracle->count; i++) slots[find_slot(oracle, entries[i].mask)] = (uint32_t)i + 1;
    return XAI_OK;
}

/* Appends the masks that are not known, each once; their scores follow. */
static xai_status add_unknown(xai_sag_oracle *oracle, const xai_mask *masks, size_t n, xai_error *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = find_slot(oracle, masks[i]);
        if (oracle->slots[at]) continue;
        if (oracle->count == oracle->slot_count / 2) {
            XAI_TRY(grow(oracle, err));
            at = find_slot(oracle, masks[i]);
        }
        oracle->entries[oracle->count++] = (xai_sag_entry){.mask = masks[i]};
        oracle->slots[at] = (uint32_t)oracle->count;
    }
    return XAI_OK;
}

/* Forgets everything after the first `count`: rebuilding the table is rare, it follows a failure. */
static void forget_after(xai_sag_oracle *oracle, size_t count)
{
    oracle->count = count;
    memset(oracle->slots, 0, oracle->slot_count * sizeof *oracle->slots);
    for (size_t i = 0; i < count; i++) oracle->slots[find_slot(oracle, oracle->entries[i].mask)] = (uint32_t)i + 1;
}

static xai_status evaluate_from(xai_sag_oracle *oracle, size_t first, xai_error *err)
{
    size_t n = oracle->count - first;
    xai_mask *masks = malloc(n * (sizeof(xai_mask) + sizeof(xai_sag_score)));
    if (!masks) XAI_NO_MEMORY(err);
    xai_sag_score *scores = (xai_sag_score *)(masks + n);
    for (size_t i = 0; i < n; i++) masks[i] = oracle->entries[first + i].mask;
    xai_status status = oracle->evaluate(oracle->user, masks, n, scores, err);
    for (size_t i = 0; status == XAI_OK && i < n; i++) oracle->entries[first + i].score = scores[i];
    free(masks);
    return status;
}

static xai_status learn(xai_sag_oracle *oracle, size_t first, xai_error *err)
{
    oracle->stop = XAI_SAG_STOP_NONE;
    if (oracle->count > oracle->limit) {
        oracle->stop = XAI_SAG_STOP_BUDGET;
        XAI_FAIL(err, TOO_LARGE, "max_evals", "the search needs more than its %zu evaluations", oracle->limit);
    }
    xai_status status = xai_token_check(oracle->token, err);
    if (status == XAI_OK) status = evaluate_from(oracle, first, err);
    if (status == XAI_E_DEADLINE) oracle->stop = XAI_SAG_STOP_DEADLINE;
    return status;
}

xai_status xai_sag_oracle_ask(xai_sag_oracle *oracle, const xai_mask *masks, size_t n, xai_sag_score *scores,
                              xai_error *err)
{
    size_t first = oracle->count;
    xai_status status = add_unknown(oracle, masks, n, err);
    if (status == XAI_OK && oracle->count > first) status = learn(oracle, first, err);
    if (status != XAI_OK) {
        forget_after(oracle, first);
        return status;
    }
    oracle->hits += n - (oracle->count - first);
    for (size_t i = 0; i < n; i++) scores[i] = oracle->entries[oracle->slots[find_slot(oracle, masks[i])] - 1].score;
    return XAI_OK;
}

const xai_sag_score *xai_sag_oracle_look(const xai_sag_oracle *oracle, xai_mask mask)
{
    uint32_t index = oracle->slots[find_slot(oracle, mask)];
    return index ? &oracle->entries[index - 1].score : NULL;
}

void xai_sag_oracle_limit(xai_sag_oracle *oracle, size_t max_evals)
{
    oracle->limit = max_evals;
}

xai_sag_stop xai_sag_oracle_stopped(const xai_sag_oracle *oracle)
{
    return oracle->stop;
}

const xai_sag_entry *xai_sag_oracle_entries(const xai_sag_oracle *oracle, size_t *count)
{
    *count = oracle->count;
    return oracle->entries;
}

size_t xai_sag_oracle_hits(const xai_sag_oracle *oracle)
{
    return oracle->hits;
}
