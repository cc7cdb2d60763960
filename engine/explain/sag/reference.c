/*
 * The search of the paper's reference code (github.com/viv92/structured-attention-graphs), forward for forward, given
 * the mask that it starts from.
 *
 *   - Every set kept is extended by its 15 most promising regions; the level is sorted by probability, equal ones as
 *     they came. Sets above the threshold (strictly) are minimised and are roots unless found before; of the rest one
 *     more than the beam's width is kept, the same set as often as it came.
 *   - Minimising takes single regions away in rising order, each at once if the rest stays above the threshold, and goes
 *     through the set again until nothing was taken away.
 *   - After a level that leaves more than 10 roots the search ends.
 *   - Roots shown: the first of the largest sets of roots of which any two share few regions, of it the first ones. That
 *     search is exponential in the roots; after MOST_PAIRINGS comparisons the largest so far stands, and the result says
 *     `max_pairings`.
 *
 * Left to chance there and settled here: regions of equal promise come in the order of their numbers. The code scores
 * every set anew; here each is evaluated once, minimisations of one level ask side by side, and what the code would
 * have needed is counted. Its quirks are kept: a root may contain another. One thread at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "state.h"

enum { SUCCESSORS = 15, ENOUGH_ROOTS = 10, MOST_PAIRINGS = 1 << 22, PAIRINGS_A_CHECK = 1 << 12 };

typedef struct member { /* a set of a level */
    xai_mask mask;
    xai_sag_score score;
} member;

typedef struct level {
    member *members;
    size_t count;
} level;

/* ---------------------------------------------------------------- one level */

static void extend(const xai_sag_state *state, xai_mask mask, xai_sag_batch *batch)
{
    for (int i = 0, taken = 0; i < state->settings->count && taken < SUCCESSORS; i++) {
        if (xai_mask_has(mask, state->order[i])) continue;
        xai_sag_batch_add(batch, xai_mask_with(mask, state->order[i]));
        taken++;
    }
}

/* By falling probability; insertion sort keeps equal ones as they came. */
static void sort_members(level *l)
{
    for (size_t i = 1; i < l->count; i++) {
        member m = l->members[i];
        size_t at = i;
        for (; at > 0 && l->members[at - 1].score.p < m.score.p; at--) l->members[at] = l->members[at - 1];
        l->members[at] = m;
    }
}

static xai_status score_level(xai_sag_state *state, const level *kept, level *out, xai_error *err)
{
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, kept->count * SUCCESSORS + 1, err));
    for (size_t i = 0; i < kept->count; i++) extend(state, kept->members[i].mask, &batch);
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    state->reference.search += (double)batch.count;
    *out = (level){XAI_NEW(state->arena, member, batch.count + 1), batch.count};
    if (!out->members) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < batch.count; i++) out->members[i] = (member){batch.masks[i], batch.scores[i]};
    sort_members(out);
    return XAI_OK;
}

/* ---------------------------------------------------------------- minimising */

typedef struct shrinking { /* a set on its way to a minimal one */
    xai_mask mask;
    xai_sag_score score;
    int list[XAI_MASK_MAX], n, at; /* the pass: regions of the set as it began, and the one that is tried next */
    bool removed, done;
} shrinking;

static void begin_pass(shrinking *s)
{
    s->n = xai_mask_list(s->mask, s->list);
    s->at = 0;
    s->removed = false;
    s->done = s->n == 0;
}

static void take_answer(const xai_sag_state *state, shrinking *s, xai_mask rest, xai_sag_score score)
{
    if (xai_sag_reaches(state, score)) {
        s->mask = rest;
        s->score = score;
        s->removed = true;
    }
    if (++s->at < s->n) return;
    if (s->removed) begin_pass(s);
    else s->done = true;
}

/* Every set asks its next question; the answers come together. *asked false: all are done. */
static xai_status shrink_step(xai_sag_state *state, shrinking *list, size_t count, xai_sag_batch *batch, bool *asked,
                              xai_error *err)
{
    batch->count = 0;
    for (size_t i = 0; i < count; i++)
        if (!list[i].done) xai_sag_batch_add(batch, xai_mask_without(list[i].mask, list[i].list[list[i].at]));
    *asked = batch->count > 0;
    if (!*asked) return XAI_OK;
    XAI_TRY(xai_sag_batch_ask(batch, state, err));
    state->reference.minimise += (double)batch->count;
    for (size_t i = 0, k = 0; i < count; i++) {
        if (list[i].done) continue;
        take_answer(state, &list[i], batch->masks[k], batch->scores[k]);
        k++;
    }
    return XAI_OK;
}

static bool is_root(const xai_sag_state *state, xai_mask mask)
{
    for (size_t i = 0; i < state->mse_count; i++)
        if (xai_mask_equal(state->mses[i].mask, mask)) return true;
    return false;
}

