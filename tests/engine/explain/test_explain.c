/*
 * Requests through xai_explain on the tiny networks: predictions, targets in every space, receipts, sharing of passes,
 * determinism, cancel and deadline, refusals. The numbers themselves are compared with the public implementations in
 * tests/golden.
 */
#include "base/doc.h"
#include "base/token.h"
#include "support/late.h"
#include "xai.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xai_pool *pool, *lone;
static xai_model *model;
static xai_array sample;

static void set_up(void)
{
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true};
    ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK);
    ck_assert_int_eq(xai_pool_new(1, &lone, NULL), XAI_OK);
    ck_assert_int_eq(xai_model_load("tests/golden/data/tiny-resnet/model.onnx", &config, &model, NULL), XAI_OK);
    ck_assert_int_eq(xai_npy_read("tests/golden/data/tiny-resnet/input.npy", &sample, NULL), XAI_OK);
    sample.shape[0] = 1; /* its first picture */
}

static void tear_down(void)
{
    xai_array_clear(&sample);
    xai_model_unref(model);
    xai_pool_free(pool);
    xai_pool_free(lone);
}

static xai_result *explain_with(const xai_method_call *calls, size_t n, const xai_target *target, xai_pool *on)
{
    xai_result *r = NULL;
    xai_error err = {0};
    xai_request q = {.model = model, .tensor = &sample, .calls = calls, .call_count = n, .targets = target,
                     .target_count = target ? 1 : 0, .seed = 7};
    ck_assert_msg(xai_explain(&q, on, NULL, &r, &err) == XAI_OK, "%s", err.msg);
    return r;
}

static xai_named_value number(const char *name, double v)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_NUMBER, .number = v};
}

static const xai_artifact *map_of(const xai_result *r, size_t explanation)
{
    return &r->explanations[explanation].artifacts[0];
}

START_TEST(predictions_are_sorted_and_sum_to_one)
{
    xai_request q = {.model = model, .tensor = &sample, .top = 1000};
    xai_result *r = NULL;
    ck_assert_int_eq(xai_explain(&q, pool, NULL, &r, NULL), XAI_OK);
    ck_assert_int_eq((int64_t)r->prediction_count, xai_model_describe(model)->classes);
    double sum = 0;
    for (size_t i = 0; i < r->prediction_count; i++) {
        sum += (double)r->predictions[i].probability;
        if (i) ck_assert(r->predictions[i].logit <= r->predictions[i - 1].logit);
    }
    ck_assert_double_eq_tol(sum, 1, 1e-5);
    ck_assert_uint_eq(r->explanation_count, 0);
    xai_result_free(r);
}
END_TEST

static double target_value(xai_target t)
{
    xai_method_call call = {.id = "saliency"};
    xai_result *r = explain_with(&call, 1, &t, pool);
    double v = r->explanations[0].target_value;
    xai_result_free(r);
    return v;
}

START_TEST(contrast_is_a_difference_in_its_space)
{
    for (int space = XAI_SPACE_LOGIT; space <= XAI_SPACE_PROBABILITY; space++) {
        double a = target_value((xai_target){.class_index = 1, .contrast = -1, .space = (xai_space)space});
        double b = target_value((xai_target){.class_index = 3, .contrast = -1, .space = (xai_space)space});
        double d = target_value((xai_target){.class_index = 1, .contrast = 3, .space = (xai_space)space});
        ck_assert_double_eq_tol(d, a - b, 1e-6);
        ck_assert(a != b);
    }
}
END_TEST

/* The signed, unreduced gradient is not an artifact; saliency with the mean of three channels is, and moving every
 * channel of a pixel alike changes the target by three times that mean. The steps go uphill everywhere, where the slope is
 * far above the noise of float32. */
