/* Auto: what is chosen is what measures best by the metric itself; the receipt repeats it; the budget is kept to. */
#include "xai.h"

#include "explain/call_text.h"
#include "study/study.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static xai_pool *pool;
static xai_model *model;
static xai_array sample;
static xai_error err;

static void set_up(void)
{
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true};
    ck_assert_int_eq(xai_pool_new(1, &pool, NULL), XAI_OK);
    ck_assert_int_eq(xai_model_load("tests/golden/data/tiny-resnet/model.onnx", &config, &model, NULL), XAI_OK);
    ck_assert_int_eq(xai_npy_read("tests/golden/data/tiny-resnet/input.npy", &sample, NULL), XAI_OK);
    sample.shape[0] = 1;
}

static void tear_down(void)
{
    xai_array_clear(&sample);
    xai_model_unref(model);
    xai_pool_free(pool);
}

static xai_named_value text(const char *name, const char *value)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_TEXT, .text = value};
}

static xai_status ask(const char *id, const xai_named_value *params, size_t count, xai_result **out)
{
    xai_method_call call = {id, params, count};
    xai_request request = {.model = model, .tensor = &sample, .calls = &call, .call_count = 1};
    err = (xai_error){0};
    return xai_answer(&request, pool, NULL, out, &err);
}

static const xai_artifact *find(const xai_explanation *e, const char *name)
{
    for (size_t i = 0; i < e->artifact_count; i++)
        if (strcmp(e->artifacts[i].name, name) == 0) return &e->artifacts[i];
    return NULL;
}

/* The grade of a method by itself. */
static double grade_of(const char *method, const char *metric)
{
    xai_method_call call = {method, NULL, 0};
    xai_metric_call how = {metric, NULL, 0};
    xai_request request = {.model = model, .tensor = &sample, .calls = &call, .call_count = 1, .metrics = &how,
                           .metric_count = 1};
    xai_result *r;
    ck_assert_int_eq(xai_explain(&request, pool, NULL, &r, NULL), XAI_OK);
    ck_assert_int_eq(xai_grade_result(&request, pool, NULL, r, NULL), XAI_OK);
    double value = r->explanations[0].grades[0].value;
    xai_result_free(r);
    return value;
}

static const char *const CANDIDATES[] = {"gradcam", "occlusion", "saliency", "inputxgradient"};

/* Higher is better of sparseness, lower of complexity. */
static const char *best_by(const char *metric, bool higher)
{
    const char *best = NULL;
    double most = 0;
    for (size_t i = 0; i < 4; i++) {
        double value = grade_of(CANDIDATES[i], metric) * (higher ? 1 : -1);
        if (!best || value > most) most = value, best = CANDIDATES[i];
    }
    return best;
}

START_TEST(the_choice_is_what_measures_best)
{
    static const struct {
        const char *metric;
        bool higher;
    } METRICS[] = {{"sparseness", true}, {"complexity", false}};
    for (size_t i = 0; i < 2; i++) {
        const xai_named_value params[] = {text("candidates", "gradcam;occlusion;saliency;inputxgradient"),
                                          text("metrics", METRICS[i].metric), text("budget_ms", "60000")};
        xai_result *r;
        ck_assert_msg(ask("auto", params, 3, &r) == XAI_OK, "%s", err.msg);
        const xai_explanation *e = &r->explanations[0];
        ck_assert_str_eq(e->method->id, "auto");
        ck_assert_str_eq(xai_record_text(e->params, "choose"), best_by(METRICS[i].metric, METRICS[i].higher));
        const xai_doc *rows = xai_doc_get(find(e, "candidates")->doc, "rows");
        ck_assert_uint_eq(rows->count, 4);
        ck_assert_uint_eq(e->warning_count, 0);
        ck_assert(find(e, "reason") && find(e, "map"));
        xai_result_free(r);
    }
}
END_TEST