/* Minimises the level's first `count` sets and appends what is new. */
static xai_status add_roots(xai_sag_state *state, const level *l, size_t count, xai_error *err)
{
    shrinking *list = XAI_NEW(state->arena, shrinking, count + 1);
    xai_sag_batch batch;
    if (!list) XAI_NO_MEMORY(err);
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, count + 1, err));
    for (size_t i = 0; i < count; i++) {
        list[i] = (shrinking){.mask = l->members[i].mask, .score = l->members[i].score};
        begin_pass(&list[i]);
    }
    for (bool asked = true; asked;) XAI_TRY(shrink_step(state, list, count, &batch, &asked, err));
    for (size_t i = 0; i < count; i++)
        if (!is_root(state, list[i].mask)) XAI_TRY(xai_sag_append(state, list[i].mask, list[i].score, err));
    return XAI_OK;
}

/* ---------------------------------------------------------------- roots that are shown */

typedef struct clique {
    const xai_sag_state *state;
    size_t chosen[XAI_MASK_MAX], best[XAI_MASK_MAX]; /* by size there can be no more than roots */
    size_t best_size, limit, pairings;
    xai_status status; /* TOO_LARGE: enough was tried */
    xai_error *err;
} clique;

/* Whether the search goes on, before one more root is compared with those chosen. */
static bool goes_on(clique *c)
{
    if (c->status == XAI_OK && c->pairings >= MOST_PAIRINGS) c->status = XAI_E_TOO_LARGE;
    if (c->status == XAI_OK && ++c->pairings % PAIRINGS_A_CHECK == 0)
        c->status = xai_token_check(c->state->token, c->err);
    return c->status == XAI_OK;
}

static bool agrees(const clique *c, size_t size, size_t candidate)
{
    const xai_sag_mse *mses = c->state->mses;
    for (size_t i = 0; i < size; i++)
        if (xai_mask_overlap(mses[c->chosen[i]].mask, mses[candidate].mask) > c->state->settings->overlap) return false;
    return true;
}

/* All ways to go on from `size` chosen ones with roots from `next` on, in dictionary order: the first largest stays. */
static void branch(clique *c, size_t size, size_t next)
{
    if (size > c->best_size) {
        memcpy(c->best, c->chosen, size * sizeof *c->best);
        c->best_size = size;
    }
    for (size_t i = next; i < c->limit && size + (c->limit - i) > c->best_size && goes_on(c); i++) {
        if (!agrees(c, size, i)) continue;
        c->chosen[size] = i;
        branch(c, size + 1, i + 1);
    }
}

static xai_status choose(xai_sag_state *state, xai_error *err)
{
    clique c = {.state = state, .limit = state->mse_count < XAI_MASK_MAX ? state->mse_count : XAI_MASK_MAX, .err = err};
    branch(&c, 0, 0);
    if (c.status == XAI_E_TOO_LARGE) state->bounds |= XAI_SAG_BOUND_PAIRINGS;
    else if (c.status == XAI_E_DEADLINE) state->bounds |= XAI_SAG_BOUND_DEADLINE;
    else if (c.status != XAI_OK) return c.status;
    for (size_t i = 0; i < c.best_size && i < (size_t)state->settings->shown; i++) state->mses[c.best[i]].root = true;
    return XAI_OK;
}

/* ---------------------------------------------------------------- the search */

xai_status xai_sag_reference(xai_sag_state *state, xai_error *err)
{
    const xai_sag_settings *settings = state->settings;
    double worth[XAI_MASK_MAX];
    for (int i = 0; i < settings->count; i++) worth[i] = settings->evidence ? -settings->evidence[i] : 0;
    xai_sag_order_by(worth, settings->count, state->order);
    xai_status status = XAI_OK;
    member nothing = {.mask = {{0}}};
    level kept = {&nothing, 1};
    for (int depth = 1; depth <= settings->count && kept.count && state->mse_count <= ENOUGH_ROOTS; depth++) {
        level next;
        if ((status = score_level(state, &kept, &next, err)) != XAI_OK) break;
        size_t above = 0, most = (size_t)settings->beam + 1;
        while (above < next.count && xai_sag_reaches(state, next.members[above].score)) above++;
        if ((status = add_roots(state, &next, above, err)) != XAI_OK) break;
        kept = (level){next.members + above, next.count - above < most ? next.count - above : most};
    }
    xai_status chosen = choose(state, status == XAI_OK ? err : NULL);
    return status == XAI_OK ? chosen : status;
}

double xai_sag_reference_tree(const xai_sag_result *result, xai_arena *arena)
{
    double *nodes = XAI_NEW(arena, double, result->node_count + 1), sum = 0;
    for (int size = 1; nodes && size <= XAI_MASK_MAX; size++) /* children are smaller, so they are counted */
        for (size_t i = 0; i < result->node_count; i++) {
            if (xai_mask_count(result->nodes[i].mask) != size) continue;
            nodes[i] = 1;
            for (size_t e = 0; e < result->edge_count; e++)
                if (result->edges[e].from == i) nodes[i] += nodes[result->edges[e].to];
            if (result->nodes[i].root) sum += nodes[i];
        }
    return sum;
}
