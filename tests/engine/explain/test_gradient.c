/*
 * Gradient methods where goldens do not reach: rules of integration on polynomials, what a complete method promises,
 * what it cost against what it said, the same bytes on one thread and on two, noise that is replayed as it was drawn.
 */
#include "../graph/nets.h"
#include "explain/gradient/path.h"
#include "explain/method.h"

#include <stdlib.h>
#include <unistd.h>

static xai_pool *one, *two;
static xai_model *model;
static xai_array sample;

static void start(void)
{
    ck_assert_int_eq(xai_pool_new(1, &one, NULL), XAI_OK);
    ck_assert_int_eq(xai_pool_new(2, &two, NULL), XAI_OK);
    model = load_net("tiny-resnet");
    ck_assert_int_eq(xai_npy_read("tests/golden/data/tiny-resnet/input.npy", &sample, NULL), XAI_OK);
    sample.shape[0] = 1;
}

static void stop(void)
{
    xai_array_clear(&sample);
    xai_model_unref(model);
    xai_pool_free(one);
    xai_pool_free(two);
}

/* ---------------------------------------------------------------- rules */

static double integral(xai_path_rule rule, size_t n, int degree)
{
    double alphas[64], weights[64], sum = 0;
    xai_path_points(rule, n, alphas, weights);
    for (size_t i = 0; i < n; i++) {
        sum += weights[i] * pow(alphas[i], degree);
        ck_assert(alphas[i] >= 0 && alphas[i] <= 1);
        if (i) ck_assert_double_gt(alphas[i], alphas[i - 1]);
    }
    return sum;
}

START_TEST(gauss_legendre_is_exact_up_to_its_degree)
{
    for (size_t n = 1; n <= 64; n += n < 8 ? 1 : 7)
        for (int degree = 0; degree < 2 * (int)n; degree++)
            ck_assert_double_eq_tol(integral(XAI_PATH_GAUSS_LEGENDRE, n, degree), 1.0 / (degree + 1), 1e-13);
    ck_assert_double_gt(fabs(integral(XAI_PATH_GAUSS_LEGENDRE, 2, 4) - 0.2), 1e-4);
}
END_TEST

START_TEST(riemann_rules_are_those_of_the_library)
{
    ck_assert_double_eq_tol(integral(XAI_PATH_MIDDLE, 10, 1), 0.5, 1e-14);
    ck_assert_double_eq_tol(integral(XAI_PATH_LEFT, 10, 1), 0.45, 1e-14);
    ck_assert_double_eq_tol(integral(XAI_PATH_RIGHT, 10, 1), 0.55, 1e-14);
    ck_assert_double_eq_tol(integral(XAI_PATH_TRAPEZOID, 10, 0), 0.9, 1e-14); /* divided by n, not by n - 1 */
}
END_TEST

/* ---------------------------------------------------------------- requests */

static xai_result *explain(const char *id, const xai_named_value *params, size_t n, xai_pool *pool, const char *emit,
                           const char *use)
{
    xai_result *r = NULL;
    xai_error err = {0};
    xai_method_call call = {.id = id, .params = params, .param_count = n};
    xai_target target = {.class_index = 3, .contrast = -1};
    xai_request q = {.model = model, .tensor = &sample, .calls = &call, .call_count = 1, .targets = &target,
                     .target_count = 1, .seed = 7, .emit_draws = emit, .use_draws = use};
    ck_assert_msg(xai_explain(&q, pool, NULL, &r, &err) == XAI_OK, "%s: %s", id, err.msg);
    const xai_explanation *e = &r->explanations[0];
    double ran = e->forwards + 2 * e->backwards, said = xai_request_cost(&q);
    ck_assert_msg(fabs(ran - said) < 1e-6, "%s ran %g, said %g", id, ran, said);
    return r;
}

static xai_named_value number(const char *name, double v)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_NUMBER, .number = v};
}
static xai_named_value text(const char *name, const char *v)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_TEXT, .text = v};
}

static double sum_of(const xai_artifact *map)
{
    double sum = 0;
    for (int64_t i = 0; i < map->shape[0] * map->shape[1]; i++) sum += (double)map->values[i];
    return sum;
}

static double error_of(const xai_result *r)
{
    const xai_explanation *e = &r->explanations[0];
    ck_assert_uint_eq(e->metric_count, 1);
    ck_assert_str_eq(e->metrics[0].name, "completeness_error");
    return e->metrics[0].value;
}

