/*
 * The search from beginning to end: stages in order, each within its share of the budget, and what they leave as a
 * result.
 *
 * A stage that runs out of budget ends, and the next goes on with the share that is left; a deadline ends them all;
 * both leave a result that is true as far as it goes and says so. One thread at a time.
 */
#include "search.h"

#include <assert.h>
#include <math.h>

#include "state.h"

/* Shares of max_evals up to which a stage may go. */
static const double SQUEEZE_SHARE = 0.75, SEARCH_SHARE = 0.75, ROOTS_SHARE = 0.9;

typedef xai_status (*stage_fn)(xai_sag_state *state, xai_error *err);

/* Notes that budget or time ended a stage; any other failure is passed on. */
static xai_status tolerate(xai_sag_state *state, xai_status status)
{
    if (status == XAI_OK) return XAI_OK;
    xai_sag_stop stop = xai_sag_oracle_stopped(state->oracle);
    if (stop == XAI_SAG_STOP_NONE) return status;
    state->bounds |= stop == XAI_SAG_STOP_BUDGET ? XAI_SAG_BOUND_EVALS : XAI_SAG_BOUND_DEADLINE;
    return XAI_OK;
}

/* Runs a stage within its share of the budget. */
static xai_status run_stage(xai_sag_state *state, stage_fn stage, double share, xai_error *err)
{
    if (state->bounds & XAI_SAG_BOUND_DEADLINE) return XAI_OK;
    size_t limit = (size_t)(share * (double)state->settings->max_evals);
    xai_sag_oracle_limit(state->oracle, limit > 2 ? limit : state->settings->max_evals);
    return tolerate(state, stage(state, err));
}

static xai_status score_ends(xai_sag_state *state, xai_error *err)
{
    xai_mask ends[2] = {xai_mask_full(state->settings->count), {{0}}};
    xai_sag_score scores[2];
    XAI_TRY(xai_sag_ask(state, ends, 2, scores, err));
    state->f_all = (double)scores[0].p;
    state->f_empty = (double)scores[1].p;
    if (state->settings->criterion == XAI_SAG_RELATIVE) state->tau = state->settings->p_high * state->f_all;
    if (state->settings->criterion == XAI_SAG_ABSOLUTE) state->tau = state->settings->p_high;
    return XAI_OK;
}

/* The deletion pass from the whole image: it always ends in an MSE. */
static xai_status strip_all(xai_sag_state *state, xai_error *err)
{
    return xai_sag_strip(state, xai_mask_full(state->settings->count), err);
}

static bool reaches(const xai_sag_state *state, xai_mask mask)
{
    const xai_sag_score *score = xai_sag_oracle_look(state->oracle, mask);
    return score && xai_sag_reaches(state, *score);
}

/* What no search can mend: *outcome is set where there is nothing to search for. */
static bool hopeless(const xai_sag_state *state, xai_sag_result *result)
{
    xai_mask none = {{0}};
    if (isnan(state->f_all)) {
        result->outcome = XAI_SAG_NO_MSE;
        result->reason = "the budget or the time ended before the whole image was scored";
    } else if (reaches(state, none)) {
        result->outcome = XAI_SAG_DEGENERATE;
        result->reason = "the baseline alone reaches the threshold, so no region is needed";
    } else if (!reaches(state, xai_mask_full(state->settings->count))) {
        result->outcome = XAI_SAG_NO_MSE;
        result->reason = "the whole image does not reach the threshold";
    } else {
        return false;
    }
    return true;
}

