/* Semidefinite systems: residuals where there is one answer, and the shortest answer where there are many. */
#include "base/rng.h"
#include "math/solve.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { N = 12 };

static xai_arena *arena;
static void start(void) { ck_assert_ptr_nonnull(arena = xai_arena_new(0)); }
static void stop(void) { xai_arena_free(arena); }

/* J'J of a random J with `rows` rows: its rank is the smaller of rows and N. */
static void make_gram(int rows, double *j, double *gram)
{
    xai_rng rng = xai_rng_init(3, (uint64_t)rows);
    for (int i = 0; i < rows * N; i++) j[i] = xai_rng_normal(&rng);
    for (int a = 0; a < N; a++)
        for (int b = 0; b < N; b++) {
            gram[a * N + b] = 0;
            for (int i = 0; i < rows; i++) gram[a * N + b] += j[i * N + a] * j[i * N + b];
        }
}

static void multiply(const double *a, const double *x, double *out)
{
    for (int i = 0; i < N; i++) {
        out[i] = 0;
        for (int k = 0; k < N; k++) out[i] += a[i * N + k] * x[k];
    }
}

START_TEST(full_rank_is_solved)
{
    double j[20 * N], gram[N * N], copy[N * N], x[N], b[N], back[N];
    size_t rank;
    make_gram(20, j, gram);
    for (int i = 0; i < N * N; i++) copy[i] = gram[i];
    for (int i = 0; i < N; i++) x[i] = b[i] = i - 3.5;
    ck_assert_int_eq(xai_solve_semidefinite(copy, x, N, &rank, arena, NULL), XAI_OK);
    multiply(gram, x, back);
    for (int i = 0; i < N; i++) ck_assert_double_eq_tol(back[i], b[i], 1e-9);
    ck_assert_uint_eq(rank, N);
}
END_TEST

/* b = A z is met, and x lies in the rows of J: then no shorter one meets it. */
START_TEST(of_many_answers_the_shortest_is_given)
{
    double j[5 * N], gram[N * N], copy[N * N], z[N], x[N], b[N], back[N];
    size_t rank;
    make_gram(5, j, gram);
    for (int i = 0; i < N; i++) z[i] = sin(i);
    multiply(gram, z, b);
    for (int i = 0; i < N * N; i++) copy[i] = gram[i];
    for (int i = 0; i < N; i++) x[i] = b[i];
    ck_assert_int_eq(xai_solve_semidefinite(copy, x, N, &rank, arena, NULL), XAI_OK);
    ck_assert_uint_eq(rank, 5);
    multiply(gram, x, back);
    for (int i = 0; i < N; i++) ck_assert_double_eq_tol(back[i], b[i], 1e-9);
    double along = 0, length = 0; /* x is at right angles to z - x, which A does not see */
    for (int i = 0; i < N; i++) {
        along += x[i] * (z[i] - x[i]);
        length += (z[i] - x[i]) * (z[i] - x[i]);
    }
    ck_assert_double_eq_tol(along, 0, 1e-9);
    ck_assert_double_gt(length, 0.1);
}
END_TEST

START_TEST(nothing_at_all_gives_zeros)
{
    double gram[N * N] = {0}, x[N] = {1, 2, 3};
    size_t rank = 1;
    ck_assert_int_eq(xai_solve_semidefinite(gram, x, N, &rank, arena, NULL), XAI_OK);
    ck_assert_uint_eq(rank, 0);
    for (int i = 0; i < N; i++) ck_assert_double_eq(x[i], 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solve");
    TCase *tc = tcase_create("solve");
    tcase_add_checked_fixture(tc, start, stop);
    tcase_add_test(tc, full_rank_is_solved);
    tcase_add_test(tc, of_many_answers_the_shortest_is_given);
    tcase_add_test(tc, nothing_at_all_gives_zeros);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
