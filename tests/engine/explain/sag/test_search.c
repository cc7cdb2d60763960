/* The search on planted functions: what it must find, what it may say of it, and how it ends. */
#include "planted.h"

#include <stdlib.h>

static xai_arena *arena;
static planted plan;
static xai_sag_result result;

static void setup(void)
{
    arena = xai_arena_new(0);
    memset(&plan, 0, sizeof plan);
}
static void teardown(void) { xai_arena_free(arena); }

static void search(planted_fn f, const xai_sag_settings *settings)
{
    xai_error err = {0};
    plan.f = f;
    plan.count = 0;
    xai_status status = xai_sag_search(settings, planted_evaluate, &plan, plan.token, arena, &result, &err);
    ck_assert_msg(status == XAI_OK, "%s", err.msg);
    ck_assert_uint_eq(result.evals, plan.count);
    ck_assert_uint_le(result.evals, settings->max_evals);
}

/* ------------------------------------------------------------- planted functions */

/* Monotone DNF over 9 regions: {0 1} | {3 4 5} | {1 8}. */
static float dnf9(xai_mask m)
{
    bool any = planted_holds(m, SET(0, 1)) || planted_holds(m, SET(3, 4, 5)) || planted_holds(m, SET(1, 8));
    return any ? 0.8f : 0.01f * (float)xai_mask_count(m);
}

/* XOR: exactly one of regions 2 and 6, or everything. */
static float xor9(xai_mask m)
{
    if (xai_mask_count(m) == 9) return 0.9f;
    return xai_mask_has(m, 2) != xai_mask_has(m, 6) ? 0.9f : 0.1f;
}

/* Threshold: any four regions of nine. */
static float four_of_nine(xai_mask m) { return fminf(1.0f, 0.25f * (float)xai_mask_count(m)); }

/* Not monotone: {1 2} suffices, region 3 spoils it, {0 1 2 3} suffices again; so does everything. */
static float spoiled(xai_mask m)
{
    if (planted_holds(m, SET(0, 1, 2, 3))) return 0.7f;
    return planted_holds(m, SET(1, 2)) && !xai_mask_has(m, 3) ? 0.75f : 0.05f;
}

/* 49 regions: three ways that share nothing, graded so that parts of them show. */
static float three_ways(xai_mask m)
{
    xai_mask ways[] = {SET(10, 17), SET(24, 25, 32), SET(40, 46, 47, 48)};
    float best = 0;
    for (int i = 0; i < 3; i++) {
        float part = (float)xai_mask_overlap(m, ways[i]) / (float)xai_mask_count(ways[i]);
        best = fmaxf(best, part);
    }
    return 0.02f + 0.9f * best * best;
}

/* A subset lies hidden below a local minimum: {0} alone suffices, {0 1} does not, {0 1 2} does. */
static float hidden(xai_mask m)
{
    if (xai_mask_equal(m, xai_mask_full(9)) || xai_mask_equal(m, SET(0, 1, 2))) return 0.9f;
    return xai_mask_equal(m, SET(0)) ? 0.85f : 0.1f;
}

/* The same, where no order by number comes upon it: {1} alone. */
static float hidden_within(xai_mask m)
{
    if (xai_mask_equal(m, xai_mask_full(9)) || xai_mask_equal(m, SET(0, 1, 2))) return 0.9f;
    return xai_mask_equal(m, SET(1)) ? 0.85f : 0.1f;
}

static float constant(xai_mask m)
{
    (void)m;
    return 0.25f;
}

/* Everything but the empty set scores the same: ties everywhere. */
static float any_region(xai_mask m) { return xai_mask_count(m) ? 0.6f : 0.0f; }

/* Needs 20 of 49 regions: hard for a beam. */
static float twenty(xai_mask m)
{
    xai_mask needed = {{0}};
    for (int i = 0; i < 20; i++) needed = xai_mask_with(needed, 2 * i);
    return 0.9f * (float)xai_mask_overlap(m, needed) / 20.0f;
}

/* A rough landscape: pseudo-random but growing with the number of regions, so that both outcomes occur everywhere. */
static float rough(xai_mask m)
{
    double noise = (double)(xai_mask_hash(m) % 1000) / 1000;
    return xai_mask_count(m) == 25 ? 1.0f : (float)(0.03 * xai_mask_count(m) + 0.55 * noise);
}

