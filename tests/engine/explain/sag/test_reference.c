/*
 * The dialect of the reference code on planted functions, against an implementation that shares nothing with it: roots
 * in their order, those shown, the graph, what was evaluated, and the forwards that the code itself would make, as
 * tests/golden/sag_reference.py found them (tests/golden/make_sag.py).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "planted.h"

enum { COUNT = 49 };

static const char FILE_NAME[] = "tests/golden/data/sag/planted.txt";

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* sag_reference.Planted */
static struct table {
    uint64_t seed;
    int coarse, groups;
    uint64_t weights[COUNT];
    double evidence[COUNT];
} table;

static void plant(uint64_t seed, int coarse, int groups)
{
    table = (struct table){.seed = seed, .coarse = coarse, .groups = groups};
    for (unsigned i = 0; i < COUNT; i++) {
        uint64_t w = mix(1000 * seed + i) >> 58;
        table.weights[i] = w * w * w * w;
        table.evidence[i] = -fmin(1, 2 * ((double)(mix(2000000 + 1000 * seed + i) >> 40) / (1 << 24)));
    }
}

static float worth(xai_mask m)
{
    uint64_t best = 0;
    for (int g = 0; g < table.groups; g++) {
        uint64_t total = 0, own = 0;
        for (int i = g; i < COUNT; i += table.groups) {
            total += table.weights[i];
            if (xai_mask_has(m, i)) own += table.weights[i];
        }
        uint64_t value = (2 * own < total ? 2 * own : total) * (3 << 22) / total;
        best = value > best ? value : best;
    }
    uint64_t value = best + (mix(m.word[0] ^ mix(table.seed)) >> 42);
    return (float)(value >> table.coarse << table.coarse) / (1 << 24);
}

static void expect_mask(FILE *file, xai_mask got)
{
    char want[XAI_MASK_HEX + 8], text[XAI_MASK_HEX];
    ck_assert_int_eq(fscanf(file, "%32s", want), 1);
    xai_mask_to_hex(got, COUNT, text);
    ck_assert_str_eq(text, want);
}

/* The roots in the order in which they were found: those shown were taken out of it and put first. */
static void check_roots(FILE *file, const xai_sag_result *r, size_t found, size_t shown)
{
    ck_assert_uint_eq(r->mse_count, found);
    ck_assert_uint_eq(r->root_count, shown);
    size_t root = 0, other = shown;
    for (size_t i = 0; i < found; i++) {
        char want[XAI_MASK_HEX + 8], text[XAI_MASK_HEX] = "";
        ck_assert_int_eq(fscanf(file, "%32s", want), 1);
        if (root < shown) xai_mask_to_hex(r->mses[root].mask, COUNT, text);
        if (strcmp(text, want) == 0) {
            root++;
            continue;
        }
        ck_assert_uint_lt(other, found);
        xai_mask_to_hex(r->mses[other++].mask, COUNT, text);
        ck_assert_str_eq(text, want);
    }
    for (size_t i = 0; i < shown; i++) expect_mask(file, r->mses[i].mask);
}

static bool read_case(FILE *file, int *coarse, int *groups, unsigned long *seed, xai_sag_forwards *forwards,
                      size_t counts[4])
{
    int n = fscanf(file, " case %lu %d %d %lf,%lf,%lf %zu %zu %zu %zu", seed, coarse, groups, &forwards->search,
                   &forwards->minimise, &forwards->tree, &counts[0], &counts[1], &counts[2], &counts[3]);
    return n == 10;
}

static void check_certificates(const xai_sag_result *r)
{
    for (size_t i = 0; i < r->mse_count; i++) {
        const xai_sag_mse *mse = &r->mses[i];
        ck_assert((double)mse->score.p > r->tau);
        for (int k = 0; k < COUNT; k++)
            if (xai_mask_has(mse->mask, k)) ck_assert((double)worth(xai_mask_without(mse->mask, k)) <= r->tau);
        for (size_t j = 0; j < r->mse_count; j++) /* a root may contain another: then this is told */
            if (i != j && xai_mask_subset(r->mses[j].mask, mse->mask)) ck_assert_int_eq(mse->subset, XAI_SAG_FALSE);
    }
}

