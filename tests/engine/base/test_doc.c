/* Doc: order, counts, what is not finite, and memory that runs out while a tree is built. */
#include "base/doc.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static xai_doc *build(xai_arena *arena)
{
    xai_doc *root = xai_doc_object(arena), *list = xai_doc_array(arena);
    xai_doc_put_int(root, "count", INT64_MIN);
    xai_doc_put_real(root, "p", 0.25);
    xai_doc_put_bool(root, "root", true);
    xai_doc_put_text(root, "name", "tench");
    for (int i = 0; i < 3; i++) xai_doc_push(list, xai_doc_int(arena, i));
    xai_doc_put(root, "list", list);
    return root;
}

START_TEST(a_tree_keeps_its_values_in_order)
{
    xai_arena *arena = xai_arena_new(0);
    xai_doc *root = build(arena);
    ck_assert(xai_doc_ok(root));
    ck_assert_uint_eq(root->count, 5);
    ck_assert_str_eq(root->first->key, "count");
    ck_assert(xai_doc_get(root, "count")->integer == INT64_MIN);
    ck_assert(xai_doc_get(root, "p")->real == 0.25);
    ck_assert(xai_doc_get(root, "root")->boolean);
    ck_assert_str_eq(xai_doc_get(root, "name")->text, "tench");
    const xai_doc *list = xai_doc_get(root, "list");
    ck_assert_uint_eq(list->count, 3);
    int64_t i = 0;
    for (const xai_doc *child = list->first; child; child = child->next) ck_assert_int_eq(child->integer, i++);
    ck_assert_ptr_null(xai_doc_get(root, "absent"));
    ck_assert_ptr_null(xai_doc_get(list, "list"));
    ck_assert_ptr_null(xai_doc_get(NULL, "list"));
    xai_arena_free(arena);
}
END_TEST

START_TEST(what_is_not_finite_is_null)
{
    xai_arena *arena = xai_arena_new(0);
    ck_assert_int_eq(xai_doc_real(arena, NAN)->type, XAI_DOC_NULL);
    ck_assert_int_eq(xai_doc_real(arena, -INFINITY)->type, XAI_DOC_NULL);
    ck_assert_int_eq(xai_doc_text(arena, NULL)->type, XAI_DOC_NULL);
    ck_assert_int_eq(xai_doc_real(arena, 1)->type, XAI_DOC_REAL);
    xai_arena_free(arena);
}
END_TEST

START_TEST(texts_are_copied)
{
    xai_arena *arena = xai_arena_new(0);
    char text[] = "before";
    xai_doc *d = xai_doc_text(arena, text);
    strcpy(text, "after");
    ck_assert_str_eq(d->text, "before");
    xai_arena_free(arena);
}
END_TEST

/* At every cap the tree is either whole or says that it is not. */
START_TEST(running_out_of_memory_is_noticed)
{
    xai_arena *whole = xai_arena_new(0);
    ck_assert(xai_doc_ok(build(whole)));
    size_t need = xai_arena_used(whole);
    for (size_t cap = 64; cap < need; cap += 64) {
        xai_arena *arena = xai_arena_new(cap);
        ck_assert_msg(!xai_doc_ok(build(arena)), "%zu of %zu bytes were enough", cap, need);
        xai_arena_free(arena);
    }
    xai_arena *enough = xai_arena_new(need);
    ck_assert(xai_doc_ok(build(enough)));
    xai_arena_free(enough);
    xai_arena_free(whole);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/doc");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_tree_keeps_its_values_in_order);
    tcase_add_test(tests, what_is_not_finite_is_null);
    tcase_add_test(tests, texts_are_copied);
    tcase_add_test(tests, running_out_of_memory_is_noticed);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