START_TEST(gradient_in_every_space_is_the_slope)
{
    xai_named_value params[] = {{.name = "absolute", .type = XAI_VALUE_BOOL, .boolean = false},
                                {.name = "channels", .type = XAI_VALUE_TEXT, .text = "mean"}};
    xai_method_call call = {.id = "saliency", .params = params, .param_count = 2};
    float *x = sample.data;
    size_t area = (size_t)(sample.shape[2] * sample.shape[3]);
    for (int k = 0; k < 4; k++) {
        xai_target t = {.class_index = 1, .contrast = k % 2 ? 3 : -1,
                        .space = k < 2 ? XAI_SPACE_LOGIT : XAI_SPACE_PROBABILITY};
        xai_result *r = explain_with(&call, 1, &t, pool);
        const float *map = map_of(r, 0)->values;
        double slope = 0, ends[2];
        const double step = 5e-5; /* below the distance to the nearest kink */
        for (size_t i = 0; i < area; i++) slope += 3 * fabs((double)map[i]);
        for (int side = 0; side < 2; side++) {
            double s = side ? step : -step;
            for (size_t i = 0; i < 3 * area; i++) x[i] += (float)(map[i % area] > 0 ? s : -s);
            ends[side] = target_value(t);
            for (size_t i = 0; i < 3 * area; i++) x[i] -= (float)(map[i % area] > 0 ? s : -s);
        }
        double measured = (ends[1] - ends[0]) / (2 * step);
        ck_assert_double_eq_tol(slope, measured, 0.02 * fabs(measured) + 1e-4);
        xai_result_free(r);
    }
}
END_TEST

START_TEST(methods_and_targets_share_one_forward)
{
    xai_method_call calls[] = {{.id = "gradcam"}, {.id = "saliency"}};
    xai_target targets[] = {{.class_index = 1, .contrast = -1}, {.class_index = 2, .contrast = -1}};
    xai_request q = {.model = model, .tensor = &sample, .calls = calls, .call_count = 2, .targets = targets,
                     .target_count = 2};
    xai_result *r = NULL;
    ck_assert_int_eq(xai_explain(&q, pool, NULL, &r, NULL), XAI_OK);
    ck_assert_uint_eq(r->explanation_count, 4);
    double forwards = 0, backwards = 0;
    for (size_t i = 0; i < 4; i++) {
        forwards += r->explanations[i].forwards;
        backwards += r->explanations[i].backwards;
    }
    ck_assert_double_eq(forwards, 4); /* the same base forward, four times */
    ck_assert_double_eq(backwards, 4);
    ck_assert_double_eq(r->forwards, 1); /* what was run: one, and one backward a target */
    ck_assert_double_eq(r->backwards, 2);
    ck_assert_str_eq(r->explanations[1].method->id, "gradcam");
    ck_assert_int_eq(r->explanations[1].target.class_index, 2);
    xai_result_free(r);
}
END_TEST

/* Byte for byte what each gives when it is asked for alone, whatever was shared. */
START_TEST(sharing_changes_no_result)
{
    xai_named_value masks = number("masks", 40), window = number("window", 8), stride = number("stride", 8);
    xai_named_value windows[] = {window, stride};
    xai_method_call calls[] = {{.id = "rise", .params = &masks, .param_count = 1}, {.id = "gradcam"},
                               {.id = "occlusion", .params = windows, .param_count = 2}, {.id = "saliency"}};
    xai_target targets[] = {{.class_index = 1, .contrast = -1}, {.class_index = 2, .contrast = -1},
                            {.class_index = 2, .contrast = 5}};
    xai_request q = {.model = model, .tensor = &sample, .calls = calls, .call_count = 4, .targets = targets,
                     .target_count = 3, .seed = 7};
    xai_result *all = NULL;
    double forwards = 1;
    ck_assert_int_eq(xai_explain(&q, pool, NULL, &all, NULL), XAI_OK);
    ck_assert_uint_eq(all->explanation_count, 12);
    for (size_t i = 0; i < 12; i++) {
        xai_result *one = explain_with(&calls[i / 3], 1, &targets[i % 3], lone);
        const xai_artifact *a = map_of(all, i), *b = map_of(one, 0);
        ck_assert_mem_eq(a->values, b->values, (size_t)(a->shape[0] * a->shape[1]) * sizeof(float));
        double more = one->explanations[0].forwards - all->explanations[i].forwards; /* alone, changed regions need a */
        ck_assert(fabs(more) < 1e-9 || (fabs(more - 1) < 1e-9 && i / 3 == 2));       /* base run of their own */
        ck_assert_double_eq(all->explanations[i].backwards, one->explanations[0].backwards);
        if (i % 3 == 0) forwards += all->explanations[i].forwards - 1;
        xai_result_free(one);
    }
    ck_assert_double_eq_tol(all->forwards, forwards, 1e-9);
    ck_assert_double_eq(all->backwards, 3);
    xai_result_free(all);
}
END_TEST

