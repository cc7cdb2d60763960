/*
 * For the tests of kernels: every table that can run here, the wide one in plain C included, and guarded buffers.
 * Included by one file a program.
 */
#ifndef XAI_TESTS_KERNELS_TABLES_H
#define XAI_TESTS_KERNELS_TABLES_H

#include "base/rng.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define XAI_VECTOR_WIDE "../../tests/engine/kernels/wide.h"
#define XAI_TABLE xai_kernels_wide
#define XAI_TABLE_ISA "wide"
#include "kernels/table_template.h"

enum { TABLES = 4, GUARD = 24 };
#define GUARD_VALUE (-4321.125f)

/* NULL: not on this machine. */
static const xai_kernels *table_at(int index)
{
    static const char *const ISA[] = {"scalar", "avx2", "avx512"};
    return index < 3 ? xai_kernels_for(ISA[index]) : &xai_kernels_wide;
}

/* n normal floats between two guards; the pointer is to the first of them and not aligned. */
static float *new_floats(size_t n, uint64_t seed)
{
    float *p = malloc((n + 2 * GUARD) * sizeof *p);
    ck_assert_ptr_nonnull(p);
    xai_rng rng = xai_rng_init(seed, 0);
    for (size_t i = 0; i < n + 2 * GUARD; i++)
        p[i] = i < GUARD || i >= n + GUARD ? GUARD_VALUE : (float)xai_rng_normal(&rng);
    return p + GUARD;
}

static void free_floats(float *p) { free(p - GUARD); }

static void check_guards(const float *p, size_t n)
{
    for (size_t i = 0; i < GUARD; i++) {
        ck_assert_msg(p[n + i] == GUARD_VALUE, "written %zu floats beyond the end", i);
        ck_assert_msg(*(p - 1 - i) == GUARD_VALUE, "written %zu floats before the beginning", i + 1);
    }
}

/* |got - expected| within what `terms` roundings of a sum whose absolute values sum to `size` allow. */
static inline void check_near(float got, double expected, double size, size_t terms)
{
    double bound = ((double)terms + 2) * 6e-8 * size + 1e-30;
    ck_assert_msg(fabs((double)got - expected) <= bound, "%.9g is not %.9g", (double)got, expected);
}

static int run_suite(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create(name);
    tcase_set_timeout(cases, 120);
    for (size_t i = 0; i < count; i++) tcase_add_loop_test(cases, tests[i], 0, TABLES);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
