/*
 * What the sampling methods draw their pictures from, against SciPy (tests/golden/methods/make_perturbation.py
 * --oracle scipy): DIRECT's points, one after the other, given the values that SciPy saw; Sobol's sequence in every
 * dimension.
 */
#include "explain/perturbation/direct.h"
#include "explain/perturbation/sobol_sequence.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "tests/golden/data/methods/perturbation/"

static xai_array golden(const char *name)
{
    char path[256];
    xai_array a;
    xai_error err = {0};
    snprintf(path, sizeof path, DATA "%s.npy", name);
    ck_assert_msg(xai_npy_read(path, &a, &err) == XAI_OK, "%s: %s", path, err.msg);
    return a;
}

/* ---------------------------------------------------------------- DIRECT */

static const char *const FUNCTIONS[] = {"bowl", "flat", "steps", "waves", "peak", "ties"};
enum { FUNCTION_COUNT = sizeof FUNCTIONS / sizeof FUNCTIONS[0], VARIANTS = 2 };

typedef struct walk {
    xai_array seen; /* x, y, value of every evaluation */
    size_t count;
    double epsilon;
    bool biased;
} walk;

static walk open_walk(int index)
{
    static const char *const SUFFIX[VARIANTS] = {"plain", "biased"};
    char name[64];
    snprintf(name, sizeof name, "direct/%s-%s", FUNCTIONS[index / VARIANTS], SUFFIX[index % VARIANTS]);
    walk w = {.seen = golden(name), .epsilon = index % VARIANTS ? 1e-4 : 0.1, .biased = index % VARIANTS == 1};
    ck_assert(w.seen.dtype == XAI_F64 && w.seen.rank == 2 && w.seen.shape[1] == 3);
    w.count = (size_t)w.seen.shape[0];
    return w;
}

/* How many of the search's points are SciPy's, from the first. */
static size_t follow(const walk *w, double epsilon, bool biased, size_t most, bool *ended)
{
    xai_arena *arena = xai_arena_new(0);
    const double *seen = w->seen.data;
    xai_direct search;
    size_t same = 0, from, n = 1;
    ck_assert_int_eq(xai_direct_init(&search, most, epsilon, biased, arena, NULL), XAI_OK);
    for (bool equal = true; equal && (n = xai_direct_ask(&search, &from)) > 0;)
        for (size_t i = from; equal && i < from + n; i++) {
            if (!(equal = i < w->count && memcmp(search.list[i].center, seen + 3 * i, 2 * sizeof *seen) == 0)) break;
            search.list[i].value = seen[3 * i + 2];
            same++;
        }
    *ended = n == 0;
    xai_arena_free(arena);
    return same;
}

START_TEST(direct_asks_for_scipys_points)
{
    walk w = open_walk(_i);
    bool ended;
    size_t same = follow(&w, w.epsilon, w.biased, w.count, &ended);
    ck_assert_msg(same == w.count && ended, "the first %zu of %zu points are the same", same, w.count);
    same = follow(&w, w.epsilon, w.biased, 50, &ended); /* a smaller budget is a part of it */
    ck_assert_uint_eq(same, 50);
    ck_assert(ended);
    xai_array_clear(&w.seen);
}
END_TEST

/* SciPy may look 500 times at the bowl, and looks less often. */
START_TEST(direct_ends_where_the_best_rectangle_is_too_small)
{
    walk w = open_walk(1);
    bool ended;
    ck_assert_uint_lt(w.count, 500);
    ck_assert_uint_eq(follow(&w, w.epsilon, w.biased, 5000, &ended), w.count);
    ck_assert(ended);
    xai_array_clear(&w.seen);
}
END_TEST

START_TEST(directs_parameters_matter)
{
    walk w = open_walk(3 * VARIANTS); /* waves, plain, 0.1 */
    bool ended;
    ck_assert_uint_lt(follow(&w, 1e-4, false, w.count, &ended), w.count);
    ck_assert_uint_lt(follow(&w, 0.1, true, w.count, &ended), w.count);
    xai_array_clear(&w.seen);
}
END_TEST

/* ---------------------------------------------------------------- Sobol */

/* Stored are the points 1, 2, 4, ... 8192: every direction number that has a part in the first 8192 is in one of
 * them. */
START_TEST(sobol_points_are_scipys_in_every_dimension)
{
    xai_array a = golden("sobol-sequence/points");
    ck_assert(a.dtype == XAI_F32 && a.rank == 2 && a.shape[1] == XAI_SOBOL_DIMENSIONS);
    size_t count = (size_t)1 << (a.shape[0] - 1), dimensions = XAI_SOBOL_DIMENSIONS;
    float *points = malloc(count * dimensions * sizeof *points);
    const float *want = a.data;
    xai_sobol_points(dimensions, count, points);
    for (int64_t k = 0; k < a.shape[0]; k++)
        for (size_t d = 0; d < dimensions; d++)
            ck_assert_float_eq(points[(((size_t)1 << k) - 1) * dimensions + d], want[(size_t)k * dimensions + d]);
    free(points);
    xai_array_clear(&a);
}
END_TEST

/* Every dimension has each of the first 2^k - 1 multiples of 2^-k once. */
START_TEST(sobol_points_are_even)
{
    enum { POINTS = 255 };
    static float points[POINTS * XAI_SOBOL_DIMENSIONS];
    xai_sobol_points(XAI_SOBOL_DIMENSIONS, POINTS, points);
    for (size_t d = 0; d < XAI_SOBOL_DIMENSIONS; d++) {
        bool seen[POINTS + 1] = {false};
        for (size_t i = 0; i < POINTS; i++) {
            float at = points[i * XAI_SOBOL_DIMENSIONS + d] * (POINTS + 1);
            ck_assert(at >= 1 && at <= POINTS && at == (float)(int)at && !seen[(int)at]);
            seen[(int)at] = true;
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("designs");
    TCase *tc = tcase_create("designs");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, direct_asks_for_scipys_points, 0, FUNCTION_COUNT * VARIANTS);
    tcase_add_test(tc, direct_ends_where_the_best_rectangle_is_too_small);
    tcase_add_test(tc, directs_parameters_matter);
    tcase_add_test(tc, sobol_points_are_scipys_in_every_dimension);
    tcase_add_test(tc, sobol_points_are_even);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