static xai_status run_stages(xai_sag_state *state, xai_error *err)
{
    if (state->settings->dialect == XAI_SAG_REFERENCE) return run_stage(state, xai_sag_reference, 1, err);
    if (state->settings->seed_count) {
        XAI_TRY(run_stage(state, xai_sag_seeds, SEARCH_SHARE, err));
        XAI_TRY(run_stage(state, xai_sag_roots, ROOTS_SHARE, err));
        xai_sag_choose_roots(state);
        return XAI_OK;
    }
    XAI_TRY(run_stage(state, xai_sag_order, SEARCH_SHARE, err));
    XAI_TRY(run_stage(state, strip_all, SEARCH_SHARE, err));
    XAI_TRY(run_stage(state, xai_sag_squeeze, SQUEEZE_SHARE, err));
    XAI_TRY(run_stage(state, state->settings->exhaustive ? xai_sag_exhaust : xai_sag_beam, SEARCH_SHARE, err));
    if (!state->mse_count) XAI_TRY(run_stage(state, strip_all, 1, err)); /* what it has scored, it need not again */
    XAI_TRY(run_stage(state, xai_sag_alternatives, ROOTS_SHARE, err));
    XAI_TRY(run_stage(state, xai_sag_roots, ROOTS_SHARE, err));
    xai_sag_choose_roots(state);
    return XAI_OK;
}

/* Lowers what is claimed of each MSE by one set that was scored and is enough, listed as an MSE or not. */
static void contradict(xai_sag_state *state, xai_mask enough)
{
    int size = xai_mask_count(enough);
    for (size_t i = 0; i < state->mse_count; i++) {
        xai_sag_mse *mse = &state->mses[i];
        if (size >= mse->size) continue;
        mse->cardinality = XAI_SAG_FALSE;
        if (xai_mask_subset(enough, mse->mask)) mse->subset = XAI_SAG_FALSE;
    }
}

/* What follows for each MSE from the sets that were scored, at any stage, without scoring more. */
static void certify(xai_sag_state *state)
{
    for (size_t i = 0; i < state->mse_count; i++) {
        xai_sag_mse *mse = &state->mses[i];
        bool swept = mse->size <= state->exhausted + 1 && xai_mask_subset(mse->mask, state->pool);
        if (swept || mse->size <= 2) mse->subset = XAI_SAG_TRUE;
        if (swept || mse->size == 1) mse->cardinality = XAI_SAG_TRUE;
    }
    size_t count;
    const xai_sag_entry *entries = xai_sag_oracle_entries(state->oracle, &count);
    for (size_t s = 0; s < count; s++)
        if (xai_sag_reaches(state, entries[s].score)) contradict(state, entries[s].mask);
}

static int compare_for_listing(const xai_sag_mse *a, const xai_sag_mse *b, bool as_found)
{
    if (a->root != b->root) return a->root ? -1 : 1;
    return as_found ? 0 : xai_sag_mse_compare(a, b);
}

/* Roots first; insertion sort, stable and short. */
static void list_mses(xai_sag_state *state, xai_sag_result *result)
{
    bool as_found = state->settings->dialect == XAI_SAG_REFERENCE;
    for (size_t i = 1; i < state->mse_count; i++) {
        xai_sag_mse mse = state->mses[i];
        size_t at = i;
        for (; at > 0 && compare_for_listing(&state->mses[at - 1], &mse, as_found) > 0; at--)
            state->mses[at] = state->mses[at - 1];
        state->mses[at] = mse;
    }
    result->mses = state->mses;
    result->mse_count = state->mse_count;
    result->root_count = 0;
    while (result->root_count < state->mse_count && state->mses[result->root_count].root) result->root_count++;
}

static xai_status tell_necessity(const xai_sag_state *state, xai_sag_result *result, xai_error *err)
{
    int count = state->settings->count;
    if (!state->mse_count) return XAI_OK;
    xai_sag_necessity *list = XAI_NEW(state->arena, xai_sag_necessity, (size_t)count);
    if (!list) XAI_NO_MEMORY(err);
    for (int i = 0; i < count; i++) {
        size_t holders = 0;
        for (size_t m = 0; m < state->mse_count; m++) {
            if (!xai_mask_has(state->mses[m].mask, i)) continue;
            holders++;
            if (state->mses[m].size == 1) list[i].sufficient = true;
        }
        list[i].share = (double)holders / (double)state->mse_count;
        const xai_sag_score *without = xai_sag_oracle_look(state->oracle, xai_mask_without(xai_mask_full(count), i));
        list[i].without = without ? (double)without->p : NAN;
        list[i].necessary = without && !xai_sag_reaches(state, *without);
    }
    result->necessity = list;
    return XAI_OK;
}