/* The error is small with many steps, and it is what it says: the map's sum less the change of the score. */
START_TEST(paths_are_complete)
{
    static const struct {
        const char *id, *which;
        double steps;
    } CALLS[] = {{"integratedgradients", NULL, 400}, {"blurig", NULL, 400}, {"guidedig", NULL, 400},
                 {"layergradients", "conductance", 400}, {"layergradients", "layer_integratedgradients", 50}};
    double change = 0;
    for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++) {
        xai_named_value params[] = {text("which", CALLS[i].which), number("steps", CALLS[i].steps),
                                    number("max_sigma", 8)};
        bool which = CALLS[i].which, blur = strcmp(CALLS[i].id, "blurig") == 0;
        xai_result *r = explain(CALLS[i].id, params + !which, 1U + which + blur, two, NULL, NULL);
        const xai_explanation *e = &r->explanations[0];
        double gap = sum_of(&e->artifacts[0]) - error_of(r);
        if (i == 0) change = gap;
        if (!blur) ck_assert_double_eq_tol(gap, change, 1e-4); /* from the same baseline */
        if (strcmp(CALLS[i].id, "guidedig") != 0) /* its steps go astray; the error says so */
            ck_assert_msg(fabs(error_of(r)) < 0.05 * fabs(gap), "%s: %g of %g", CALLS[i].id, error_of(r), gap);
        xai_result_free(r);
    }
    ck_assert_double_gt(fabs(change), 0.5);
}
END_TEST

static const struct {
    const char *id;
    xai_named_value params[4];
    size_t n;
} RUNS[] = {
    {"saliency", {{.name = "noise", .type = XAI_VALUE_TEXT, .text = "vargrad"},
                  {.name = "noise_samples", .type = XAI_VALUE_NUMBER, .number = 37}}, 2},
    {"integratedgradients", {{.name = "noise", .type = XAI_VALUE_TEXT, .text = "squared"},
                             {.name = "noise_samples", .type = XAI_VALUE_NUMBER, .number = 5},
                             {.name = "steps", .type = XAI_VALUE_NUMBER, .number = 7}}, 3},
    {"guidedgradcam", {{.name = "noise", .type = XAI_VALUE_TEXT, .text = "smoothgrad"},
                       {.name = "noise_samples", .type = XAI_VALUE_NUMBER, .number = 19}}, 2},
    {"inputxgradient", {{0}}, 0},
    {"guidedbackprop", {{0}}, 0},
    {"gradientshap", {{.name = "samples", .type = XAI_VALUE_NUMBER, .number = 21},
                      {.name = "noise_sigma", .type = XAI_VALUE_NUMBER, .number = 0.1}}, 2},
    {"layergradients", {{.name = "which", .type = XAI_VALUE_TEXT, .text = "conductance"},
                        {.name = "steps", .type = XAI_VALUE_NUMBER, .number = 19}}, 2},
    {"blurig", {{.name = "steps", .type = XAI_VALUE_NUMBER, .number = 19}}, 1},
    {"guidedig", {{.name = "steps", .type = XAI_VALUE_NUMBER, .number = 9}}, 1},
    {"xrai", {{.name = "steps", .type = XAI_VALUE_NUMBER, .number = 9}}, 1},
    {"fullgrad", {{.name = "noise", .type = XAI_VALUE_TEXT, .text = "squared"},
                  {.name = "noise_samples", .type = XAI_VALUE_NUMBER, .number = 5}}, 2},
    {"layergradients", {{.name = "noise", .type = XAI_VALUE_TEXT, .text = "vargrad"},
                        {.name = "noise_samples", .type = XAI_VALUE_NUMBER, .number = 5},
                        {.name = "which", .type = XAI_VALUE_TEXT, .text = "gradientxactivation"}}, 3},
    {"layergradients", {{.name = "noise", .type = XAI_VALUE_TEXT, .text = "smoothgrad"},
                        {.name = "noise_samples", .type = XAI_VALUE_NUMBER, .number = 3},
                        {.name = "which", .type = XAI_VALUE_TEXT, .text = "layer_integratedgradients"},
                        {.name = "steps", .type = XAI_VALUE_NUMBER, .number = 6}}, 4},
    {"layergradients", {{.name = "noise", .type = XAI_VALUE_TEXT, .text = "squared"},
                        {.name = "noise_samples", .type = XAI_VALUE_NUMBER, .number = 3},
                        {.name = "which", .type = XAI_VALUE_TEXT, .text = "conductance"},
                        {.name = "steps", .type = XAI_VALUE_NUMBER, .number = 6}}, 4},
    {"blurig", {{.name = "noise", .type = XAI_VALUE_TEXT, .text = "vargrad"},
                {.name = "noise_samples", .type = XAI_VALUE_NUMBER, .number = 3},
                {.name = "steps", .type = XAI_VALUE_NUMBER, .number = 5}}, 3},
    {"guidedig", {{.name = "noise", .type = XAI_VALUE_TEXT, .text = "smoothgrad"},
                  {.name = "noise_samples", .type = XAI_VALUE_NUMBER, .number = 3},
                  {.name = "steps", .type = XAI_VALUE_NUMBER, .number = 5}}, 3},
    {"xrai", {{.name = "noise", .type = XAI_VALUE_TEXT, .text = "smoothgrad"},
              {.name = "noise_samples", .type = XAI_VALUE_NUMBER, .number = 3},
              {.name = "steps", .type = XAI_VALUE_NUMBER, .number = 5}}, 3},
};
enum { RUN_COUNT = sizeof RUNS / sizeof RUNS[0] };