/* Light regions and five heavy ones, which neither single inserts nor single deletes betray. */
static float hidden_weights(xai_mask m)
{
    xai_mask heavy = SET(30, 35, 40, 45, 48);
    int n = xai_mask_count(m), k = xai_mask_overlap(m, heavy);
    if (n < 2) return 0.01f;
    return fminf(1.0f, 0.05f * (float)(n - k) + 0.2f * (float)k);
}

/* ------------------------------------------------------------- what must hold of every result */

static double f_of(planted_fn f, xai_mask m) { return (double)f(m); }

/* Recomputes everything that the result claims, from the function itself. */
static void check_claims(planted_fn f, const xai_sag_settings *settings)
{
    double f_all = f_of(f, xai_mask_full(settings->count)), tau = settings->p_high * f_all;
    for (size_t i = 0; i < result.mse_count; i++) {
        const xai_sag_mse *mse = &result.mses[i];
        int list[XAI_MASK_MAX], n = xai_mask_list(mse->mask, list);
        ck_assert_int_eq(n, mse->size);
        ck_assert((double)mse->score.p == f_of(f, mse->mask));
        ck_assert(f_of(f, mse->mask) >= tau);
        for (int j = 0; j < n; j++) ck_assert(f_of(f, xai_mask_without(mse->mask, list[j])) < tau);
        for (uint32_t pick = 0; mse->subset == XAI_SAG_TRUE && pick + 1 < UINT32_C(1) << n; pick++) {
            xai_mask part = {{0}};
            for (int j = 0; j < n; j++)
                if (pick >> j & 1) part = xai_mask_with(part, list[j]);
            ck_assert(f_of(f, part) < tau);
        }
        for (size_t k = 0; k < result.mse_count; k++) {
            if (k == i) continue;
            ck_assert(!xai_mask_subset(result.mses[k].mask, mse->mask)); /* which excludes duplicates too */
            if (mse->root && result.mses[k].root)
                ck_assert_int_le(xai_mask_overlap(mse->mask, result.mses[k].mask), settings->overlap);
            if (mse->cardinality == XAI_SAG_TRUE) ck_assert_int_ge(result.mses[k].size, mse->size);
        }
        for (size_t k = 0; k < plan.count; k++) { /* what was scored is known, whichever stage asked for it */
            if (f_of(f, plan.asked[k]) < tau || xai_mask_count(plan.asked[k]) >= n) continue;
            ck_assert_int_eq(mse->cardinality, XAI_SAG_FALSE);
            if (xai_mask_subset(plan.asked[k], mse->mask)) ck_assert_int_eq(mse->subset, XAI_SAG_FALSE);
        }
    }
    for (size_t i = 0; i < result.node_count; i++) {
        ck_assert((double)result.nodes[i].score.p == f_of(f, result.nodes[i].mask));
        for (size_t k = 0; k < i; k++) ck_assert(!xai_mask_equal(result.nodes[k].mask, result.nodes[i].mask));
    }
    for (size_t i = 0; i < result.edge_count; i++) {
        const xai_sag_edge *edge = &result.edges[i];
        const xai_sag_node *from = &result.nodes[edge->from], *to = &result.nodes[edge->to];
        ck_assert(from->expanded);
        ck_assert(xai_mask_has(from->mask, edge->removed));
        ck_assert(xai_mask_equal(xai_mask_without(from->mask, edge->removed), to->mask));
    }
    size_t expected = 0;
    for (size_t i = 0; i < result.node_count; i++)
        if (result.nodes[i].expanded) expected += (size_t)xai_mask_count(result.nodes[i].mask);
    ck_assert_uint_eq(result.edge_count, expected); /* all children, each once */
}

/* All subset-minimal sets, by trying every set. */
static int minimal_sets(planted_fn f, int count, double tau, xai_mask *out)
{
    int n = 0;
    for (uint32_t pick = 0; pick < UINT32_C(1) << count; pick++) {
        xai_mask m = {{pick, 0, 0, 0}};
        bool minimal = f_of(f, m) >= tau;
        for (uint32_t part = (pick - 1) & pick; minimal && pick; part = (part - 1) & pick) {
            if (f_of(f, (xai_mask){{part, 0, 0, 0}}) >= tau) minimal = false;
            if (!part) break;
        }
        if (minimal) out[n++] = m;
    }
    return n;
}

