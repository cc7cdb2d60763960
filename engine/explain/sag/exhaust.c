/*
 * Exhaustive search of a pool: every subset of the most promising regions, smaller sets first.
 *
 * Sets that contain a recorded MSE are passed over; all others are scored. Hence, after the level of size k, every
 * subset of the pool of at most k regions was scored or contains an MSE, and what was recorded from the pool is
 * exactly its subset-minimal sets of at most k regions.
 */
#include <assert.h>

#include "state.h"

enum { CHUNK = 256 }; /* sets scored together */

/* The set that the bits of `pick` choose from the candidate order. */
static xai_mask picked(const xai_sag_state *state, uint32_t pick)
{
    xai_mask m = {{0}};
    for (; pick; pick &= pick - 1) m = xai_mask_with(m, state->order[__builtin_ctz(pick)]);
    return m;
}

/* The next number with as many bits (Gosper); 0 bits is not allowed. */
static uint32_t next_pick(uint32_t pick)
{
    uint32_t low = pick & -pick, ripple = pick + low;
    return (((ripple ^ pick) >> 2) / low) | ripple;
}

static xai_status flush(xai_sag_state *state, xai_sag_batch *batch, xai_error *err)
{
    if (!batch->count) return XAI_OK;
    XAI_TRY(xai_sag_batch_ask(batch, state, err));
    for (size_t i = 0; i < batch->count; i++)
        if (xai_sag_reaches(state, batch->scores[i]))
            XAI_TRY(xai_sag_record(state, batch->masks[i], batch->scores[i], err));
    batch->count = 0;
    return XAI_OK;
}

static xai_status scan_level(xai_sag_state *state, int pool, int size, xai_sag_batch *batch, xai_error *err)
{
    for (uint32_t pick = (UINT32_C(1) << size) - 1; pick < UINT32_C(1) << pool; pick = next_pick(pick)) {
        xai_mask mask = picked(state, pick);
        if (xai_sag_covered(state, mask)) continue;
        xai_sag_batch_add(batch, mask);
        if (batch->count == batch->room) XAI_TRY(flush(state, batch, err));
    }
    return flush(state, batch, err);
}

xai_status xai_sag_exhaust(xai_sag_state *state, xai_error *err)
{
    int pool = state->settings->exhaustive;
    if (pool > state->settings->count) pool = state->settings->count;
    assert(pool >= 1 && pool <= XAI_SAG_MAX_POOL);
    state->pool = picked(state, (UINT32_C(1) << pool) - 1);
    state->exhausted = 0;
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, CHUNK, err));
    for (int size = 1; size <= pool; size++) {
        XAI_TRY(scan_level(state, pool, size, &batch, err));
        state->exhausted = size;
    }
    return XAI_OK;
}
