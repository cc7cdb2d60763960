/* Products of matrices in every layout against double; rows of a product do not know of each other. */
#include "base/rng.h"
#include "kernels/kernels.h"
#include "ops/matrix.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 24 };
#define GUARD_VALUE 777.25f

static float *random_floats(int64_t n, uint64_t seed)
{
    float *p = malloc(((size_t)n + GUARD) * sizeof *p);
    ck_assert_ptr_nonnull(p);
    xai_rng rng = xai_rng_init(seed, 0);
    for (int64_t i = 0; i < n; i++) p[i] = (float)xai_rng_normal(&rng);
    for (int64_t i = n; i < n + GUARD; i++) p[i] = GUARD_VALUE;
    return p;
}

static xai_matrix matrix(float *data, int64_t rows, int64_t cols, bool transposed)
{
    if (transposed) return (xai_matrix){data, rows, cols, 1, rows};
    return (xai_matrix){data, rows, cols, cols, 1};
}

static float element(xai_matrix m, int64_t r, int64_t c) { return m.data[r * m.row_step + c * m.col_step]; }

static void multiply(xai_pool *pool, float alpha, xai_matrix a, xai_matrix b, xai_matrix out)
{
    xai_par par = {pool};
    size_t stride = (xai_matrix_scratch(a.rows, b.cols, a.cols) + 63) / 64 * 64;
    unsigned char *scratch = aligned_alloc(64, stride * (size_t)xai_par_threads(&par));
    ck_assert_ptr_nonnull(scratch);
    xai_exec exec = {.par = &par, .scratch = scratch, .scratch_stride = stride};
    xai_matrix_product(&exec, alpha, a, b, out);
    free(scratch);
}

static void check_product(xai_pool *pool, int64_t m, int64_t n, int64_t k, int layout)
{
    float *pa = random_floats(m * k, 1), *pb = random_floats(k * n, 2), *po = random_floats(m * n, 3);
    float *before = random_floats(m * n, 3);
    xai_matrix a = matrix(pa, m, k, layout & 1), b = matrix(pb, k, n, layout & 2), out = matrix(po, m, n, layout & 4);
    xai_matrix old = matrix(before, m, n, layout & 4);
    float alpha = layout & 8 ? 0.75f : 1;
    multiply(pool, alpha, a, b, out);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0, size = 0;
            for (int64_t t = 0; t < k; t++) {
                double v = (double)alpha * (double)element(a, i, t) * (double)element(b, t, j);
                sum += v;
                size += fabs(v);
            }
            double expected = sum + (double)element(old, i, j), error = fabs((double)element(out, i, j) - expected);
            ck_assert_msg(error <= 1e-6 * (size + fabs(expected)) + 1e-7, "%d x %d x %d layout %d: %g is not %g",
                          (int)m, (int)n, (int)k, layout, (double)element(out, i, j), expected);
        }
    for (int i = 0; i < GUARD; i++) ck_assert(po[m * n + i] == GUARD_VALUE);
    free(pa), free(pb), free(po), free(before);
}

static void use_isa(int index)
{
    static const char *const ISA[] = {"scalar", "avx2", "avx512"};
    ck_assert(setenv("XAI_ISA", ISA[index], 1) == 0);
    if (xai_kernels_for(ISA[index])) return;
    fprintf(stderr, "test_matrix: no %s here: not tested\n", ISA[index]);
    exit(EXIT_SUCCESS);
}

START_TEST(product_agrees_with_double_in_every_layout)
{
    static const int64_t SIZES[][3] = {{1, 1, 1}, {1, 1000, 1280}, {3, 70, 37}, {35, 5, 9}, {2, 131, 8}, {4, 3, 200}};
    xai_pool *pool;
    use_isa(_i);
    ck_assert(xai_pool_new(2, &pool, NULL) == XAI_OK);
    for (size_t s = 0; s < sizeof SIZES / sizeof SIZES[0]; s++)
        for (int layout = 0; layout < 16; layout++)
            check_product(layout % 3 ? pool : NULL, SIZES[s][0], SIZES[s][1], SIZES[s][2], layout);
    xai_pool_free(pool);
}
END_TEST

START_TEST(row_has_the_same_bytes_alone_and_among_others)
{
    enum { M = 37, N = 150, K = 333 };
    use_isa(_i);
    xai_pool *pool;
    ck_assert(xai_pool_new(2, &pool, NULL) == XAI_OK);
    for (int layout = 0; layout < 4; layout += 2) {
        float *a = random_floats(M * K, 1), *b = random_floats(K * N, 2), *all = calloc(M * N, 4),
              *one = calloc(N, 4);
        ck_assert(all && one);
        multiply(pool, 1, matrix(a, M, K, false), matrix(b, K, N, layout & 2), matrix(all, M, N, false));
        for (int i = 0; i < M; i++) {
            memset(one, 0, N * sizeof *one);
            multiply(NULL, 1, matrix(a + i * K, 1, K, false), matrix(b, K, N, layout & 2), matrix(one, 1, N, false));
            ck_assert_mem_eq(one, all + i * N, N * sizeof *one);
        }
        free(a), free(b), free(all), free(one);
    }
    xai_pool_free(pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("matrix");
    TCase *cases = tcase_create("matrix");
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, product_agrees_with_double_in_every_layout, 0, 3);
    tcase_add_loop_test(cases, row_has_the_same_bytes_alone_and_among_others, 0, 3);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