static void tell_versus(const xai_sag_state *state, xai_sag_result *result)
{
    const xai_sag_score *all = xai_sag_oracle_look(state->oracle, xai_mask_full(state->settings->count));
    const xai_sag_score *none = xai_sag_oracle_look(state->oracle, (xai_mask){{0}});
    if (all) result->versus_all = (double)all->versus;
    if (none) result->versus_empty = (double)none->versus;
}

/* All pairs are looked at: a statistic is not worth more than a second. */
static int64_t count_violations(const xai_sag_state *state)
{
    size_t count;
    int64_t violations = 0;
    const xai_sag_entry *entries = xai_sag_oracle_entries(state->oracle, &count);
    if (count > XAI_SAG_MOST_COMPARED) return -1;
    for (size_t s = 0; s < count; s++) {
        if (!xai_sag_reaches(state, entries[s].score)) continue;
        for (size_t t = 0; t < count; t++)
            if (!xai_sag_reaches(state, entries[t].score) && xai_mask_subset(entries[s].mask, entries[t].mask))
                violations++;
    }
    return violations;
}

/* After everything else, which does not depend on it. */
static xai_status tabulate(xai_sag_state *state, xai_sag_result *result, xai_error *err)
{
    if (state->bounds & XAI_SAG_BOUND_DEADLINE) return XAI_OK;
    XAI_TRY(tolerate(state, xai_sag_tabulate(state, result, err)));
    if (state->bounds & XAI_SAG_BOUND_DEADLINE) result->outcome = XAI_SAG_PARTIAL;
    return XAI_OK;
}

static xai_status search(xai_sag_state *state, xai_sag_result *result, xai_error *err)
{
    XAI_TRY(run_stage(state, score_ends, 1, err));
    if (hopeless(state, result)) return XAI_OK;
    XAI_TRY(run_stages(state, err));
    list_mses(state, result);
    xai_sag_oracle_limit(state->oracle, state->settings->max_evals);
    if (!(state->bounds & XAI_SAG_BOUND_DEADLINE)) XAI_TRY(tolerate(state, xai_sag_dag(state, result, err)));
    if (!(state->bounds & XAI_SAG_BOUND_DEADLINE))
        XAI_TRY(tolerate(state, xai_sag_counterfactuals(state, result, err)));
    result->outcome = !state->mse_count ? XAI_SAG_NO_MSE : state->bounds ? XAI_SAG_PARTIAL : XAI_SAG_COMPLETE;
    if (!state->mse_count) result->reason = "the budget or the time ended before the first explanation";
    result->reference = state->reference;
    if (state->settings->dialect == XAI_SAG_REFERENCE)
        result->reference.tree = xai_sag_reference_tree(result, state->arena);
    result->violations = count_violations(state);
    XAI_TRY(tell_necessity(state, result, err));
    if (state->settings->table) XAI_TRY(tabulate(state, result, err));
    certify(state);
    return XAI_OK;
}

xai_status xai_sag_search(const xai_sag_settings *settings, xai_sag_evaluate_fn evaluate, void *user,
                          xai_token *token, xai_arena *arena, xai_sag_result *result, xai_error *err)
{
    assert(settings->count >= 1 && settings->count <= XAI_MASK_MAX && settings->shown >= 1);
    xai_sag_state *state = XAI_NEW(arena, xai_sag_state, 1);
    if (!state) XAI_NO_MEMORY(err);
    *state = (xai_sag_state){.settings = settings, .arena = arena, .token = token, .f_all = NAN, .f_empty = NAN,
                             .tau = NAN};
    XAI_TRY(xai_sag_oracle_new(evaluate, user, token, settings->max_evals, &state->oracle, err));
    *result = (xai_sag_result){.reason = "", .versus_all = NAN, .versus_empty = NAN};
    xai_status status = search(state, result, err);
    result->f_all = state->f_all;
    result->f_empty = state->f_empty;
    result->tau = state->tau;
    result->bounds = state->bounds;
    result->smallest_at = state->smallest_at;
    tell_versus(state, result);
    xai_sag_oracle_entries(state->oracle, &result->evals);
    result->hits = xai_sag_oracle_hits(state->oracle);
    xai_sag_oracle_free(state->oracle);
    return status;
}
