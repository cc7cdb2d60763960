/* Errors: the table made from errors.def, messages that are cut and never overflow, and the macros' control flow. */
#include "base/error.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const xai_status ALL[] = {
#define XAI_ERROR(name, class_, id, title) XAI_E_##name,
#include "base/errors.def"
#undef XAI_ERROR
};

enum { COUNT = sizeof ALL / sizeof *ALL };

START_TEST(every_error_has_a_class_a_unique_id_and_a_title)
{
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_ne(xai_status_class(ALL[i]), XAI_CLASS_NONE);
        ck_assert(strlen(xai_status_title(ALL[i])) > 5);
        ck_assert(strspn(xai_status_id(ALL[i]), "abcdefghijklmnopqrstuvwxyz-") == strlen(xai_status_id(ALL[i])));
        for (int k = 0; k < i; k++) ck_assert_str_ne(xai_status_id(ALL[i]), xai_status_id(ALL[k]));
    }
    ck_assert_int_eq(xai_status_class(XAI_OK), XAI_CLASS_NONE);
}
END_TEST

START_TEST(an_unknown_status_is_our_defect)
{
    ck_assert_int_eq(xai_status_class((xai_status)9999), XAI_CLASS_INTERNAL);
    ck_assert_str_eq(xai_status_id((xai_status)-1), "internal");
}
END_TEST

START_TEST(long_texts_are_cut)
{
    char text[2000];
    xai_error err;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    ck_assert_int_eq(XAI_ERROR_SET(&err, BAD_PARAM, text, "%s", text), XAI_E_BAD_PARAM);
    ck_assert_uint_eq(strlen(err.where), sizeof err.where - 1);
    ck_assert_uint_eq(strlen(err.msg), sizeof err.msg - 1);
    ck_assert_ptr_nonnull(strstr(err.file, "test_error.c"));
}
END_TEST

static xai_status odd_fails(int n, xai_error *err)
{
    XAI_CHECK(n % 2 == 0, err, BAD_PARAM, "n", "%d is odd", n);
    return XAI_OK;
}

static xai_status passes_on(int n, int *after, xai_error *err)
{
    XAI_TRY(odd_fails(n, err));
    ++*after;
    return XAI_OK;
}

static xai_status releases(int n, int *released, xai_error *err)
{
    xai_status status = XAI_OK;
    XAI_TRY_OUT(odd_fails(n, err));
    if (n > 10) XAI_FAIL_OUT(err, TOO_LARGE, "n", "%d is large", n);
out:
    ++*released;
    return status;
}

START_TEST(failures_are_passed_on)
{
    xai_error err = {0};
    int after = 0, released = 0;
    ck_assert_int_eq(passes_on(2, &after, &err), XAI_OK);
    ck_assert_int_eq(passes_on(3, &after, &err), XAI_E_BAD_PARAM);
    ck_assert_int_eq(after, 1);
    ck_assert_str_eq(err.msg, "3 is odd");
    ck_assert_str_eq(err.where, "n");
    ck_assert_int_eq(releases(2, &released, &err), XAI_OK);
    ck_assert_int_eq(releases(5, &released, &err), XAI_E_BAD_PARAM);
    ck_assert_int_eq(releases(12, &released, &err), XAI_E_TOO_LARGE);
    ck_assert_int_eq(released, 3);
    ck_assert_int_eq(odd_fails(1, NULL), XAI_E_BAD_PARAM);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/error");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_error_has_a_class_a_unique_id_and_a_title);
    tcase_add_test(tests, an_unknown_status_is_our_defect);
    tcase_add_test(tests, long_texts_are_cut);
    tcase_add_test(tests, failures_are_passed_on);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