/* ------------------------------------------------------------- cases */

START_TEST(exhaustive_finds_exactly_the_planted_sets)
{
    static const planted_fn FUNCTIONS[] = {dnf9, xor9, four_of_nine, spoiled, hidden, any_region};
    planted_fn f = FUNCTIONS[_i];
    static xai_mask minimal[512];
    xai_sag_settings settings = planted_settings(9);
    settings.exhaustive = 9;
    search(f, &settings);
    int n = minimal_sets(f, 9, 0.9 * f_of(f, xai_mask_full(9)), minimal), smallest = 9;
    ck_assert_uint_eq(result.mse_count, (size_t)n);
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(planted_found(&result, minimal[i]), 1);
        if (xai_mask_count(minimal[i]) < smallest) smallest = xai_mask_count(minimal[i]);
    }
    for (size_t i = 0; i < result.mse_count; i++) {
        bool least = result.mses[i].size == smallest;
        ck_assert_int_eq(result.mses[i].subset, XAI_SAG_TRUE);
        ck_assert_int_eq(result.mses[i].cardinality, least ? XAI_SAG_TRUE : XAI_SAG_FALSE);
    }
    ck_assert_int_eq(result.outcome, XAI_SAG_COMPLETE);
    check_claims(f, &settings);
}
END_TEST

START_TEST(exhaustive_is_exact_on_random_functions)
{
    static xai_mask minimal[1024];
    xai_sag_settings settings = planted_settings(9);
    settings.exhaustive = 9;
    settings.criterion = XAI_SAG_ABSOLUTE;
    int compared = 0;
    for (int step = 0; step < 5; step++) {
        settings.p_high = 0.6 + 0.04 * step;
        search(rough, &settings);
        if (result.outcome == XAI_SAG_NO_MSE) continue; /* the full set of 9 may fail here */
        int n = minimal_sets(rough, 9, settings.p_high, minimal);
        ck_assert_uint_eq(result.mse_count, (size_t)n);
        for (int i = 0; i < n; i++) ck_assert_int_eq(planted_found(&result, minimal[i]), 1);
        compared += n > 1;
    }
    ck_assert_int_ge(compared, 1);
}
END_TEST

START_TEST(beam_finds_three_diverse_ways)
{
    xai_sag_settings settings = planted_settings(49);
    settings.overlap = 0;
    settings.patience = 2;
    search(three_ways, &settings);
    ck_assert_int_eq(planted_found(&result, SET(10, 17)), 1);
    ck_assert_int_eq(planted_found(&result, SET(24, 25, 32)), 1);
    ck_assert_int_eq(planted_found(&result, SET(40, 46, 47, 48)), 1);
    ck_assert_uint_eq(result.root_count, 3);
    check_claims(three_ways, &settings);
}
END_TEST

START_TEST(alternatives_are_found_without_the_beam)
{
    xai_sag_settings settings = planted_settings(49);
    settings.max_patches = 1; /* the beam sees singles only */
    settings.overlap = 0;
    search(three_ways, &settings);
    ck_assert_uint_eq(result.root_count, 3);
    ck_assert_int_eq(result.outcome, XAI_SAG_PARTIAL);
    ck_assert_uint_ne(result.bounds & XAI_SAG_BOUND_PATCHES, 0);
    check_claims(three_ways, &settings);
}
END_TEST

START_TEST(beam_claims_no_more_than_was_evaluated)
{
    xai_sag_settings settings = planted_settings(49);
    search(three_ways, &settings);
    for (size_t i = 0; i < result.mse_count; i++) {
        const xai_sag_mse *mse = &result.mses[i];
        /* All single regions were evaluated: a pair is known to be smallest. More is known of nothing. */
        if (mse->size > 2) ck_assert_int_eq(mse->cardinality, XAI_SAG_FALSE);
        if (mse->size == 2) ck_assert_int_eq(mse->cardinality, XAI_SAG_TRUE);
    }
    search(twenty, &settings);
    ck_assert_uint_ge(result.mse_count, 1);
    ck_assert_int_eq(result.mses[0].cardinality, XAI_SAG_UNKNOWN);
    ck_assert_int_eq(result.mses[0].subset, XAI_SAG_UNKNOWN);
}
END_TEST

