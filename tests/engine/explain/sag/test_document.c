/* The graph as data, as a formula and as DOT: they say the same, and what the search found. */
#include "planted.h"

#include <stdio.h>
#include <stdlib.h>

#include "explain/sag/document.h"

static xai_arena *arena;
static planted plan;
static xai_sag_result result;
static xai_sag_settings settings;
static xai_regions regions;

/* Two ways that share nothing, and a third that shares one region with the first. */
static float ways(xai_mask m)
{
    xai_mask all[] = {SET(3, 11), SET(20, 29, 36), SET(11, 40)};
    float best = 0;
    for (int i = 0; i < 3; i++)
        best = fmaxf(best, (float)xai_mask_overlap(m, all[i]) / (float)xai_mask_count(all[i]));
    return 0.01f + 0.85f * best;
}

static void setup(void)
{
    arena = xai_arena_new(0);
    memset(&plan, 0, sizeof plan);
    plan.f = ways;
    settings = planted_settings(49);
    ck_assert_int_eq(xai_regions_init(&regions, XAI_REGION_TENT, 7, 7, 64, 64, arena, NULL), XAI_OK);
    ck_assert_int_eq(xai_sag_search(&settings, planted_evaluate, &plan, NULL, arena, &result, NULL), XAI_OK);
    ck_assert_uint_ge(result.mse_count, 3);
}
static void teardown(void) { xai_arena_free(arena); }

static const xai_doc *graph(void)
{
    const xai_doc *doc = NULL;
    ck_assert_int_eq(xai_sag_document(&regions, "black", &settings, &result, arena, &doc, NULL), XAI_OK);
    return doc;
}

static const xai_doc *item(const xai_doc *list, size_t index)
{
    const xai_doc *that = list->first;
    while (index--) that = that->next;
    return that;
}

static xai_mask mask_of(const xai_doc *id)
{
    xai_mask m;
    ck_assert_int_eq(xai_mask_from_hex(id->text, 49, &m, NULL), XAI_OK);
    return m;
}

static xai_mask mask_of_patches(const xai_doc *patches)
{
    xai_mask m = {{0}};
    for (const xai_doc *p = patches->first; p; p = p->next) m = xai_mask_with(m, (int)p->integer);
    return m;
}

static const xai_doc *node_of(const xai_doc *doc, const char *id)
{
    for (const xai_doc *n = xai_doc_get(doc, "nodes")->first; n; n = n->next)
        if (!strcmp(xai_doc_get(n, "id")->text, id)) return n;
    ck_abort_msg("no node %s", id);
    return NULL;
}

START_TEST(sets_have_one_name_and_one_list)
{
    const xai_doc *doc = graph();
    static const char *const LISTS[] = {"mses", "nodes"};
    for (int l = 0; l < 2; l++)
        for (const xai_doc *s = xai_doc_get(doc, LISTS[l])->first; s; s = s->next) {
            xai_mask m = mask_of(xai_doc_get(s, "id"));
            ck_assert(xai_mask_equal(m, mask_of_patches(xai_doc_get(s, "patches"))));
            ck_assert(xai_doc_get(s, "p")->real == (double)ways(m));
            ck_assert(xai_doc_get(s, "rel")->real == (double)ways(m) / (double)ways(xai_mask_full(49)));
        }
}
END_TEST

START_TEST(mses_come_with_certificates)
{
    const xai_doc *doc = graph(), *mses = xai_doc_get(doc, "mses"), *roots = xai_doc_get(doc, "roots");
    ck_assert_uint_eq(mses->count, result.mse_count);
    size_t root_count = 0;
    for (size_t i = 0; i < mses->count; i++) {
        const xai_doc *mse = item(mses, i), *certificate = xai_doc_get(mse, "certificate");
        ck_assert(xai_doc_get(certificate, "sufficient")->boolean);
        ck_assert(xai_doc_get(certificate, "local")->boolean);
        ck_assert_int_eq(xai_doc_get(certificate, "subset")->type == XAI_DOC_NULL,
                         result.mses[i].subset == XAI_SAG_UNKNOWN);
        ck_assert_ptr_nonnull(xai_doc_get(certificate, "cardinality"));
        if (!xai_doc_get(mse, "root")->boolean) continue;
        ck_assert_str_eq(item(roots, root_count++)->text, xai_doc_get(mse, "id")->text);
    }
    ck_assert_uint_eq(root_count, roots->count);
    ck_assert_uint_eq(root_count, result.root_count);
}
END_TEST

START_TEST(edges_remove_one_region_and_drops_are_differences)
{
    const xai_doc *doc = graph(), *edges = xai_doc_get(doc, "edges");
    ck_assert_uint_gt(edges->count, 0);
    for (const xai_doc *e = edges->first; e; e = e->next) {
        const xai_doc *from = node_of(doc, xai_doc_get(e, "from")->text);
        const xai_doc *to = node_of(doc, xai_doc_get(e, "to")->text);
        int removed = (int)xai_doc_get(e, "removed")->integer;
        xai_mask parent = mask_of(xai_doc_get(from, "id")), child = mask_of(xai_doc_get(to, "id"));
        ck_assert(xai_mask_has(parent, removed));
        ck_assert(xai_mask_equal(xai_mask_without(parent, removed), child));
        ck_assert(xai_doc_get(e, "drop")->real == xai_doc_get(from, "p")->real - xai_doc_get(to, "p")->real);
    }
}
END_TEST