static void check_same(const xai_result *a, const xai_result *b)
{
    const xai_artifact *x = &a->explanations[0].artifacts[0], *y = &b->explanations[0].artifacts[0];
    ck_assert_int_eq(memcmp(x->values, y->values, (size_t)(x->shape[0] * x->shape[1]) * sizeof(float)), 0);
    ck_assert_float_lt(x->min, x->max);
}

/* On one thread and on two, and again from the draws that were written. */
START_TEST(bytes_depend_on_nothing_but_the_draws)
{
    char folder[] = "/tmp/xai-draws-XXXXXX", file[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    xai_result *a = explain(RUNS[_i].id, RUNS[_i].params, RUNS[_i].n, one, NULL, NULL);
    xai_result *b = explain(RUNS[_i].id, RUNS[_i].params, RUNS[_i].n, two, folder, NULL);
    check_same(a, b);
    static const char *const DRAWS[] = {"noise", "alphas", "baselines", "segments"};
    static const char *const RANDOM[] = {"noise", "noise_sigma"};
    bool drawn = strcmp(RUNS[_i].id, "xrai") == 0;
    for (size_t i = 0; i < RUNS[_i].n; i++)
        for (int k = 0; k < 2; k++) drawn = drawn || strcmp(RUNS[_i].params[i].name, RANDOM[k]) == 0;
    if (drawn) {
        xai_result *c = explain(RUNS[_i].id, RUNS[_i].params, RUNS[_i].n, two, NULL, folder);
        check_same(a, c);
        xai_result_free(c);
    }
    int removed = 0;
    for (size_t i = 0; i < 4; i++) {
        snprintf(file, sizeof file, "%s/%s.npy", folder, DRAWS[i]);
        removed += unlink(file) == 0;
    }
    ck_assert(drawn == (removed > 0));
    ck_assert_int_eq(rmdir(folder), 0);
    xai_result_free(a);
    xai_result_free(b);
}
END_TEST

/* Noise of no strength is no noise, and a variance of nothing is 0 with a warning. */
START_TEST(noise_of_no_strength)
{
    xai_named_value params[] = {text("noise", "smoothgrad"), number("noise_samples", 3), number("noise_sigma", 0)};
    xai_result *plain = explain("saliency", NULL, 0, two, NULL, NULL);
    xai_result *same = explain("saliency", params, 3, two, NULL, NULL);
    const xai_artifact *x = &plain->explanations[0].artifacts[0], *y = &same->explanations[0].artifacts[0];
    for (int64_t i = 0; i < x->shape[0] * x->shape[1]; i++) ck_assert_float_eq_tol(x->values[i], y->values[i], 1e-6F);
    params[0] = text("noise", "vargrad");
    xai_result *none = explain("saliency", params, 3, two, NULL, NULL);
    ck_assert_float_lt(none->explanations[0].artifacts[0].max, 1e-6F);
    xai_result_free(plain);
    xai_result_free(same);
    xai_result_free(none);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explain/gradient");
    TCase *tc = tcase_create("gradient");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, start, stop);
    tcase_add_test(tc, gauss_legendre_is_exact_up_to_its_degree);
    tcase_add_test(tc, riemann_rules_are_those_of_the_library);
    tcase_add_test(tc, paths_are_complete);
    tcase_add_loop_test(tc, bytes_depend_on_nothing_but_the_draws, 0, RUN_COUNT);
    tcase_add_test(tc, noise_of_no_strength);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