START_TEST(claims_hold_on_rough_landscapes)
{
    xai_sag_settings settings = planted_settings(25);
    settings.p_high = 0.5 + 0.05 * _i;
    settings.overlap = _i % 3;
    settings.beam = 1 + _i;
    search(rough, &settings);
    ck_assert_uint_ge(result.mse_count, 1);
    check_claims(rough, &settings);
    int64_t violations = 0;
    for (size_t s = 0; s < plan.count; s++)
        for (size_t t = 0; t < plan.count; t++) {
            bool within = xai_mask_subset(plan.asked[s], plan.asked[t]);
            violations += within && f_of(rough, plan.asked[s]) >= settings.p_high &&
                          f_of(rough, plan.asked[t]) < settings.p_high;
        }
    ck_assert_int_eq(result.violations, violations);
}
END_TEST

static xai_status nearly_all(void *user, const xai_mask *masks, size_t n, xai_sag_score *scores, xai_error *e)
{
    (void)user, (void)e;
    for (size_t i = 0; i < n; i++) scores[i] = (xai_sag_score){.p = xai_mask_count(masks[i]) >= 20 ? 0.95f : 0.1f};
    return XAI_OK;
}

START_TEST(violations_among_very_many_sets_are_not_counted)
{
    xai_sag_settings settings = planted_settings(25);
    settings.exhaustive = 15;
    settings.max_evals = 30000;
    ck_assert_int_eq(xai_sag_search(&settings, nearly_all, NULL, NULL, arena, &result, NULL), XAI_OK);
    ck_assert_uint_gt(result.evals, XAI_SAG_MOST_COMPARED);
    ck_assert_int_eq(result.violations, -1);
}
END_TEST

START_TEST(hidden_subset_replaces_the_root)
{
    xai_sag_settings settings = planted_settings(9);
    search(hidden, &settings);
    ck_assert_uint_eq(result.mse_count, 1);
    ck_assert(xai_mask_equal(result.mses[0].mask, SET(0)));
    check_claims(hidden, &settings);
}
END_TEST

/* As above, with more regions than are checked against all subsets: the graph below the root comes upon the small one. */
START_TEST(graph_belies_the_root_above_it)
{
    xai_sag_settings settings = planted_settings(9);
    settings.subset_max = 2;
    settings.shown = 1;
    settings.max_patches = 1;
    settings.seeds = (const xai_mask[][XAI_SAG_SEED_WIDTHS]){{SET(0, 1, 2), SET(0, 1, 2), SET(0, 1, 2)}};
    settings.seed_count = 1;
    settings.p_low = 0;
    search(hidden_within, &settings);
    ck_assert_uint_eq(result.mse_count, 1);
    ck_assert_int_eq(result.mses[0].size, 3);
    ck_assert_int_eq(result.mses[0].subset, XAI_SAG_FALSE);
    ck_assert_int_eq(result.mses[0].cardinality, XAI_SAG_FALSE);
    check_claims(hidden_within, &settings);
}
END_TEST

START_TEST(deletion_pass_always_ends_in_an_mse)
{
    xai_sag_settings settings = planted_settings(49);
    settings.max_evals = 400;
    settings.p_high = 0.88;
    search(twenty, &settings);
    ck_assert_uint_eq(result.mse_count, 1);
    ck_assert_int_eq(result.mses[0].size, 18); /* 18 of 20 keep 88 % */
    ck_assert_int_eq(result.outcome, XAI_SAG_PARTIAL);
    ck_assert_uint_ne(result.bounds & XAI_SAG_BOUND_EVALS, 0);
    check_claims(twenty, &settings);
}
END_TEST

/* 196 regions, of which fifteen in a row are worth something each. */
static float fifteen_of_many(xai_mask m)
{
    int held = 0;
    for (int i = 90; i < 105; i++) held += xai_mask_has(m, i);
    return (float)held / 15 * 0.9f;
}

