/* Wilson's interval against scipy's binomtest(hits, count).proportion_ci(0.95, method="wilson"). */
#include <check.h>
#include <stdlib.h>

#include "math/proportion.h"

START_TEST(equals_scipy)
{
    static const struct {
        int64_t hits, count;
        double low, high;
    } CASES[] = {
        {0, 1, 0, 0.79345068562276255},
        {1, 1, 0.20654931437723745, 1},
        {0, 10, 0, 0.27753279986288926},
        {10, 10, 0.72246720013711085, 1},
        {5, 10, 0.236593090512564, 0.76340690948743606},
        {7, 12, 0.31951131254954973, 0.80673968634124349},
        {1, 3, 0.061491944720396263, 0.79234039919795229},
        {431, 600, 0.68104038247374221, 0.7528483414169419},
        {2, 1000, 0.00054864358812072717, 0.0072628078634921758}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        double low, high;
        xai_wilson(CASES[i].hits, CASES[i].count, &low, &high);
        ck_assert_double_eq_tol(low, CASES[i].low, 1e-12);
        ck_assert_double_eq_tol(high, CASES[i].high, 1e-12);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proportion");
    TCase *all = tcase_create("all");
    tcase_add_test(all, equals_scipy);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
