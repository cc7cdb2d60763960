/*
 * Set functions that are planted, not a network's: exact Shapley values against every order, the fit's weights against
 * theorem 2 of Kernel SHAP, and what is run only once. And on a small net: bytes at 1 and 2 threads, the cost that was
 * stated, deadlines, what draws are refused.
 */
#include "base/doc.h"
#include "explain/perturbation/exact.h"
#include "explain/perturbation/surrogate.h"
#include "support/late.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NET "tests/golden/data/tiny-resnet/model.onnx"
#define INPUT "tests/golden/data/tiny-resnet/input.npy"

enum { N = 6, SETS = 1 << N };

/* ---------------------------------------------------------------- planted functions */

static double plant(unsigned set)
{
    xai_rng rng = xai_rng_init(11, set);
    return xai_rng_normal(&rng);
}

static void fill(double *values)
{
    for (unsigned set = 0; set < SETS; set++) values[set] = plant(set);
}

/* What each adds, over all orders of the features not yet in `set`. */
static void walk(unsigned set, double *sums, double *orders)
{
    if (set == SETS - 1) {
        ++*orders;
        return;
    }
    for (unsigned i = 0; i < N; i++) {
        if (set >> i & 1) continue;
        double before = *orders;
        walk(set | 1U << i, sums, orders);
        sums[i] += (*orders - before) * (plant(set | 1U << i) - plant(set));
    }
}

START_TEST(exact_values_are_the_mean_over_all_orders)
{
    double values[SETS], got[N], sums[N] = {0}, orders = 0;
    fill(values);
    xai_shapley_exact(values, N, got);
    walk(0, sums, &orders);
    ck_assert_double_eq(orders, 720);
    for (int i = 0; i < N; i++) ck_assert_double_eq_tol(got[i], sums[i] / orders, 1e-12);
}
END_TEST

/* All of a set or nothing: its members share alike, others get nothing. */
START_TEST(exact_values_of_a_unanimity_game)
{
    double values[SETS], got[N];
    const unsigned need = 1 << 1 | 1 << 2 | 1 << 5;
    for (unsigned set = 0; set < SETS; set++) values[set] = (set & need) == need;
    xai_shapley_exact(values, N, got);
    for (unsigned i = 0; i < N; i++) ck_assert_double_eq_tol(got[i], need >> i & 1 ? 1.0 / 3 : 0, 1e-12);
}
END_TEST

/* ---------------------------------------------------------------- coalitions and fits */

typedef struct bench {
    xai_arena *arena;
    xai_context context;
    xai_features features;
    xai_task task;
    xai_coalitions c;
} bench;

static void open_bench(bench *b, size_t features, size_t room)
{
    *b = (bench){.arena = xai_arena_new(0)};
    b->features.count = features;
    b->task = (xai_task){.context = &b->context, .arena = b->arena};
    ck_assert_int_eq(xai_coalitions_init(&b->c, &b->features, room, &b->task, NULL), XAI_OK);
}

/* All sets of N features, with the planted values. */
static void add_all(bench *b)
{
    for (uint64_t set = 0; set < SETS; set++) {
        xai_coalitions_add(&b->c, &set);
        b->c.values[b->c.which[set]] = (float)plant((unsigned)set);
    }
}

static double choose(int n, int k) { return k == 0 ? 1 : choose(n - 1, k - 1) * n / k; }

START_TEST(the_kernels_fit_is_the_shapley_value)
{
    bench b;
    double weights[SETS], values[SETS], exact[N];
    open_bench(&b, N, SETS);
    add_all(&b);
    for (unsigned set = 0; set < SETS; set++) {
        int size = __builtin_popcount(set);
        weights[set] = size % N == 0 ? 1e9 : (N - 1) / (choose(N, size) * size * (N - size));
        values[set] = (double)(float)plant(set);
    }
    xai_shapley_exact(values, N, exact);
    xai_surrogate s;
    ck_assert_int_eq(xai_surrogate_fit(&b.c, SETS, weights, 0, &b.task, &s, NULL), XAI_OK);
    for (int i = 0; i < N; i++) ck_assert_double_eq_tol(s.coefficients[i], exact[i], 1e-6);
    ck_assert_double_eq_tol(s.intercept, values[0], 1e-6);
    xai_arena_free(b.arena);
}
END_TEST