START_TEST(the_finest_grid_ends_in_an_mse)
{
    xai_sag_settings settings = planted_settings(196);
    settings.max_evals = 1200;
    settings.p_high = 0.9;
    search(fifteen_of_many, &settings);
    ck_assert_uint_ge(result.mse_count, 1);
    ck_assert_int_eq(result.mses[0].size, 14); /* 14 / 15 is above 0.9 */
    check_claims(fifteen_of_many, &settings);
    settings.max_evals = 560; /* the search's share ends before the first: the rest of the budget goes there */
    settings.evidence = (double[196]){0};
    search(fifteen_of_many, &settings);
    ck_assert_uint_ge(result.mse_count, 1);
    check_claims(fifteen_of_many, &settings);
}
END_TEST

START_TEST(seeds_bound_the_search)
{
    xai_sag_settings settings = planted_settings(49);
    xai_mask some = SET(10, 11, 17, 18), more = SET(10, 11, 17, 18, 24, 25, 32, 33);
    xai_mask other = SET(40, 46, 47, 48, 5);
    const xai_mask seeds[][XAI_SAG_SEED_WIDTHS] = {{some, some, more}, {SET(24, 25), SET(24, 25, 32), more},
                                                   {SET(0), SET(0, 1), SET(0, 1, 2)}, {other, other, other}};
    settings.seeds = seeds;
    settings.seed_count = 4;
    search(three_ways, &settings);
    ck_assert_uint_eq(result.mse_count, 3);
    ck_assert_int_eq(planted_found(&result, SET(10, 17)), 1);
    ck_assert_int_eq(planted_found(&result, SET(24, 25, 32)), 1); /* the tight one was too small */
    ck_assert_int_eq(planted_found(&result, SET(40, 46, 47, 48)), 1);
    ck_assert_uint_lt(result.evals, 98); /* no single region of the rest was looked at */
    check_claims(three_ways, &settings);
    settings.seeds = seeds + 2; /* of no use: the whole image, then */
    settings.seed_count = 1;
    search(three_ways, &settings);
    ck_assert_uint_ge(result.mse_count, 1);
    check_claims(three_ways, &settings);
}
END_TEST

START_TEST(squeeze_finds_the_compact_set_elsewhere)
{
    xai_sag_settings settings = planted_settings(49);
    settings.max_patches = 1; /* the beam is of no help */
    settings.shown = 1;
    settings.p_high = 0.89;
    search(hidden_weights, &settings);
    ck_assert_int_eq(result.mses[0].size, 18); /* light ones only */
    settings.compact = 6;
    search(hidden_weights, &settings);
    ck_assert_int_le(result.mses[0].size, 6);
    check_claims(hidden_weights, &settings);
    settings.compact = 3; /* out of reach: as small as it gets */
    search(hidden_weights, &settings);
    ck_assert_int_le(result.mses[0].size, 18);
    check_claims(hidden_weights, &settings);
}
END_TEST

START_TEST(constant_function_is_degenerate)
{
    xai_sag_settings settings = planted_settings(49);
    search(constant, &settings);
    ck_assert_int_eq(result.outcome, XAI_SAG_DEGENERATE);
    ck_assert_uint_eq(result.mse_count, 0);
    ck_assert_uint_eq(result.evals, 2);
    ck_assert_str_ne(result.reason, "");
}
END_TEST

START_TEST(budgets_of_any_size_end_truly)
{
    for (size_t budget = 1; budget <= 330; budget += budget < 12 ? 1 : 53) {
        xai_sag_settings settings = planted_settings(49);
        settings.max_evals = budget;
        search(three_ways, &settings);
        ck_assert_int_ne(result.outcome, XAI_SAG_DEGENERATE);
        if (!result.mse_count) {
            ck_assert_int_eq(result.outcome, XAI_SAG_NO_MSE);
            ck_assert_str_ne(result.reason, "");
        }
        if (budget == 1) ck_assert(isnan(result.f_all) && result.evals == 0);
        if (budget == 2) ck_assert(!isnan(result.f_all) && result.evals == 2);
        check_claims(three_ways, &settings);
    }
}
END_TEST

