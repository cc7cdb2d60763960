/* Problems: every error of the lists has a status of its class, and the document its members. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "wire/problem.h"

static const xai_status ALL[] = {
#define XAI_ERROR(name, class_, id, title) XAI_E_##name,
#include "base/errors.def"
#undef XAI_ERROR
};

enum { COUNT = sizeof ALL / sizeof ALL[0] };

START_TEST(every_error_has_a_status_that_fits_its_class)
{
    for (size_t i = 0; i < COUNT; i++) {
        int status = wire_status_of(ALL[i]);
        switch (xai_status_class(ALL[i])) {
        case XAI_CLASS_INPUT: ck_assert(status == 400 || status == 422); break;
        case XAI_CLASS_UNSUPPORTED: ck_assert(status == 422 || status == 415); break;
        case XAI_CLASS_LIMIT: ck_assert(status == 413 || status == 429 || status == 503 || status == 507); break;
        case XAI_CLASS_CANCELLED: ck_assert(status == 499 || status == 504); break;
        case XAI_CLASS_INTERNAL: ck_assert_int_eq(status, 500); break;
        case XAI_CLASS_NONE: ck_abort_msg("an error without a class");
        }
    }
}
END_TEST

START_TEST(those_that_clients_act_on_are_fixed)
{
    ck_assert_int_eq(wire_status_of(XAI_E_BAD_PARAM), 422);
    ck_assert_int_eq(wire_status_of(XAI_E_AMBIGUOUS_CLASS), 422);
    ck_assert_int_eq(wire_status_of(XAI_E_BAD_IMAGE), 400);
    ck_assert_int_eq(wire_status_of(XAI_E_UNSUPPORTED_IMAGE), 415);
    ck_assert_int_eq(wire_status_of(XAI_E_TOO_LARGE), 413);
    ck_assert_int_eq(wire_status_of(XAI_E_NO_SPACE), 507);
    ck_assert_int_eq(wire_status_of(XAI_E_BUSY), 503);
    ck_assert_int_eq(wire_status_of(XAI_E_QUOTA), 429);
    ck_assert_int_eq(wire_status_of(XAI_E_DEADLINE), 504);
}
END_TEST

static const char *text(const json_t *problem, const char *key)
{
    return json_string_value(json_object_get(problem, key));
}

START_TEST(a_pointer_is_given_for_members_alone)
{
    xai_error err;
    XAI_ERROR_SET(&err, BAD_PARAM, "/methods/0/params/window", "must be smaller");
    json_t *problem = wire_problem_of_error(&err, "r1");
    ck_assert_str_eq(text(problem, "type"), "urn:explaind:problem:bad-parameter");
    ck_assert_str_eq(text(problem, "code"), "bad-parameter");
    ck_assert_str_eq(text(problem, "detail"), "must be smaller");
    ck_assert_str_eq(text(problem, "instance"), "r1");
    ck_assert_str_eq(text(problem, "pointer"), "/methods/0/params/window");
    ck_assert_int_eq(json_integer_value(json_object_get(problem, "status")), 422);
    json_decref(problem);
    XAI_ERROR_SET(&err, INTERNAL, "params.window", "x");
    problem = wire_problem_of_error(&err, NULL);
    ck_assert_ptr_null(json_object_get(problem, "pointer"));
    ck_assert_ptr_null(json_object_get(problem, "instance"));
    json_decref(problem);
}
END_TEST

START_TEST(words_that_are_not_utf8_do_not_lose_the_problem)
{
    xai_error err;
    XAI_ERROR_SET(&err, BAD_REQUEST, "", "unknown \"\xff\"");
    json_t *problem = wire_problem_of_error(&err, NULL);
    ck_assert_ptr_nonnull(problem);
    ck_assert_str_eq(text(problem, "detail"), text(problem, "title"));
    json_decref(problem);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("problem");
    TCase *tc = tcase_create("problem");
    tcase_add_test(tc, every_error_has_a_status_that_fits_its_class);
    tcase_add_test(tc, those_that_clients_act_on_are_fixed);
    tcase_add_test(tc, a_pointer_is_given_for_members_alone);
    tcase_add_test(tc, words_that_are_not_utf8_do_not_lose_the_problem);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