START_TEST(a_linear_function_is_found_again)
{
    bench b;
    double weights[40];
    open_bench(&b, 70, 40); /* two words a row, and fewer samples than features */
    double truth[70];
    for (int i = 0; i < 70; i++) truth[i] = i < 8 ? 0.5 * i - 1 : 0;
    for (size_t i = 0; i < 40; i++) {
        xai_rng rng = xai_rng_init(5, i);
        uint64_t row[2] = {xai_rng_u32(&rng) & 0xff, 1};
        double value = 2;
        for (int k = 0; k < 8; k++) value += (double)(row[0] >> k & 1) * truth[k];
        xai_coalitions_add(&b.c, row);
        b.c.values[b.c.which[i]] = (float)value;
        weights[i] = 1 + xai_rng_uniform(&rng);
    }
    xai_surrogate s;
    ck_assert_int_eq(xai_surrogate_fit(&b.c, 40, weights, 0, &b.task, &s, NULL), XAI_OK);
    ck_assert_uint_eq(s.rank, 8);
    for (int i = 0; i < 70; i++) ck_assert_double_eq_tol(s.coefficients[i], truth[i], 1e-6);
    ck_assert_double_eq_tol(s.intercept, 2, 1e-6);
    ck_assert_double_eq_tol(s.r2, 1, 1e-9);
    xai_arena_free(b.arena);
}
END_TEST

START_TEST(equal_rows_are_one)
{
    bench b;
    open_bench(&b, N, 3 * SETS);
    for (uint64_t i = 0; i < 3 * SETS; i++) xai_coalitions_add(&b.c, &(uint64_t){i % SETS});
    ck_assert_uint_eq(b.c.distinct, SETS);
    for (size_t i = 0; i < 3 * SETS; i++) {
        ck_assert_uint_eq(xai_coalition_row(&b.c, i)[0], i % SETS);
        ck_assert_uint_eq(b.c.which[i], b.c.which[i % SETS]);
    }
    ck_assert_uint_eq(b.c.which[SETS - 1], 0); /* the full set is the base forward */
    xai_arena_free(b.arena);
}
END_TEST

/* ---------------------------------------------------------------- on a net */

static const char *const IDS[] = {"ablation", "kernelshap", "lime", "shapley", "partitionshap"};
enum { METHODS = sizeof IDS / sizeof IDS[0] };

static xai_result *ask_by(const char *id, int threads, xai_named_value *params, size_t count, const char *draws,
                          xai_token *token, xai_status want)
{
    xai_model *model = NULL;
    xai_pool *pool = NULL;
    xai_array input;
    xai_result *result = NULL;
    xai_error err = {0};
    ck_assert_int_eq(xai_model_load(NET, &(xai_model_config){0}, &model, &err), XAI_OK);
    ck_assert_int_eq(xai_pool_new(threads, &pool, NULL), XAI_OK);
    ck_assert_int_eq(xai_npy_read(INPUT, &input, NULL), XAI_OK);
    input.shape[0] = 1;
    xai_method_call call = {id, params, count};
    xai_request request = {.model = model, .tensor = &input, .calls = &call, .call_count = 1, .use_draws = draws};
    xai_status got = xai_explain(&request, pool, token, &result, &err);
    ck_assert_msg(got == want, "%s: %s", id, err.msg);
    if (got == XAI_OK) {
        double cost = xai_request_cost(&request);
        const xai_explanation *e = &result->explanations[0];
        ck_assert_msg(e->forwards <= cost, "%s: %g forwards, not %g", id, e->forwards, cost);
    }
    xai_array_clear(&input);
    xai_pool_free(pool);
    xai_model_unref(model);
    return result;
}

static xai_result *ask(const char *id, int threads, xai_named_value *params, size_t count, const char *draws,
                       xai_status want)
{
    return ask_by(id, threads, params, count, draws, NULL, want);
}

START_TEST(bytes_are_the_same_at_any_number_of_threads)
{
    xai_named_value params[] = {{.name = "samples", .type = XAI_VALUE_NUMBER, .number = 60}};
    size_t count = strcmp(IDS[_i], "ablation") == 0 || strcmp(IDS[_i], "partitionshap") == 0 ? 0 : 1;
    xai_result *one = ask(IDS[_i], 1, params, count, NULL, XAI_OK), *two = ask(IDS[_i], 2, params, count, NULL, XAI_OK);
    const xai_artifact *a = &one->explanations[0].artifacts[0], *b = &two->explanations[0].artifacts[0];
    ck_assert_int_eq(a->shape[0] * a->shape[1], b->shape[0] * b->shape[1]);
    ck_assert_mem_eq(a->values, b->values, (size_t)(a->shape[0] * a->shape[1]) * sizeof *a->values);
    ck_assert(a->min < a->max);
    xai_result_free(one);
    xai_result_free(two);
}
END_TEST

/* With 4 or 9 features both run every set, and say the same. */
START_TEST(exact_ways_agree_and_add_up)
{
    xai_named_value params[] = {{.name = "grid", .type = XAI_VALUE_NUMBER, .number = 2 + _i}};
    xai_result *a = ask("kernelshap", 2, params, 1, NULL, XAI_OK), *b = ask("shapley", 2, params, 1, NULL, XAI_OK);
    const xai_artifact *x = &a->explanations[0].artifacts[0], *y = &b->explanations[0].artifacts[0];
    ck_assert_mem_eq(x->values, y->values, (size_t)(x->shape[0] * x->shape[1]) * sizeof *x->values);
    ck_assert_double_eq(a->explanations[0].forwards, (double)(1 << (2 + _i) * (2 + _i)));
    ck_assert_double_eq_tol(a->explanations[0].metrics[0].value, 0, 1e-6);
    xai_result_free(a);
    xai_result_free(b);
}
END_TEST