START_TEST(ties_go_to_the_lower_region)
{
    xai_sag_settings settings = planted_settings(49);
    search(any_region, &settings);
    ck_assert_uint_eq(result.root_count, 3);
    for (int i = 0; i < 3; i++) ck_assert(xai_mask_equal(result.mses[i].mask, SET(i)));
    ck_assert(result.necessity[0].sufficient && !result.necessity[0].necessary);
}
END_TEST

/* One region is as good as another until five are kept. */
static float five_any(xai_mask m) { return xai_mask_count(m) >= 5 ? 0.8f : 0.1f; }

START_TEST(evidence_decides_among_ties)
{
    xai_sag_settings settings = planted_settings(49);
    double evidence[49] = {0};
    int best[] = {30, 20, 41, 3, 48};
    for (int i = 0; i < 5; i++) evidence[best[i]] = 9 - i;
    settings.evidence = evidence;
    settings.shown = 1;
    search(five_any, &settings);
    ck_assert_int_eq(planted_found(&result, SET(30, 20, 41, 3, 48)), 1);
    settings.evidence = NULL;
    search(five_any, &settings);
    ck_assert_int_eq(planted_found(&result, SET(30, 20, 41, 3, 48)), 0);
    ck_assert_int_eq(planted_found(&result, SET(0, 1, 2, 3, 4)), 1);
}
END_TEST

START_TEST(argmax_and_absolute_criteria)
{
    xai_sag_settings settings = planted_settings(49);
    settings.criterion = XAI_SAG_ARGMAX; /* class 7 wins from 0.5 on */
    search(three_ways, &settings);
    ck_assert(isnan(result.tau));
    ck_assert_uint_ge(result.mse_count, 1);
    for (size_t i = 0; i < result.mse_count; i++) ck_assert_int_eq(result.mses[i].score.top1, 7);
    settings.criterion = XAI_SAG_ABSOLUTE;
    settings.p_high = 0.99;
    search(three_ways, &settings);
    ck_assert_int_eq(result.outcome, XAI_SAG_NO_MSE); /* f(all) is 0.92 */
    settings.target = 3;
    settings.criterion = XAI_SAG_ARGMAX;
    search(three_ways, &settings);
    ck_assert_int_eq(result.outcome, XAI_SAG_DEGENERATE); /* class 3 wins on nothing at all */
}
END_TEST

START_TEST(necessity_comes_from_the_whole_image)
{
    xai_sag_settings settings = planted_settings(9);
    settings.exhaustive = 9;
    search(dnf9, &settings);
    ck_assert_double_eq_tol(result.necessity[1].share, 2.0 / 3, 1e-12);
    ck_assert_double_eq_tol(result.necessity[8].share, 1.0 / 3, 1e-12);
    ck_assert(result.necessity[2].share == 0);
    for (int i = 0; i < 9; i++) ck_assert(!result.necessity[i].necessary); /* there is always another way */
    search(twenty, &(xai_sag_settings){.count = 49, .p_high = 0.97, .beam = 2, .candidates = 5, .max_mses = 3,
                                       .max_patches = 5, .max_nodes = 30, .shown = 1, .max_evals = 2000});
    for (int i = 0; i < 49; i++) ck_assert_int_eq(result.necessity[i].necessary, i < 40 && i % 2 == 0);
}
END_TEST

/* Whether class 7 has lost when the set is removed from the first `count` regions. */
static bool turns(planted_fn f, xai_mask removed, int count)
{
    return f_of(f, xai_mask_minus(xai_mask_full(count), removed)) < 0.5;
}

static void check_counterfactuals(planted_fn f, int count)
{
    int smallest = count + 1;
    for (uint64_t pick = 1; count < 16 && pick < UINT64_C(1) << count; pick++) {
        xai_mask m = {{pick}};
        if (turns(f, m, count) && xai_mask_count(m) < smallest) smallest = xai_mask_count(m);
    }
    for (size_t i = 0; i < result.counterfactual_count; i++) {
        const xai_sag_mse *set = &result.counterfactuals[i];
        xai_mask rest = xai_mask_minus(xai_mask_full(count), set->mask);
        ck_assert(turns(f, set->mask, count));
        ck_assert_int_eq(set->score.top1, 3);
        ck_assert((double)set->score.p == f_of(f, rest));
        for (int k = 0; k < count; k++)
            if (xai_mask_has(set->mask, k)) ck_assert(!turns(f, xai_mask_without(set->mask, k), count));
        if (i) ck_assert_int_ge(set->size, result.counterfactuals[i - 1].size);
        for (size_t j = 0; j < i; j++) ck_assert(!xai_mask_equal(set->mask, result.counterfactuals[j].mask));
        if (count >= 16) continue;
        ck_assert_int_ge(set->size, smallest);
        if (set->cardinality == XAI_SAG_TRUE) ck_assert_int_eq(set->size, smallest);
        if (set->cardinality == XAI_SAG_FALSE) ck_assert_int_gt(set->size, smallest);
    }
}