START_TEST(receipt_names_the_layer_and_the_defaults)
{
    xai_method_call call = {.id = "gradcam"};
    xai_result *r = explain_with(&call, 1, NULL, pool);
    const xai_doc *layer = xai_doc_get(r->explanations[0].params, "layer");
    ck_assert_ptr_nonnull(layer);
    ck_assert_str_eq(layer->text, xai_model_describe(model)->default_layer);
    ck_assert_int_eq(r->explanations[0].target.class_index, r->predictions[0].class_index);
    ck_assert_int_eq(r->explanations[0].target.space, XAI_SPACE_LOGIT);
    xai_result_free(r);
}
END_TEST

START_TEST(bytes_do_not_depend_on_threads)
{
    xai_named_value few[] = {number("masks", 37), number("grid", 4)}, small[] = {number("window", 8), number("stride", 5)};
    xai_method_call calls[] = {{"gradcam", NULL, 0}, {"saliency", NULL, 0}, {"rise", few, 2}, {"occlusion", small, 2}};
    xai_result *a = explain_with(calls, 4, NULL, pool), *b = explain_with(calls, 4, NULL, lone);
    for (size_t i = 0; i < 4; i++) {
        const xai_artifact *m = map_of(a, i), *n = map_of(b, i);
        size_t bytes = (size_t)(m->shape[0] * m->shape[1]) * sizeof(float);
        ck_assert_msg(memcmp(m->values, n->values, bytes) == 0, "%s differs", calls[i].id);
        ck_assert(m->min < m->max);
    }
    xai_result_free(a);
    xai_result_free(b);
}
END_TEST

START_TEST(seed_changes_rise_and_nothing_else_does)
{
    xai_named_value few[] = {number("masks", 20)};
    xai_method_call call = {"rise", few, 1};
    xai_request q = {.model = model, .tensor = &sample, .calls = &call, .call_count = 1, .seed = 8};
    xai_result *a = explain_with(&call, 1, NULL, pool), *b = NULL, *again = explain_with(&call, 1, NULL, pool);
    ck_assert_int_eq(xai_explain(&q, pool, NULL, &b, NULL), XAI_OK);
    size_t bytes = (size_t)(map_of(a, 0)->shape[0] * map_of(a, 0)->shape[1]) * sizeof(float);
    ck_assert_int_eq(memcmp(map_of(a, 0)->values, map_of(again, 0)->values, bytes), 0);
    ck_assert_int_ne(memcmp(map_of(a, 0)->values, map_of(b, 0)->values, bytes), 0);
    xai_result_free(a);
    xai_result_free(b);
    xai_result_free(again);
}
END_TEST

/* A mask that keeps everything everywhere: S = f(x) / p at every pixel. */
START_TEST(rise_of_constant_grids_is_the_score)
{
    xai_named_value params[] = {number("masks", 9), number("p", 0.99), number("grid", 1)};
    xai_method_call call = {"rise", params, 3};
    xai_target t = {.class_index = 1, .contrast = -1, .space = XAI_SPACE_PROBABILITY};
    xai_request q = {.model = model, .tensor = &sample, .calls = &call, .call_count = 1, .targets = &t,
                     .target_count = 1, .seed = 5};
    xai_result *r = NULL;
    ck_assert_int_eq(xai_explain(&q, pool, NULL, &r, NULL), XAI_OK);
    const xai_artifact *m = map_of(r, 0);
    ck_assert_double_eq_tol((double)m->max, r->explanations[0].target_value / 0.99, 1e-5);
    ck_assert_uint_ge(r->explanations[0].warning_count, 1); /* and it says that the map shows nothing */
    xai_result_free(r);
}
END_TEST