/* Reads a formula back and compares it, set by set, with the list. */
START_TEST(formula_lists_the_mses)
{
    const xai_doc *doc = graph(), *mses = xai_doc_get(doc, "mses");
    const char *at = xai_doc_get(doc, "dnf")->text;
    for (size_t i = 0; i < mses->count; i++) {
        xai_mask m = {{0}};
        for (;;) {
            ck_assert_int_eq(*at++, 'P');
            char *end;
            m = xai_mask_with(m, (int)strtol(at, &end, 10));
            at = end;
            if (strncmp(at, " & ", 3) != 0) break;
            at += 3;
        }
        ck_assert(xai_mask_equal(m, mask_of(xai_doc_get(item(mses, i), "id"))));
        if (i + 1 < mses->count) ck_assert_int_eq(strncmp(at, " | ", 3), 0);
        at += i + 1 < mses->count ? 3 : 0;
    }
    ck_assert_str_eq(at, "");
}
END_TEST

START_TEST(dot_has_every_node_and_edge)
{
    const xai_doc *doc = graph();
    const char *dot;
    ck_assert_int_eq(xai_sag_dot(49, &result, arena, &dot, NULL), XAI_OK);
    ck_assert_int_eq(strncmp(dot, "digraph sag {", 13), 0);
    char text[96];
    size_t lines = 0, arrows = 0;
    for (const char *c = dot; *c; c++) lines += *c == '\n';
    for (const char *c = dot; (c = strstr(c, " -> ")); c++) arrows++;
    for (const xai_doc *n = xai_doc_get(doc, "nodes")->first; n; n = n->next) {
        snprintf(text, sizeof text, "\n  \"%s\" [label=", xai_doc_get(n, "id")->text);
        ck_assert_ptr_nonnull(strstr(dot, text));
    }
    for (const xai_doc *e = xai_doc_get(doc, "edges")->first; e; e = e->next) {
        snprintf(text, sizeof text, "\"%s\" -> \"%s\" [label=\"-P%d\"]", xai_doc_get(e, "from")->text,
                 xai_doc_get(e, "to")->text, (int)xai_doc_get(e, "removed")->integer);
        ck_assert_ptr_nonnull(strstr(dot, text));
    }
    ck_assert_uint_eq(arrows, result.edge_count);
    ck_assert_uint_eq(lines, 3 + result.node_count + result.edge_count + 1);
}
END_TEST

START_TEST(words_name_the_roots)
{
    const char *words;
    ck_assert_int_eq(xai_sag_words(graph(), arena, &words, NULL), XAI_OK);
    ck_assert_ptr_nonnull(strstr(words, "row 1 column 4 and row 2 column 5")); /* patches 3 and 11 */
    size_t lines = 0;
    for (const char *c = words; (c = strstr(c, " of the score: ")); c++) lines++;
    ck_assert_uint_eq(lines, result.root_count);
}
END_TEST

START_TEST(nothing_found_is_a_document_too)
{
    settings.max_evals = 1;
    plan.count = 0;
    ck_assert_int_eq(xai_sag_search(&settings, planted_evaluate, &plan, NULL, arena, &result, NULL), XAI_OK);
    const xai_doc *doc = graph();
    ck_assert_str_eq(xai_doc_get(doc, "outcome")->text, "no_mse");
    ck_assert_str_eq(xai_doc_get(doc, "dnf")->text, "");
    ck_assert_int_eq(xai_doc_get(xai_doc_get(doc, "threshold"), "f_all")->type, XAI_DOC_NULL);
    ck_assert_str_eq(item(xai_doc_get(doc, "bounded_by"), 0)->text, "max_evals");
    const char *words;
    ck_assert_int_eq(xai_sag_words(doc, arena, &words, NULL), XAI_OK);
    ck_assert_int_eq(strncmp(words, "No explanation", 14), 0);
}
END_TEST

START_TEST(no_memory_is_an_error)
{
    xai_arena *small = xai_arena_new(4096);
    const xai_doc *doc = NULL;
    ck_assert_int_eq(xai_sag_document(&regions, "black", &settings, &result, small, &doc, NULL), XAI_E_NO_MEMORY);
    xai_arena_free(small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sag document");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, sets_have_one_name_and_one_list);
    tcase_add_test(all, mses_come_with_certificates);
    tcase_add_test(all, edges_remove_one_region_and_drops_are_differences);
    tcase_add_test(all, formula_lists_the_mses);
    tcase_add_test(all, dot_has_every_node_and_edge);
    tcase_add_test(all, words_name_the_roots);
    tcase_add_test(all, nothing_found_is_a_document_too);
    tcase_add_test(all, no_memory_is_an_error);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