START_TEST(counterfactuals_hit_every_way)
{
    xai_sag_settings settings = planted_settings(9);
    settings.counterfactuals = 3;
    search(dnf9, &settings);
    ck_assert_uint_eq(result.counterfactual_count, 3); /* {1 3} {1 4} {1 5} hit all of {0 1} {3 4 5} {1 8} */
    for (int i = 0; i < 3; i++) {
        ck_assert(xai_mask_equal(result.counterfactuals[i].mask, SET(1, 3 + i)));
        ck_assert_int_eq(result.counterfactuals[i].cardinality, XAI_SAG_TRUE);
    }
    check_counterfactuals(dnf9, 9);
    settings.counterfactuals = 1;
    search(dnf9, &settings);
    ck_assert_uint_eq(result.counterfactual_count, 1);
    settings.counterfactuals = 0;
    search(dnf9, &settings);
    ck_assert_uint_eq(result.counterfactual_count, 0);
}
END_TEST

START_TEST(counterfactuals_hold_on_rough_landscapes)
{
    xai_sag_settings settings = planted_settings(_i % 2 ? 25 : 14);
    settings.counterfactuals = 8;
    settings.beam = 1 + _i;
    settings.criterion = _i % 3 ? XAI_SAG_RELATIVE : XAI_SAG_ARGMAX;
    search(rough, &settings);
    ck_assert_uint_ge(result.counterfactual_count, 1);
    check_counterfactuals(rough, settings.count);
    search(three_ways, &settings);
    check_counterfactuals(three_ways, settings.count);
}
END_TEST

START_TEST(nothing_turns_what_has_lost)
{
    xai_sag_settings settings = planted_settings(9);
    settings.counterfactuals = 3;
    settings.target = 3; /* f(all) is class 7's */
    search(dnf9, &settings);
    ck_assert_uint_ge(result.mse_count, 1);
    ck_assert_uint_eq(result.counterfactual_count, 0);
}
END_TEST

START_TEST(every_set_carries_the_other_class)
{
    xai_sag_settings settings = planted_settings(25);
    settings.versus = 3;
    settings.counterfactuals = 2;
    search(rough, &settings);
    for (size_t i = 0; i < result.node_count; i++)
        ck_assert(result.nodes[i].score.versus == 1 - result.nodes[i].score.p);
    for (size_t i = 0; i < result.mse_count; i++)
        ck_assert(result.mses[i].score.versus == 1 - result.mses[i].score.p);
    for (size_t i = 0; i < result.counterfactual_count; i++)
        ck_assert(result.counterfactuals[i].score.versus == 1 - result.counterfactuals[i].score.p);
    ck_assert_double_eq_tol(result.versus_all, 1 - result.f_all, 1e-6);
    ck_assert_double_eq_tol(result.versus_empty, 1 - result.f_empty, 1e-6);
}
END_TEST

START_TEST(graph_stops_at_its_bound)
{
    xai_sag_settings settings = planted_settings(49);
    settings.max_nodes = 5;
    search(three_ways, &settings);
    ck_assert_uint_le(result.node_count, 5);
    ck_assert_uint_ne(result.bounds & XAI_SAG_BOUND_NODES, 0);
    check_claims(three_ways, &settings);
}
END_TEST

START_TEST(graph_expands_while_the_score_is_high_enough)
{
    xai_sag_settings settings = planted_settings(49);
    search(three_ways, &settings);
    for (size_t i = 0; i < result.node_count; i++) {
        const xai_sag_node *node = &result.nodes[i];
        bool high = node->root || (double)node->score.p >= 0.4 * result.f_all;
        ck_assert_int_eq(node->expanded, high && xai_mask_count(node->mask) > 1);
    }
}
END_TEST