START_TEST(cancel_reaches_a_running_method)
{
    xai_method_call call = {.id = "rise"};
    xai_request q = {.model = model, .tensor = &sample, .calls = &call, .call_count = 1};
    xai_result *r = NULL;
    watch w = {.at = 100};
    xai_token *token = w.token = xai_token_new(0, cancel_at, &w);
    xai_token_report_all(token);
    ck_assert_int_eq(xai_explain(&q, pool, token, &r, NULL), XAI_E_CANCELLED);
    ck_assert_ptr_null(r);
    xai_token_free(token);
}
END_TEST

START_TEST(deadline_gives_a_partial_map)
{
    xai_named_value many[] = {number("masks", 50000)};
    xai_method_call call = {"rise", many, 1};
    xai_request q = {.model = model, .tensor = &sample, .calls = &call, .call_count = 1};
    xai_result *r = NULL;
    xai_error err = {0};
    late l;
    xai_token *token = late_token(&l, 100);
    ck_assert_msg(xai_explain(&q, pool, token, &r, &err) == XAI_OK, "%s", err.msg);
    ck_assert(r->partial && r->explanations[0].partial);
    ck_assert_double_lt(r->explanations[0].forwards, 50000);
    ck_assert_double_ge(r->explanations[0].forwards, 1);
    ck_assert_ptr_nonnull(strstr(r->explanations[0].warnings[0], "deadline"));
    xai_token_free(token);
    xai_result_free(r);
}
END_TEST

/* A request's other results do not go down with the one that the deadline caught. */
START_TEST(deadline_keeps_what_was_complete)
{
    xai_named_value many[] = {number("masks", 50000)};
    xai_method_call calls[] = {{.id = "saliency"}, {"rise", many, 1}, {.id = "occlusion"}};
    xai_request q = {.model = model, .tensor = &sample, .calls = calls, .call_count = 3};
    xai_result *r = NULL;
    xai_error err = {0};
    late l;
    xai_token *token = late_token(&l, 100);
    ck_assert_msg(xai_explain(&q, pool, token, &r, &err) == XAI_OK, "%s", err.msg);
    const xai_explanation *e = r->explanations;
    ck_assert_uint_eq(r->explanation_count, 3);
    ck_assert(r->partial && !e[0].partial && e[1].partial && !e[2].partial);
    ck_assert(!e[0].missed && !e[1].missed && e[2].missed);
    ck_assert(e[0].artifact_count && e[1].artifact_count && !e[2].artifact_count);
    ck_assert_ptr_nonnull(strstr(e[2].warnings[0], "deadline"));
    xai_token_free(token);
    xai_result_free(r);
}
END_TEST