START_TEST(the_receipt_repeats_the_choice_without_measuring)
{
    const xai_named_value open[] = {text("candidates", "saliency;occlusion?window=8&stride=4"), text("metrics", "complexity"),
                                    text("budget_ms", "60000")};
    xai_result *r, *again, *direct;
    ck_assert_int_eq(ask("auto", open, 3, &r), XAI_OK);
    const char *choice = xai_record_text(r->explanations[0].params, "choose");
    const xai_named_value settled[] = {open[0], open[1], open[2], text("choose", choice)};
    ck_assert_int_eq(ask("auto", settled, 4, &again), XAI_OK);
    const xai_named_value window[] = {text("window", "8"), text("stride", "4")};
    bool occlusion = strncmp(choice, "occlusion", 9) == 0;
    ck_assert_int_eq(ask(occlusion ? "occlusion" : "saliency", window, occlusion ? 2 : 0, &direct), XAI_OK);
    const xai_artifact *a = find(&r->explanations[0], "map"), *b = find(&again->explanations[0], "map");
    const xai_artifact *c = find(&direct->explanations[0], "map");
    size_t bytes = (size_t)(a->shape[0] * a->shape[1]) * sizeof(float);
    ck_assert_int_eq(memcmp(a->values, b->values, bytes), 0);
    ck_assert_int_eq(memcmp(a->values, c->values, bytes), 0);
    ck_assert(!find(&again->explanations[0], "candidates") && again->forwards < r->forwards);
    ck_assert_str_eq(xai_record_text(again->explanations[0].params, "choose"), choice);
    xai_result_free(r);
    xai_result_free(again);
    xai_result_free(direct);
}
END_TEST

/* A metric that runs the method again runs the one that was chosen. */
START_TEST(grades_are_of_the_choice)
{
    const xai_named_value params[] = {text("candidates", "saliency;gradcam;inputxgradient"), text("metrics", "sparseness"),
                                      text("budget_ms", "60000")};
    const xai_metric_call metric = {"randomlogit", NULL, 0};
    double values[2];
    const char *chosen = NULL;
    for (int i = 0; i < 2; i++) {
        xai_call_text direct;
        xai_arena *arena = xai_arena_new(0);
        xai_method_call call = {"auto", params, 3};
        if (i) ck_assert_int_eq(xai_call_read(chosen, arena, &direct, NULL), XAI_OK);
        if (i) call = direct.call;
        xai_request request = {.model = model, .tensor = &sample, .calls = &call, .call_count = 1, .metrics = &metric,
                               .metric_count = 1};
        xai_result *r;
        ck_assert_msg(xai_answer(&request, pool, NULL, &r, &err) == XAI_OK, "%s", err.msg);
        values[i] = r->explanations[0].grades[0].value;
        if (!i) chosen = strdup(xai_record_text(r->explanations[0].params, "choose"));
        xai_result_free(r);
        xai_arena_free(arena);
    }
    ck_assert_str_ne(chosen, "saliency"); /* the first, which an open call would be run as */
    ck_assert_double_eq(values[0], values[1]);
    free((void *)(uintptr_t)chosen);
}
END_TEST

START_TEST(a_budget_of_nothing_measures_the_first)
{
    const xai_named_value params[] = {text("candidates", "saliency;kernelshap;rise"), text("metrics", "sparseness"),
                                      text("budget_ms", "1")};
    xai_result *r;
    ck_assert_int_eq(ask("auto", params, 3, &r), XAI_OK);
    ck_assert_str_eq(xai_record_text(r->explanations[0].params, "choose"), "saliency");
    const xai_doc *row = xai_doc_get(find(&r->explanations[0], "candidates")->doc, "rows")->first->next;
    ck_assert_str_eq(row->last->text, "would not fit the budget");
    xai_result_free(r);
}
END_TEST