START_TEST(cancel_ends_the_search)
{
    xai_sag_settings settings = planted_settings(49);
    plan.token = xai_token_new(0, NULL, NULL);
    plan.cancel_after = 150;
    plan.f = three_ways;
    ck_assert_int_eq(xai_sag_search(&settings, planted_evaluate, &plan, plan.token, arena, &result, NULL),
                     XAI_E_CANCELLED);
    ck_assert_uint_lt(plan.count, 300); /* within the batch that was running */
    xai_token_free(plan.token);
}
END_TEST

static xai_status late(void *user, const xai_mask *masks, size_t n, xai_sag_score *scores, xai_error *err)
{
    planted *all = user;
    if (all->count > 160) return xai_error_set(err, XAI_E_DEADLINE, __FILE__, __LINE__, "", "too late");
    return planted_evaluate(user, masks, n, scores, err);
}

START_TEST(deadline_leaves_what_was_found)
{
    xai_sag_settings settings = planted_settings(49);
    plan.f = three_ways;
    ck_assert_int_eq(xai_sag_search(&settings, late, &plan, NULL, arena, &result, NULL), XAI_OK);
    ck_assert_int_eq(result.outcome, XAI_SAG_PARTIAL);
    ck_assert_uint_ne(result.bounds & XAI_SAG_BOUND_DEADLINE, 0);
    ck_assert_uint_ge(result.mse_count, 1);
    ck_assert_uint_ge(result.root_count, 1);
    check_claims(three_ways, &settings);
}
END_TEST

START_TEST(same_scores_same_search)
{
    xai_sag_settings settings = planted_settings(25);
    settings.p_high = 0.7;
    search(rough, &settings);
    static xai_mask asked[PLANTED_MOST];
    size_t count = plan.count, mses = result.mse_count;
    memcpy(asked, plan.asked, count * sizeof *asked);
    search(rough, &settings);
    ck_assert_uint_eq(plan.count, count);
    ck_assert_uint_eq(result.mse_count, mses);
    ck_assert_mem_eq(asked, plan.asked, count * sizeof *asked);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sag search");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, exhaustive_finds_exactly_the_planted_sets, 0, 6);
    tcase_add_test(all, violations_among_very_many_sets_are_not_counted);
    tcase_add_test(all, exhaustive_is_exact_on_random_functions);
    tcase_add_test(all, beam_finds_three_diverse_ways);
    tcase_add_test(all, alternatives_are_found_without_the_beam);
    tcase_add_test(all, beam_claims_no_more_than_was_evaluated);
    tcase_add_loop_test(all, claims_hold_on_rough_landscapes, 0, 9);
    tcase_add_test(all, hidden_subset_replaces_the_root);
    tcase_add_test(all, graph_belies_the_root_above_it);
    tcase_add_test(all, deletion_pass_always_ends_in_an_mse);
    tcase_add_test(all, the_finest_grid_ends_in_an_mse);
    tcase_add_test(all, seeds_bound_the_search);
    tcase_add_test(all, squeeze_finds_the_compact_set_elsewhere);
    tcase_add_test(all, constant_function_is_degenerate);
    tcase_add_test(all, budgets_of_any_size_end_truly);
    tcase_add_test(all, ties_go_to_the_lower_region);
    tcase_add_test(all, evidence_decides_among_ties);
    tcase_add_test(all, argmax_and_absolute_criteria);
    tcase_add_test(all, necessity_comes_from_the_whole_image);
    tcase_add_test(all, counterfactuals_hit_every_way);
    tcase_add_loop_test(all, counterfactuals_hold_on_rough_landscapes, 0, 6);
    tcase_add_test(all, nothing_turns_what_has_lost);
    tcase_add_test(all, every_set_carries_the_other_class);
    tcase_add_test(all, graph_stops_at_its_bound);
    tcase_add_test(all, graph_expands_while_the_score_is_high_enough);
    tcase_add_test(all, cancel_ends_the_search);
    tcase_add_test(all, deadline_leaves_what_was_found);
    tcase_add_test(all, same_scores_same_search);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