START_TEST(same_roots_as_the_reference_code)
{
    static planted plan;
    FILE *file = fopen(FILE_NAME, "r");
    ck_assert_ptr_nonnull(file);
    int coarse, groups, cases = 0;
    unsigned long seed;
    xai_sag_forwards forwards;
    for (size_t counts[4]; read_case(file, &coarse, &groups, &seed, &forwards, counts); cases++) {
        plant(seed, coarse, groups);
        xai_arena *arena = xai_arena_new(0);
        xai_sag_settings settings = planted_settings(COUNT);
        settings.dialect = XAI_SAG_REFERENCE;
        settings.beam = 3;
        settings.max_nodes = 4096;
        settings.evidence = table.evidence;
        plan = (planted){.f = worth};
        xai_sag_result r;
        ck_assert_int_eq(xai_sag_search(&settings, planted_evaluate, &plan, NULL, arena, &r, NULL), XAI_OK);
        check_roots(file, &r, counts[1], counts[2]);
        ck_assert_uint_eq(r.evals, counts[0]);
        ck_assert_uint_eq(r.node_count, counts[3]);
        ck_assert(r.reference.search == forwards.search && r.reference.minimise == forwards.minimise);
        ck_assert(r.reference.tree == forwards.tree);
        check_certificates(&r);
        xai_arena_free(arena);
    }
    ck_assert_int_eq(cases, 24);
    fclose(file);
}
END_TEST

START_TEST(a_budget_leaves_what_was_found)
{
    static planted plan;
    for (size_t budget = 2; budget < 200; budget += 24) {
        plant(10, 16, 4);
        xai_arena *arena = xai_arena_new(0);
        xai_sag_settings settings = planted_settings(COUNT);
        settings.dialect = XAI_SAG_REFERENCE;
        settings.beam = 3;
        settings.evidence = table.evidence;
        settings.max_evals = budget;
        plan = (planted){.f = worth};
        xai_sag_result r;
        ck_assert_int_eq(xai_sag_search(&settings, planted_evaluate, &plan, NULL, arena, &r, NULL), XAI_OK);
        ck_assert_uint_le(r.evals, budget);
        ck_assert_uint_ne(r.bounds & XAI_SAG_BOUND_EVALS, budget < 176 ? 0 : XAI_SAG_BOUND_EVALS);
        ck_assert_int_eq(r.outcome, r.mse_count ? r.bounds ? XAI_SAG_PARTIAL : XAI_SAG_COMPLETE : XAI_SAG_NO_MSE);
        check_certificates(&r);
        xai_arena_free(arena);
    }
}
END_TEST

static float any_two(xai_mask m) { return xai_mask_count(m) >= 2 ? 0.95f : 0.1f; }

/* Every pair is a root: there are 46 million ways to choose disjoint ones of 16 regions, which nobody waits for. */
START_TEST(the_choice_of_roots_is_cut_short)
{
    static planted plan;
    xai_arena *arena = xai_arena_new(0);
    xai_sag_settings settings = planted_settings(16);
    settings.dialect = XAI_SAG_REFERENCE;
    settings.beam = 15;
    settings.overlap = 0;
    plan = (planted){.f = any_two};
    xai_sag_result r;
    ck_assert_int_eq(xai_sag_search(&settings, planted_evaluate, &plan, NULL, arena, &r, NULL), XAI_OK);
    ck_assert_uint_eq(r.mse_count, 16 * 15 / 2);
    ck_assert_uint_eq(r.bounds, XAI_SAG_BOUND_PAIRINGS);
    ck_assert_int_eq(r.outcome, XAI_SAG_PARTIAL);
    ck_assert_uint_eq(r.root_count, 3);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < i; k++) ck_assert_int_eq(xai_mask_overlap(r.mses[i].mask, r.mses[k].mask), 0);
    xai_arena_free(arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sag reference");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, same_roots_as_the_reference_code);
    tcase_add_test(all, a_budget_leaves_what_was_found);
    tcase_add_test(all, the_choice_of_roots_is_cut_short);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