/* The numbers of a column of the table of features. */
static void column(const xai_explanation *e, size_t index, double *out)
{
    const xai_artifact *table = &e->artifacts[1];
    ck_assert_str_eq(table->name, "features");
    for (const xai_doc *row = xai_doc_get(table->doc, "rows")->first; row; row = row->next) {
        const xai_doc *cell = row->first;
        for (size_t i = 0; i < index; i++) cell = cell->next;
        *out++ = cell->real;
    }
}

/* Two ways to estimate the same, on draws of their own: within five standard errors for every feature. */
START_TEST(own_draws_come_to_the_same_values)
{
    xai_named_value many[] = {{.name = "grid", .type = XAI_VALUE_NUMBER, .number = 4},
                              {.name = "samples", .type = XAI_VALUE_NUMBER, .number = 20000}};
    xai_named_value some[] = {many[0], {.name = "samples", .type = XAI_VALUE_NUMBER, .number = 201}};
    xai_result *a = ask("kernelshap", 2, many, 2, NULL, XAI_OK), *b = ask("shapley", 2, some, 2, NULL, XAI_OK);
    double fitted[16], sampled[16], errors[16];
    column(&a->explanations[0], 4, fitted);
    column(&b->explanations[0], 4, sampled);
    column(&b->explanations[0], 5, errors);
    for (int i = 0; i < 16; i++) {
        ck_assert_double_gt(errors[i], 0);
        ck_assert_msg(fabs(fitted[i] - sampled[i]) < 5 * errors[i], "%d: %g and %g +- %g", i, fitted[i], sampled[i],
                      errors[i]);
    }
    xai_result_free(a);
    xai_result_free(b);
}
END_TEST

START_TEST(a_deadline_leaves_what_is_known)
{
    static const struct {
        const char *id, *samples;
        double count;
    } CALLS[] = {{"kernelshap", "samples", 90000}, {"lime", "samples", 90000}, {"shapley", "samples", 1000},
                 {"partitionshap", "max_evals", 90000}};
    xai_named_value params[] = {{.name = CALLS[_i].samples, .type = XAI_VALUE_NUMBER, .number = CALLS[_i].count}};
    late l;
    xai_token *token = late_token(&l, 500);
    xai_result *r = ask_by(CALLS[_i].id, 2, params, 1, NULL, token, XAI_OK);
    const xai_explanation *e = &r->explanations[0];
    ck_assert(r->partial && e->partial);
    ck_assert_ptr_nonnull(strstr(e->warnings[0], "deadline"));
    ck_assert(e->artifacts[0].min < e->artifacts[0].max);
    xai_result_free(r);
    xai_token_free(token);
}
END_TEST

static void write_draws(const char *folder, const char *name, int rows, int cols, const uint8_t *data)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.npy", folder, name);
    xai_array a = {.dtype = XAI_U8, .rank = 2, .shape = {rows, cols}, .data = (void *)(uintptr_t)data};
    ck_assert_int_eq(xai_npy_write(path, &a, NULL), XAI_OK);
}

START_TEST(draws_that_do_not_fit_are_refused)
{
    char folder[] = "/tmp/test_features_XXXXXX", path[128];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    xai_named_value grid[] = {{.name = "grid", .type = XAI_VALUE_NUMBER, .number = 4}};
    uint8_t twice[16] = {0}, wrong[15] = {0};
    write_draws(folder, "permutations", 1, 16, twice);
    ask("shapley", 1, grid, 1, folder, XAI_E_BAD_TENSOR);
    write_draws(folder, "coalitions", 1, 15, wrong);
    ask("kernelshap", 1, grid, 1, folder, XAI_E_BAD_TENSOR);
    ask("lime", 1, grid, 1, folder, XAI_E_BAD_TENSOR);
    write_draws(folder, "segments", 3, 5, wrong);
    ask("ablation", 1, grid, 1, folder, XAI_E_BAD_TENSOR);
    const char *const files[] = {"permutations", "coalitions", "segments"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s.npy", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("features");
    TCase *tc = tcase_create("features");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, exact_values_are_the_mean_over_all_orders);
    tcase_add_test(tc, exact_values_of_a_unanimity_game);
    tcase_add_test(tc, the_kernels_fit_is_the_shapley_value);
    tcase_add_test(tc, a_linear_function_is_found_again);
    tcase_add_test(tc, equal_rows_are_one);
    tcase_add_loop_test(tc, bytes_are_the_same_at_any_number_of_threads, 0, METHODS);
    tcase_add_loop_test(tc, exact_ways_agree_and_add_up, 0, 2);
    tcase_add_test(tc, own_draws_come_to_the_same_values);
    tcase_add_loop_test(tc, a_deadline_leaves_what_is_known, 0, 4);
    tcase_add_test(tc, draws_that_do_not_fit_are_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
