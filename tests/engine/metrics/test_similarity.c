/*
 * Rank correlation and structural similarity: scipy's and skimage's numbers on maps of a formula, and degenerate
 * maps.
 */
#include "metrics/similarity.h"

#include <check.h>
#include <math.h>

enum { ROWS = 9, COLS = 11, COUNT = ROWS * COLS };

static xai_arena *arena;
static double a[COUNT], b[COUNT];

static void set_up(void)
{
    arena = xai_arena_new(0);
    for (int i = 0; i < COUNT; i++) {
        a[i] = sin(i * .37);
        b[i] = cos(i * .2) + .3 * a[i];
    }
}

static void tear_down(void) { xai_arena_free(arena); }

static double ranks(const double *x, const double *y, size_t n, bool *constant)
{
    double out;
    ck_assert_int_eq(xai_similarity_ranks(x, y, n, arena, &out, constant, NULL), XAI_OK);
    return out;
}

static double structure(const double *x, const double *y, int rows, int cols)
{
    double out;
    ck_assert_int_eq(xai_similarity_structure(x, y, rows, cols, arena, &out, NULL), XAI_OK);
    return out;
}

/* scipy.stats.spearmanr 1.17: of the maps, and of floor(4 a), floor(3 b), which have many equal values. */
START_TEST(ranks_are_scipys)
{
    double c[COUNT], d[COUNT];
    ck_assert_double_eq_tol(ranks(a, b, COUNT, NULL), 0.299468150896722, 1e-12);
    for (int i = 0; i < COUNT; i++) {
        c[i] = floor(4 * a[i]);
        d[i] = floor(3 * b[i]);
    }
    ck_assert_double_eq_tol(ranks(c, d, COUNT, NULL), 0.28215397898205, 1e-12);
    ck_assert_double_eq_tol(ranks(d, c, COUNT, NULL), 0.28215397898205, 1e-12);
}
END_TEST

START_TEST(order_alone_counts)
{
    double cubes[COUNT], less[COUNT], flat[COUNT] = {0};
    bool constant;
    for (int i = 0; i < COUNT; i++) {
        cubes[i] = a[i] * a[i] * a[i];
        less[i] = -a[i];
    }
    ck_assert_double_eq_tol(ranks(a, cubes, COUNT, &constant), 1, 1e-12);
    ck_assert(!constant);
    ck_assert_double_eq_tol(ranks(a, less, COUNT, NULL), -1, 1e-12);
    ck_assert_double_eq(ranks(a, flat, COUNT, &constant), 0);
    ck_assert(constant);
    ck_assert_double_eq(ranks(flat, flat, COUNT, &constant), 0);
    ck_assert(constant);
}
END_TEST

/* skimage.metrics.structural_similarity 0.26 with the range of both maps together; flattened: Quantus 0.6. */
START_TEST(structure_is_skimages)
{
    ck_assert_double_eq_tol(structure(a, b, ROWS, COLS), 0.252486501268546, 1e-10);
    ck_assert_double_eq_tol(structure(a, b, 1, COUNT), 0.0877684234507242, 1e-10);
    ck_assert_double_eq_tol(structure(a, b, 3, 33), structure(a, b, 1, COUNT), 1e-15);
    ck_assert_double_eq_tol(structure(a, a, ROWS, COLS), 1, 1e-12);
}
END_TEST

START_TEST(degenerate_maps_have_a_structure)
{
    double flat[COUNT], tiny[COUNT], huge[COUNT];
    for (int i = 0; i < COUNT; i++) {
        flat[i] = 2;
        tiny[i] = a[i] * 1e-200;
        huge[i] = a[i] * 1e200;
    }
    ck_assert_double_eq(structure(flat, flat, ROWS, COLS), 1);
    ck_assert_double_lt(structure(flat, a, ROWS, COLS), 0.1);
    ck_assert_double_eq_tol(structure(tiny, tiny, ROWS, COLS), 1, 1e-12);
    ck_assert_double_eq_tol(structure(huge, huge, ROWS, COLS), 1, 1e-12);
    ck_assert_double_eq(structure(a, a, 2, 2), 1);
    ck_assert_double_eq(structure(a, b, 2, 2), 0);
}
END_TEST

/* A factor, and for magnitudes the sign, leave no trace. */
START_TEST(maps_are_scaled_first)
{
    float x[COUNT], y[COUNT];
    double out;
    for (int i = 0; i < COUNT; i++) {
        x[i] = (float)a[i];
        y[i] = -1000 * x[i];
    }
    xai_map_pair pair = {x, y, ROWS, COLS, true};
    for (int how = XAI_SIMILARITY_SPEARMAN; how <= XAI_SIMILARITY_SSIM_ROWS; how++) {
        ck_assert_int_eq(xai_similarity_maps((xai_similarity)how, &pair, arena, &out, NULL), XAI_OK);
        ck_assert_double_eq_tol(out, 1, 1e-5);
    }
    pair.absolute = false;
    ck_assert_int_eq(xai_similarity_maps(XAI_SIMILARITY_SPEARMAN, &pair, arena, &out, NULL), XAI_OK);
    ck_assert_double_eq_tol(out, -1, 1e-12);
    ck_assert_int_eq(xai_similarity_maps(XAI_SIMILARITY_SSIM, &pair, arena, &out, NULL), XAI_OK);
    ck_assert_double_lt(out, 0.9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("similarity");
    TCase *tc = tcase_create("similarity");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, ranks_are_scipys);
    tcase_add_test(tc, order_alone_counts);
    tcase_add_test(tc, structure_is_skimages);
    tcase_add_test(tc, degenerate_maps_have_a_structure);
    tcase_add_test(tc, maps_are_scaled_first);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
