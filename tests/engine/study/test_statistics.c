/* Bootstrap intervals against numbers that can be known, quantiles, and ranks. */
#include "study/statistics.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static xai_arena *arena;
static void set_up(void) { arena = xai_arena_new(0); }
static void tear_down(void) { xai_arena_free(arena); }

static xai_interval interval(const double *values, size_t n, xai_statistic statistic, uint64_t seed)
{
    xai_bootstrap b;
    xai_interval out;
    ck_assert_int_eq(xai_bootstrap_init(&b, n, 4000, seed, arena, NULL), XAI_OK);
    ck_assert_int_eq(xai_bootstrap_interval(&b, statistic, values, arena, &out, NULL), XAI_OK);
    return out;
}

START_TEST(equal_numbers_have_an_interval_without_width)
{
    const double v[] = {0.25, 0.25, 0.25};
    xai_interval i = interval(v, 3, XAI_STATISTIC_MEAN, 1);
    ck_assert_double_eq(i.value, 0.25);
    ck_assert_double_eq(i.low, 0.25);
    ck_assert_double_eq(i.high, 0.25);
    ck_assert_uint_eq(i.n, 3);
}
END_TEST

/* Of two numbers 0 and 1 a resample's mean is 0, 1/2, 1 with 1/4, 1/2, 1/4: the 2.5 % quantile is 0. */
START_TEST(of_two_numbers_the_interval_reaches_both)
{
    const double v[] = {0, 1};
    xai_interval i = interval(v, 2, XAI_STATISTIC_MEAN, 1);
    ck_assert_double_eq(i.value, 0.5);
    ck_assert_double_eq(i.low, 0);
    ck_assert_double_eq(i.high, 1);
}
END_TEST

/* A share of 30 in 100: resampled counts are binomial, whose 2.5 % and 97.5 % quantiles are 21 and 39. */
START_TEST(of_a_share_the_interval_is_the_binomial_one)
{
    double v[100];
    for (int i = 0; i < 100; i++) v[i] = i < 30;
    xai_interval i = interval(v, 100, XAI_STATISTIC_MEAN, 7);
    ck_assert_double_eq_tol(i.value, 0.30, 1e-12);
    ck_assert_double_eq_tol(i.low, 0.21, 0.011);
    ck_assert_double_eq_tol(i.high, 0.39, 0.011);
}
END_TEST

/* Resampling by hand: what the table of picks says, and nothing else. */
START_TEST(quantiles_are_those_of_the_resamples)
{
    const double v[] = {3, 1, 4, 1, 5};
    xai_bootstrap b;
    xai_interval out;
    double means[41];
    ck_assert_int_eq(xai_bootstrap_init(&b, 5, 41, 3, arena, NULL), XAI_OK);
    ck_assert_int_eq(xai_bootstrap_interval(&b, XAI_STATISTIC_MEAN, v, arena, &out, NULL), XAI_OK);
    for (size_t r = 0; r < 41; r++) {
        means[r] = 0;
        for (size_t i = 0; i < 5; i++) means[r] += v[b.picks[5 * r + i]] / 5;
        for (size_t k = r; k > 0 && means[k - 1] > means[k]; k--) {
            double swap = means[k];
            means[k] = means[k - 1];
            means[k - 1] = swap;
        }
    }
    ck_assert_double_eq_tol(out.low, means[1], 1e-12); /* 0.025 of 40 steps */
    ck_assert_double_eq_tol(out.high, means[39], 1e-12);
}
END_TEST

START_TEST(what_is_no_number_is_left_out)
{
    const double v[] = {(double)NAN, 2, INFINITY, 4}, none[] = {(double)NAN, (double)NAN};
    xai_interval i = interval(v, 4, XAI_STATISTIC_MEAN, 1), empty = interval(none, 2, XAI_STATISTIC_MEAN, 1);
    ck_assert_double_eq(i.value, 3);
    ck_assert_uint_eq(i.n, 2);
    ck_assert(i.low >= 2 && i.high <= 4 && isnan(empty.value) && isnan(empty.low) && isnan(empty.high));
    ck_assert_uint_eq(empty.n, 0);
}
END_TEST

START_TEST(medians_are_interpolated)
{
    const double even[] = {4, 1, 3, 2}, odd[] = {9, 1, 5};
    ck_assert_double_eq(interval(even, 4, XAI_STATISTIC_MEDIAN, 1).value, 2.5);
    ck_assert_double_eq(interval(odd, 3, XAI_STATISTIC_MEDIAN, 1).value, 5);
    ck_assert_double_eq(xai_quantile((const double[]){0, 10}, 2, 0.3), 3);
    ck_assert_double_eq(xai_quantile((const double[]){7}, 1, 0.975), 7);
}
END_TEST

START_TEST(the_seed_decides_and_nothing_else)
{
    double v[30];
    for (int i = 0; i < 30; i++) v[i] = (i * 37) % 30;
    xai_interval a = interval(v, 30, XAI_STATISTIC_MEAN, 5), same = interval(v, 30, XAI_STATISTIC_MEAN, 5);
    xai_interval other = interval(v, 30, XAI_STATISTIC_MEAN, 6);
    ck_assert(a.low == same.low && a.high == same.high);
    ck_assert(a.low != other.low || a.high != other.high);
}
END_TEST

START_TEST(ranks_share_ties_and_put_what_is_missing_last)
{
    const double v[] = {0.5, 0.9, (double)NAN, 0.5, 0.1};
    const double high[] = {2.5, 1, 5, 2.5, 4}, low[] = {2.5, 4, 5, 2.5, 1};
    double ranks[5];
    xai_rank(v, 5, true, ranks);
    for (int i = 0; i < 5; i++) ck_assert_double_eq(ranks[i], high[i]);
    xai_rank(v, 5, false, ranks);
    for (int i = 0; i < 5; i++) ck_assert_double_eq(ranks[i], low[i]);
}
END_TEST

START_TEST(more_draws_than_can_be_held_are_refused)
{
    xai_bootstrap b;
    ck_assert_int_eq(xai_bootstrap_init(&b, (size_t)1 << 40, (size_t)1 << 40, 0, arena, NULL), XAI_E_TOO_LARGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("statistics");
    TCase *tests = tcase_create("statistics");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, equal_numbers_have_an_interval_without_width);
    tcase_add_test(tests, of_two_numbers_the_interval_reaches_both);
    tcase_add_test(tests, of_a_share_the_interval_is_the_binomial_one);
    tcase_add_test(tests, quantiles_are_those_of_the_resamples);
    tcase_add_test(tests, what_is_no_number_is_left_out);
    tcase_add_test(tests, medians_are_interpolated);
    tcase_add_test(tests, the_seed_decides_and_nothing_else);
    tcase_add_test(tests, ranks_share_ties_and_put_what_is_missing_last);
    tcase_add_test(tests, more_draws_than_can_be_held_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
