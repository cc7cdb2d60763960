/* The table of all subsets: every value is the function's, nothing is asked for twice, the search is not changed. */
#include "planted.h"

#include <stdio.h>
#include <stdlib.h>

#include "explain/sag/document.h"

static xai_arena *arena;
static planted plan;
static xai_sag_settings settings;

static float two_ways(xai_mask m)
{
    xai_mask all[] = {SET(3, 11, 12), SET(20, 29, 36)};
    float best = 0;
    for (int i = 0; i < 2; i++)
        best = fmaxf(best, (float)xai_mask_overlap(m, all[i]) / (float)xai_mask_count(all[i]));
    return 0.01f + 0.85f * best + 0.0001f * (float)(m.word[0] % 97); /* no two subsets score alike */
}

/* Three ways of five regions: two together are ten. */
static float wide(xai_mask m)
{
    xai_mask all[] = {SET(0, 1, 2, 3, 4), SET(10, 11, 12, 13, 14), SET(20, 21, 22, 23, 24)};
    float best = 0;
    for (int i = 0; i < 3; i++)
        best = fmaxf(best, (float)xai_mask_overlap(m, all[i]) / (float)xai_mask_count(all[i]));
    return 0.01f + 0.85f * best;
}

/* Eleven of twelve regions are needed, whichever. */
static float most(xai_mask m) { return (float)xai_mask_overlap(m, xai_mask_full(12)) / 12; }

static void setup(void) { arena = xai_arena_new(0); }
static void teardown(void) { xai_arena_free(arena); }

static xai_sag_result run(planted_fn f, int count, bool table, xai_token *token)
{
    xai_sag_result result;
    memset(&plan, 0, sizeof plan);
    plan.f = f;
    settings = planted_settings(count);
    settings.table = table;
    ck_assert_int_eq(xai_sag_search(&settings, planted_evaluate, &plan, token, arena, &result, NULL), XAI_OK);
    return result;
}

START_TEST(every_subset_has_its_value)
{
    xai_sag_result without = run(two_ways, 49, false, NULL), with = run(two_ways, 49, true, NULL);
    const xai_sag_table *t = with.table;
    ck_assert_ptr_null(without.table);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(t->count, 6);
    static const int REGIONS[] = {3, 11, 12, 20, 29, 36};
    ck_assert_mem_eq(t->regions, REGIONS, sizeof REGIONS);
    for (int i = 0; i < 64; i++) {
        xai_mask m = {{0}};
        for (int k = 0; k < 6; k++)
            if (i >> k & 1) m = xai_mask_with(m, REGIONS[k]);
        ck_assert_float_eq(t->scores[i].p, two_ways(m));
        ck_assert_int_eq(t->scores[i].top1, two_ways(m) >= 0.5f ? 7 : 3);
    }
    ck_assert_uint_eq(with.mse_count, without.mse_count);
    ck_assert_int_eq(with.violations, without.violations);
    ck_assert_uint_eq(with.node_count, without.node_count);
    ck_assert_uint_le(with.evals, without.evals + 64); /* planted_evaluate sees that none is asked for twice */
}
END_TEST

START_TEST(as_many_roots_as_fit)
{
    xai_sag_result result = run(wide, 30, true, NULL);
    ck_assert_uint_eq(result.root_count, 3);
    ck_assert_int_eq(result.table->count, 10);
    for (int k = 0; k < 10; k++)
        ck_assert(xai_mask_has(result.mses[0].mask, result.table->regions[k]) ||
                  xai_mask_has(result.mses[1].mask, result.table->regions[k]));
    result = run(most, 12, true, NULL);
    ck_assert_int_eq(result.mses[0].size, 11);
    ck_assert_ptr_null(result.table);
}
END_TEST

START_TEST(budget_of_the_search_is_not_the_tables)
{
    xai_sag_result result;
    memset(&plan, 0, sizeof plan);
    plan.f = two_ways;
    settings = planted_settings(49);
    settings.table = true;
    settings.max_evals = 160;
    ck_assert_int_eq(xai_sag_search(&settings, planted_evaluate, &plan, NULL, arena, &result, NULL), XAI_OK);
    ck_assert_uint_gt(result.mse_count, 0);
    ck_assert_ptr_nonnull(result.table);
    ck_assert_uint_le(result.evals, 160 + ((size_t)1 << result.table->count));
}
END_TEST

START_TEST(document_tells_it)
{
    xai_regions regions;
    const xai_doc *doc;
    xai_sag_result result = run(two_ways, 49, true, NULL);
    ck_assert_int_eq(xai_regions_init(&regions, XAI_REGION_TENT, 7, 7, 64, 64, arena, NULL), XAI_OK);
    ck_assert_int_eq(xai_sag_document(&regions, "black", &settings, &result, arena, &doc, NULL), XAI_OK);
    const xai_doc *table = xai_doc_get(doc, "probe_table");
    ck_assert_uint_eq(xai_doc_get(table, "patches")->count, 6);
    ck_assert_uint_eq(xai_doc_get(table, "p")->count, 64);
    ck_assert_uint_eq(xai_doc_get(table, "top1")->count, 64);
    ck_assert_double_eq(xai_doc_get(table, "p")->last->real, (double)two_ways(SET(3, 11, 12, 20, 29, 36)));
    result = run(two_ways, 49, false, NULL);
    ck_assert_int_eq(xai_sag_document(&regions, "black", &settings, &result, arena, &doc, NULL), XAI_OK);
    ck_assert_int_eq(xai_doc_get(doc, "probe_table")->type, XAI_DOC_NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sag table");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, every_subset_has_its_value);
    tcase_add_test(all, as_many_roots_as_fit);
    tcase_add_test(all, budget_of_the_search_is_not_the_tables);
    tcase_add_test(all, document_tells_it);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