START_TEST(a_candidate_that_cannot_run_says_why_and_another_is_chosen)
{
    const xai_named_value params[] = {text("candidates", "saliency?noise=no;gradcam?layer=nowhere;saliency"),
                                      text("metrics", "sparseness"), text("budget_ms", "60000")};
    xai_result *r;
    xai_status status = ask("auto", params, 3, &r);
    ck_assert_int_eq(status, XAI_E_BAD_PARAM); /* the first is what it stands for when nothing is measured */
    const xai_named_value late[] = {text("candidates", "saliency;gradcam?layer=nowhere"), params[1], params[2]};
    ck_assert_int_eq(ask("auto", late, 3, &r), XAI_OK);
    const xai_doc *row = xai_doc_get(find(&r->explanations[0], "candidates")->doc, "rows")->first->next;
    ck_assert_ptr_nonnull(strstr(row->last->text, "nowhere"));
    xai_result_free(r);
}
END_TEST

START_TEST(what_cannot_be_chosen_is_refused)
{
    static const struct {
        const char *name, *value;
    } BAD[] = {{"candidates", "auto"}, {"candidates", "dance"}, {"candidates", "a?b"}, {"choose", "auto"}, {"choose", "dance"},
               {"metrics", "dance"},   {"metrics", "insertion?stepp=1"}, {"metrics", "infidelity?samples=no"}, {"budget_ms", "0"}};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        const xai_named_value params[] = {text(BAD[i].name, BAD[i].value)};
        xai_result *r;
        xai_status status = ask("auto", params, 1, &r);
        ck_assert_msg(xai_status_class(status) == XAI_CLASS_INPUT && strncmp(err.where, "params.", 7) == 0, "%s=%s: %s",
                      BAD[i].name, BAD[i].value, err.where);
    }
}
END_TEST

/* Measuring has a least cost, the first candidate's, which counts however small the budget; a choice has none. */
START_TEST(the_cost_is_of_what_is_measured_at_least)
{
    const xai_named_value params[] = {text("candidates", "saliency"), text("metrics", "insertion?step=1&random=10"),
                                text("budget_ms", "1"), text("choose", "saliency")};
    xai_method_call open = {"auto", params, 3}, settled = {"auto", params, 4}, saliency = {"saliency", NULL, 0};
    const xai_named_value how[] = {text("step", "1"), text("random", "10")};
    xai_metric_call insertion = {"insertion", how, 2};
    xai_request request = {.model = model, .tensor = &sample, .calls = &saliency, .call_count = 1, .metrics = &insertion,
                           .metric_count = 1};
    double measured = xai_request_cost(&request) + xai_grade_cost(&request);
    ck_assert_double_gt(measured, 1000);
    request.metric_count = 0;
    double own = xai_answer_cost(&request);
    request.calls = &open;
    ck_assert_double_eq_tol(xai_answer_cost(&request), measured + own + 0.1, 1e-9);
    request.calls = &settled;
    ck_assert_double_eq(xai_answer_cost(&request), own);
}
END_TEST

START_TEST(a_finer_layer_is_found_by_its_map)
{
    const xai_named_value params[] = {text("candidates", "gradcam?layer=finer"), text("metrics", "sparseness")};
    xai_result *usual, *finer;
    ck_assert_int_eq(ask("gradcam", NULL, 0, &usual), XAI_OK);
    ck_assert_msg(ask("auto", params, 2, &finer) == XAI_OK, "%s", err.msg);
    ck_assert(find(&finer->explanations[0], "map")->shape[0] > find(&usual->explanations[0], "map")->shape[0]);
    ck_assert_ptr_null(strstr(xai_record_text(finer->explanations[0].params, "choose"), "finer"));
    xai_result_free(usual);
    xai_result_free(finer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auto");
    TCase *tests = tcase_create("auto");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_choice_is_what_measures_best);
    tcase_add_test(tests, the_receipt_repeats_the_choice_without_measuring);
    tcase_add_test(tests, grades_are_of_the_choice);
    tcase_add_test(tests, a_budget_of_nothing_measures_the_first);
    tcase_add_test(tests, a_candidate_that_cannot_run_says_why_and_another_is_chosen);
    tcase_add_test(tests, what_cannot_be_chosen_is_refused);
    tcase_add_test(tests, the_cost_is_of_what_is_measured_at_least);
    tcase_add_test(tests, a_finer_layer_is_found_by_its_map);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
