/* Files that come with the program are found from any folder. This program lies in .../base, which says what to find. */
#include "base/place.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char buffer[8192];

START_TEST(what_lies_here_is_taken_as_it_is)
{
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_str_eq(xai_place_find("proc/self/stat", buffer, sizeof buffer), "proc/self/stat");
}
END_TEST

START_TEST(what_lies_beside_the_program_is_found_from_anywhere)
{
    ck_assert_int_eq(chdir("/"), 0);
    const char *found = xai_place_find("base/test_place", buffer, sizeof buffer);
    ck_assert_ptr_eq(found, buffer);
    ck_assert_int_eq(access(found, X_OK), 0);
}
END_TEST

START_TEST(what_is_nowhere_keeps_its_name)
{
    ck_assert_str_eq(xai_place_find("no/such/file", buffer, sizeof buffer), "no/such/file");
    ck_assert_str_eq(xai_place_find("/base/test_place", buffer, sizeof buffer), "/base/test_place");
}
END_TEST

START_TEST(a_name_that_does_not_fit_is_not_cut)
{
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_str_eq(xai_place_find("base/test_place", buffer, 8), "base/test_place");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("place");
    TCase *tc = tcase_create("place");
    tcase_add_test(tc, what_lies_here_is_taken_as_it_is);
    tcase_add_test(tc, what_lies_beside_the_program_is_found_from_anywhere);
    tcase_add_test(tc, what_is_nowhere_keeps_its_name);
    tcase_add_test(tc, a_name_that_does_not_fit_is_not_cut);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
