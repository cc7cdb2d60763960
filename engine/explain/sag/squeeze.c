/*
 * From a large MSE to a compact one, by local search among the sets of a given size.
 *
 * The deletion pass ends where no single region can be spared, often with more regions than are needed: others
 * would have done with fewer. So the MSE is trimmed to the size wanted, the least harmful regions first, below the
 * threshold, and then one region at a time is exchanged for a better one until the set reaches the threshold or no
 * exchange helps. Exchanges are looked for in widening circles: the regions that are missed least for those that
 * help most; the four missed least for any; the next ones for any, if the threshold is near. Scores rise with every
 * exchange, so this ends.
 *
 * Before that, the exchanges begin from the best set of that size to which the beam grows, which costs little: the beam
 * is asked for the same sets later. If both fail, the MSE is trimmed in steps of one region, as far as it goes.
 */
#include <math.h>

#include "state.h"

enum { TRIM_STEP = 3 };

static const double NEAR = 0.8; /* of the threshold */

typedef struct circle {
    int first, last; /* ranks of the regions that are given up, those missed least first */
    int additions;   /* how many regions are tried in their place; 0: all */
} circle;

static const circle CIRCLES[] = {{0, 5, 6}, {0, 4, 0}, {4, 8, 0}, {8, 16, 0}};
enum { CIRCLE_COUNT = sizeof CIRCLES / sizeof CIRCLES[0] };

typedef struct ranking { /* regions with the score of the set without them, or with them too; the highest first */
    int region[XAI_MASK_MAX];
    float p[XAI_MASK_MAX];
    int count;
} ranking;

/* Equal scores keep the order in which they come. */
static void rank_in(ranking *r, int region, float p)
{
    int at = r->count++;
    for (; at > 0 && r->p[at - 1] < p; at--) {
        r->region[at] = r->region[at - 1];
        r->p[at] = r->p[at - 1];
    }
    r->region[at] = region;
    r->p[at] = p;
}

static xai_mask toggled(xai_mask mask, int region)
{
    return xai_mask_has(mask, region) ? xai_mask_without(mask, region) : xai_mask_with(mask, region);
}

/* Ranks the regions that are in the set (or those that are not) by the score of the set with that one toggled. */
static xai_status rank_toggles(xai_sag_state *state, xai_mask mask, bool inside, ranking *r, xai_error *err)
{
    int count = state->settings->count;
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, (size_t)count, err));
    r->count = 0;
    int regions[XAI_MASK_MAX], n = 0;
    for (int i = 0; i < count; i++) {
        int region = state->order[inside ? count - 1 - i : i]; /* ties: drop the least promising, add the most */
        if (xai_mask_has(mask, region) != inside) continue;
        regions[n++] = region;
        xai_sag_batch_add(&batch, toggled(mask, region));
    }
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    for (int i = 0; i < n; i++) rank_in(r, regions[i], batch.scores[i].p);
    return XAI_OK;
}

/* Drops the least harmful regions, a few at a time, until `size` are left. */
static xai_status trim(xai_sag_state *state, xai_mask *mask, int size, xai_error *err)
{
    for (int left = xai_mask_count(*mask); left > size;) {
        ranking spares;
        XAI_TRY(rank_toggles(state, *mask, true, &spares, err));
        int surplus = left - size, drop = surplus / 2 < TRIM_STEP ? (surplus + 1) / 2 : TRIM_STEP;
        for (int i = 0; i < drop; i++) *mask = xai_mask_without(*mask, spares.region[i]);
        left -= drop;
    }
    return XAI_OK;
}

static int at_most(int limit, int count) { return limit && limit < count ? limit : count; }

/* The best set that one exchange within the circle makes of `mask`. */
static xai_status best_exchange(xai_sag_state *state, xai_mask mask, const circle *c, xai_mask *out,
                                xai_sag_score *score, xai_error *err)
{
    ranking in, others = {.count = 0};
    XAI_TRY(rank_toggles(state, mask, true, &in, err));
    if (c->additions) XAI_TRY(rank_toggles(state, mask, false, &others, err));
    for (int i = 0; !c->additions && i < state->settings->count; i++)
        if (!xai_mask_has(mask, state->order[i])) rank_in(&others, state->order[i], 0);
    int last = at_most(c->last, in.count), additions = at_most(c->additions, others.count);
    *score = (xai_sag_score){.p = -INFINITY};
    if (c->first >= last) return XAI_OK;
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, (size_t)(last - c->first) * (size_t)additions, err));
    for (int i = c->first; i < last; i++)
        for (int k = 0; k < additions; k++)
            xai_sag_batch_add(&batch, xai_mask_with(xai_mask_without(mask, in.region[i]), others.region[k]));
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    size_t best = 0;
    for (size_t i = 1; i < batch.count; i++)
        if (batch.scores[i].p > batch.scores[best].p) best = i;
    *out = batch.masks[best];
    *score = batch.scores[best];
    return XAI_OK;
}

/* Exchanges regions while that helps; *mask and *score end at the threshold or at a local best. */
static xai_status climb(xai_sag_state *state, xai_mask *mask, xai_sag_score *score, xai_error *err)
{
    for (int c = 0; c < CIRCLE_COUNT && !xai_sag_reaches(state, *score);) {
        if (CIRCLES[c].first && (double)score->p < NEAR * state->tau) break;
        xai_mask next;
        xai_sag_score got;
        XAI_TRY(best_exchange(state, *mask, &CIRCLES[c], &next, &got, err));
        if (got.p <= score->p) {
            c++;
            continue;
        }
        *mask = next;
        *score = got;
        c = 0;
    }
    return XAI_OK;
}

/* Climbs from a set; what reaches the threshold is recorded. */
static xai_status climb_from(xai_sag_state *state, xai_mask mask, xai_error *err)
{
    xai_sag_score score;
    XAI_TRY(xai_sag_ask(state, &mask, 1, &score, err));
    XAI_TRY(climb(state, &mask, &score, err));
    return xai_sag_reaches(state, score) ? xai_sag_reduce(state, mask, err) : XAI_OK;
}

static xai_status attempt(xai_sag_state *state, xai_mask mask, int goal, xai_error *err)
{
    XAI_TRY(trim(state, &mask, goal, err));
    return climb_from(state, mask, err);
}

/* The other way to a set of that size: from nothing, by the beam. */
static xai_status attempt_upwards(xai_sag_state *state, int goal, xai_error *err)
{
    xai_mask mask;
    bool grown;
    XAI_TRY(xai_sag_grow(state, goal, &mask, &grown, err));
    return grown ? climb_from(state, mask, err) : XAI_OK;
}

/* The smallest MSE known; the first of equals. */
static const xai_sag_mse *smallest_of(const xai_sag_state *state)
{
    const xai_sag_mse *best = &state->mses[0];
    for (size_t i = 1; i < state->mse_count; i++)
        if (state->mses[i].size < best->size) best = &state->mses[i];
    return best;
}

xai_status xai_sag_squeeze(xai_sag_state *state, xai_error *err)
{
    int wanted = state->settings->compact, goal = wanted;
    if (!wanted || !state->mse_count) return XAI_OK;
    if (smallest_of(state)->size > wanted) XAI_TRY(attempt_upwards(state, wanted, err));
    for (;;) {
        int size = smallest_of(state)->size;
        if (size <= wanted || goal >= size) return XAI_OK;
        XAI_TRY(attempt(state, smallest_of(state)->mask, goal, err));
        bool better = smallest_of(state)->size < size;
        if (!better && goal == size - 1) return XAI_OK;
        goal = smallest_of(state)->size - 1; /* the leap has failed: step by step */
    }
}
