/* The leading eigenvector: of matrices whose eigenvectors are known, near ones apart, and of none. */
#include "explain/cam/component.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 96 };

/* diagonal in the basis of cosines: a matrix with the eigenvalues `values`, and column k of the basis for values[k]. */
static double basis(size_t k, size_t i)
{
    return sqrt((k ? 2.0 : 1.0) / N) * cos(M_PI * (double)k * ((double)i + 0.5) / N);
}

static void product(const void *user, const double *v, double *out)
{
    const double *values = user;
    memset(out, 0, N * sizeof *out);
    for (size_t k = 0; k < N; k++) {
        double share = 0;
        for (size_t i = 0; i < N; i++) share += basis(k, i) * v[i];
        for (size_t i = 0; i < N; i++) out[i] += values[k] * share * basis(k, i);
    }
}

static void check_leading(const double *values, size_t lead, double bound)
{
    double vector[N], again[N], value, error = 0, cosine = 0;
    ck_assert_int_eq(xai_leading_vector(N, product, values, vector, &value, NULL), XAI_OK);
    ck_assert_int_eq(xai_leading_vector(N, product, values, again, &value, NULL), XAI_OK);
    ck_assert_mem_eq(vector, again, sizeof vector);
    ck_assert_double_eq_tol(value, values[lead], 1e-9 * fabs(values[lead]));
    for (size_t i = 0; i < N; i++) cosine += vector[i] * basis(lead, i);
    for (size_t i = 0; i < N; i++) error = fmax(error, fabs(vector[i] - copysign(1, cosine) * basis(lead, i)));
    ck_assert_double_le(error, bound);
}

START_TEST(the_largest_is_found_though_another_is_larger_in_magnitude)
{
    double values[N];
    for (size_t k = 0; k < N; k++) values[k] = 1.0 / (double)(k + 1);
    values[5] = -9;
    values[40] = 2;
    check_leading(values, 40, 1e-9);
}
END_TEST

START_TEST(near_ones_are_told_apart)
{
    double values[N];
    for (size_t k = 0; k < N; k++) values[k] = 1 - 0.001 * (double)k;
    values[7] = 1.0005;
    check_leading(values, 7, 1e-6);
}
END_TEST

START_TEST(of_one_direction_one_step_is_enough)
{
    double values[N] = {0};
    values[3] = 4;
    check_leading(values, 3, 1e-12);
}
END_TEST

START_TEST(of_nothing_comes_nothing)
{
    double values[N] = {0}, vector[N], value = 1;
    memset(vector, 0xff, sizeof vector);
    ck_assert_int_eq(xai_leading_vector(N, product, values, vector, &value, NULL), XAI_OK);
    ck_assert_double_eq(value, 0);
    for (size_t i = 0; i < N; i++) ck_assert_double_eq(vector[i], 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("component");
    TCase *tc = tcase_create("leading");
    tcase_add_test(tc, the_largest_is_found_though_another_is_larger_in_magnitude);
    tcase_add_test(tc, near_ones_are_told_apart);
    tcase_add_test(tc, of_one_direction_one_step_is_enough);
    tcase_add_test(tc, of_nothing_comes_nothing);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