START_TEST(what_cannot_be_served_is_refused_before_it_runs)
{
    xai_named_value bad_layer = {.name = "layer", .type = XAI_VALUE_TEXT, .text = "nowhere"};
    xai_named_value nan = number("p", NAN), stride[] = {number("window", 4), number("stride", 5)};
    static const char *const FLAT = "logits";
    xai_named_value flat = {.name = "layer", .type = XAI_VALUE_TEXT, .text = FLAT}, extra = number("colour", 1);
    const xai_target top = {.class_index = -1, .contrast = -1}, far = {.class_index = 100000, .contrast = -1},
                     same = {.class_index = 1, .contrast = 1};
    const struct {
        xai_method_call call;
        xai_target target;
        xai_status status;
        const char *where;
    } cases[] = {
        {{"astrology", NULL, 0}, top, XAI_E_UNKNOWN_METHOD, "method"},
        {{"gradcam", &bad_layer, 1}, top, XAI_E_UNKNOWN_LAYER, "nowhere"},
        {{"gradcam", &flat, 1}, top, XAI_E_UNKNOWN_LAYER, "logits"},
        {{"rise", &nan, 1}, top, XAI_E_BAD_PARAM, "params.p"},
        {{"rise", &extra, 1}, top, XAI_E_BAD_PARAM, "params.colour"},
        {{"occlusion", stride, 2}, top, XAI_E_BAD_PARAM, "params.stride"},
        {{"saliency", NULL, 0}, far, XAI_E_UNKNOWN_CLASS, "target.class"},
        {{"saliency", NULL, 0}, same, XAI_E_BAD_PARAM, "target.contrast"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        xai_error err = {0};
        xai_request q = {.model = model, .tensor = &sample, .calls = &cases[i].call, .call_count = 1,
                         .targets = &cases[i].target, .target_count = 1};
        ck_assert_int_eq(xai_request_check(&q, &err), cases[i].status);
        ck_assert_str_eq(err.where, cases[i].where);
        ck_assert_uint_gt(strlen(err.msg), 20);
    }
}
END_TEST

/* CAM and RAM need a linear head: of these nets one has it, one at its second output, and one not. */
START_TEST(a_linear_head_is_asked_for)
{
    static const struct {
        const char *net;
        xai_head head;
        bool cam, ram;
    } NETS_ASKED[] = {{"tiny-resnet", XAI_HEAD_SOFTMAX, true, false}, {"tiny-vgg", XAI_HEAD_SOFTMAX, false, false},
                      {"tiny-steer", XAI_HEAD_REGRESSION, true, true}};
    for (int i = 0; i < 3; i++) {
        char path[128];
        xai_model *m;
        xai_error err = {0};
        xai_model_config config = {.head = NETS_ASKED[i].head, .head_known = true};
        snprintf(path, sizeof path, "tests/golden/data/%s/model.onnx", NETS_ASKED[i].net);
        ck_assert_int_eq(xai_model_load(path, &config, &m, NULL), XAI_OK);
        ck_assert_int_eq(xai_method_served(xai_method_find("cam"), m, &err) == XAI_OK, NETS_ASKED[i].cam);
        if (!NETS_ASKED[i].cam) ck_assert_ptr_nonnull(strstr(err.msg, "global average pool"));
        ck_assert_int_eq(xai_method_served(xai_method_find("ram"), m, NULL) == XAI_OK, NETS_ASKED[i].ram);
        xai_model_unref(m);
    }
}
END_TEST

START_TEST(cost_is_known_before)
{
    xai_named_value few[] = {number("masks", 37)};
    xai_method_call call = {"rise", few, 1};
    xai_request q = {.model = model, .tensor = &sample, .calls = &call, .call_count = 1};
    ck_assert_double_eq(xai_request_cost(&q), 38);
    xai_result *r = explain_with(&call, 1, NULL, pool);
    ck_assert_double_eq(r->explanations[0].forwards, 38);
    xai_result_free(r);
}
END_TEST

START_TEST(tensor_of_the_wrong_shape_or_with_nan_is_refused)
{
    xai_request q = {.model = model, .tensor = &sample};
    xai_result *r = NULL;
    float *x = sample.data, kept = x[5];
    x[5] = NAN;
    ck_assert_int_eq(xai_explain(&q, pool, NULL, &r, NULL), XAI_E_BAD_TENSOR);
    x[5] = kept;
    sample.shape[3]--;
    ck_assert_int_eq(xai_explain(&q, pool, NULL, &r, NULL), XAI_E_BAD_TENSOR);
    sample.shape[3]++;
    ck_assert_ptr_null(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explain");
    TCase *tc = tcase_create("explain");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, predictions_are_sorted_and_sum_to_one);
    tcase_add_test(tc, contrast_is_a_difference_in_its_space);
    tcase_add_test(tc, gradient_in_every_space_is_the_slope);
    tcase_add_test(tc, methods_and_targets_share_one_forward);
    tcase_add_test(tc, sharing_changes_no_result);
    tcase_add_test(tc, receipt_names_the_layer_and_the_defaults);
    tcase_add_test(tc, bytes_do_not_depend_on_threads);
    tcase_add_test(tc, seed_changes_rise_and_nothing_else_does);
    tcase_add_test(tc, rise_of_constant_grids_is_the_score);
    tcase_add_test(tc, cancel_reaches_a_running_method);
    tcase_add_test(tc, deadline_gives_a_partial_map);
    tcase_add_test(tc, deadline_keeps_what_was_complete);
    tcase_add_test(tc, what_cannot_be_served_is_refused_before_it_runs);
    tcase_add_test(tc, a_linear_head_is_asked_for);
    tcase_add_test(tc, cost_is_known_before);
    tcase_add_test(tc, tensor_of_the_wrong_shape_or_with_nan_is_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
