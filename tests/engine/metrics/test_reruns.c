/*
 * Metrics that hide at random, or run the method again, where the answer is known: linear models, whose gradient says
 * all; maps that depend on nothing; a model of zeros. And on a real network the same bytes at one thread and two.
 */
#include "base/token.h"
#include "graph/model.h"
#include "metrics/metric.h"
#include "metrics/similarity.h"
#include "support/late.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, CLASSES = 3 };

static xai_pool *two, *one;
static float picture[PIXELS], weights[CLASSES * PIXELS];

static void set_up(void)
{
    ck_assert_int_eq(xai_pool_new(2, &two, NULL), XAI_OK);
    ck_assert_int_eq(xai_pool_new(1, &one, NULL), XAI_OK);
    for (int i = 0; i < PIXELS; i++) picture[i] = 1 + sinf((float)i * 0.7F);
    for (int i = 0; i < CLASSES * PIXELS; i++) weights[i] = cosf((float)i * 1.3F) + 0.2F * sinf((float)(i * i));
}

static void tear_down(void)
{
    ck_assert_uint_eq(xai_memory_now().leased, 0);
    xai_pool_free(two);
    xai_pool_free(one);
}

/* y = W max(x, 0) of one gray channel, and x > 0: linear here. "r" is a layer that no weight touches. */
static xai_model *linear(const float *w)
{
    onnx_builder b;
    xai_model *m = NULL;
    xai_error err = {0};
    xai_preprocess_step normal = {.op = XAI_STEP_NORMALIZE, .mean = {0, 0, 0}, .scale = {1, 1, 1}};
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true, .channels = XAI_CHANNELS_GRAY};
    config.steps[config.step_count++] = normal;
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "1x1x8x8");
    onnx_output(&b, "y");
    onnx_floats(&b, "w", "3x64", w);
    onnx_node(&b, "Relu", "x", "r");
    onnx_node(&b, "Flatten", "r", "flat");
    onnx_attr_int(onnx_node(&b, "Gemm", "flat w", "y"), "transB", 1);
    ck_assert_msg(xai_model_load(onnx_write(&b), &config, &m, &err) == XAI_OK, "%s", err.msg);
    onnx_end(&b);
    return m;
}

typedef struct asked {
    xai_model *model;
    const char *method, *layer; /* method NULL: `map` is given */
    const float *map;           /* PIXELS */
    const char *metric;
    xai_named_value params[6];
    size_t param_count;
    const xai_array *input; /* NULL: the picture */
    xai_pool *pool;
    uint64_t seed;
    const char *emit, *use; /* directories of draws */
} asked;

typedef struct answer {
    xai_status status;
    bool refused;
    char why[64];
    double value, percentile;
    size_t warnings;
    double y[16]; /* of the curve, if there is one */
} answer;

static void read_curve(const xai_explanation *e, answer *a)
{
    for (size_t i = 0; i < e->artifact_count; i++) {
        if (e->artifacts[i].kind != XAI_ARTIFACT_CURVE) continue;
        const xai_doc *y = xai_doc_get(xai_doc_get(e->artifacts[i].doc, "series")->first, "y");
        size_t k = 0;
        for (const xai_doc *v = y->first; v && k < 16; v = v->next) a->y[k++] = v->real;
    }
}

static answer ask(const asked *q, xai_token *token)
{
    xai_named_value layer = {.name = "layer", .type = XAI_VALUE_TEXT, .text = q->layer};
    xai_method_call call = {q->method, &layer, q->layer ? 1 : 0};
    xai_metric_call metric = {q->metric, q->params, q->param_count};
    xai_array own = {.dtype = XAI_F32, .rank = 4, .shape = {1, 1, SIDE, SIDE}, .data = picture};
    xai_array map = {.dtype = XAI_F32, .rank = 2, .shape = {SIDE, SIDE}, .data = (void *)(uintptr_t)q->map};
    xai_target target = {.class_index = 1, .contrast = -1};
    xai_request r = {.model = q->model, .tensor = q->input ? q->input : &own, .calls = &call,
                     .call_count = q->method != NULL, .targets = &target, .target_count = 1, .seed = q->seed,
                     .emit_draws = q->emit, .use_draws = q->use,
                     .metrics = &metric, .metric_count = 1, .maps = &map, .map_count = q->map != NULL};
    xai_result *result = NULL;
    xai_error err = {0};
    answer a = {.status = xai_explain(&r, q->pool ? q->pool : two, NULL, &result, &err)};
    ck_assert_msg(a.status == XAI_OK, "%s", err.msg);
    a.status = xai_grade_result(&r, q->pool ? q->pool : two, token, result, &err);
    ck_assert_msg(a.status == XAI_OK || a.status == XAI_E_CANCELLED, "%s: %s", q->metric, err.msg);
    if (a.status == XAI_OK) {
        const xai_explanation *e = &result->explanations[0];
        a.refused = e->grades[0].refusal != NULL;
        if (a.refused) snprintf(a.why, sizeof a.why, "%s", e->grades[0].refusal);
        a.value = e->grades[0].value;
        a.percentile = e->grades[0].percentile;
        a.warnings = e->warning_count;
        read_curve(e, &a);
    }
    xai_result_free(result);
    return a;
}

#define NUMBER(n, v) {.name = n, .type = XAI_VALUE_NUMBER, .number = v}
#define WORD(n, v) {.name = n, .type = XAI_VALUE_TEXT, .text = v}

/* ---------------------------------------------------------------- what is hidden at random */

START_TEST(a_linear_models_gradient_has_no_infidelity)
{
    xai_model *m = linear(weights);
    float shares[PIXELS], twice[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        shares[i] = picture[i] * weights[PIXELS + i];
        twice[i] = 2 * weights[PIXELS + i];
    }
    asked q = {.model = m, .method = "inputxgradient", .metric = "infidelity", .params = {WORD("normalize", "false")},
               .param_count = 1};
    ck_assert_double_lt(ask(&q, NULL).value, 1e-9);
    q.method = NULL;
    q.map = shares;
    answer a = ask(&q, NULL);
    ck_assert_double_lt(a.value, 1e-9);
    ck_assert_double_eq(a.percentile, 100);
    for (int k = 0; k < 2; k++) { /* slopes: noise that stays above 0, where the model is linear; and squares in turn */
        asked slopes = {.model = m, .map = weights + PIXELS, .metric = "infidelity", .param_count = 3,
                        .params = {WORD("perturbation", k ? "blocks" : "noise"), WORD("normalize", "false"),
                                   NUMBER(k ? "side" : "noise", k ? 4 : 1e-4)}};
        ck_assert_double_lt(ask(&slopes, NULL).value, 1e-9);
        slopes.map = twice;
        double off = ask(&slopes, NULL).value;
        ck_assert_double_gt(off, k ? 1e-2 : 1e-9);
        slopes.params[1].text = "true"; /* a factor does not matter then */
        ck_assert_double_lt(ask(&slopes, NULL).value, 1e-9);
    }
    xai_model_unref(m);
}
END_TEST

/* By brute force: blocks of 4 x 4, hidden one after the other. */
START_TEST(infidelity_of_any_map_is_the_mean_square)
{
    xai_model *m = linear(weights);
    float map[PIXELS];
    double lost = 0, promised = 0, want = 0;
    for (int i = 0; i < PIXELS; i++) map[i] = sinf((float)i);
    for (int block = 0; block < 4; block++) {
        for (int y = block / 2 * 4; y < block / 2 * 4 + 4; y++)
            for (int x = block % 2 * 4; x < block % 2 * 4 + 4; x++) {
                int i = y * SIDE + x;
                lost += (double)picture[i] * (double)weights[PIXELS + i];
                promised += (double)picture[i] * (double)map[i];
            }
        want += (lost - promised) * (lost - promised) / 4;
    }
    asked q = {.model = m, .map = map, .metric = "infidelity", .param_count = 3,
               .params = {WORD("perturbation", "blocks"), WORD("normalize", "false"), NUMBER("side", 4)}};
    ck_assert_double_eq_tol(ask(&q, NULL).value, want, 1e-5 * want);
    xai_model_unref(m);
}
END_TEST

START_TEST(mufidelity_of_a_linear_models_shares_is_one)
{
    xai_model *m = linear(weights);
    float less[PIXELS];
    for (int i = 0; i < PIXELS; i++) less[i] = -picture[i] * weights[PIXELS + i];
    asked q = {.model = m, .method = "inputxgradient", .metric = "mufidelity", .params = {NUMBER("grid", 4)},
               .param_count = 1};
    ck_assert_double_gt(ask(&q, NULL).value, 0.9999);
    q.method = NULL;
    q.map = less;
    ck_assert_double_lt(ask(&q, NULL).value, -0.9999);
    xai_model_unref(m);
}
END_TEST

/* ---------------------------------------------------------------- the method once more */

START_TEST(what_does_not_move_has_no_sensitivity)
{
    xai_model *m = linear(weights);
    asked q = {.model = m, .method = "saliency", .metric = "sensitivity"};
    ck_assert_double_eq(ask(&q, NULL).value, 0);
    q.method = "inputxgradient"; /* moves as much as the picture: |e w| / |x w| < radius * max / |x w| */
    double small = ask(&q, NULL).value, length = 0, most = 0;
    for (int i = 0; i < PIXELS; i++) {
        length += pow((double)picture[i] * (double)weights[PIXELS + i], 2);
        most += pow(0.02 * (double)weights[PIXELS + i], 2);
    }
    ck_assert_double_gt(small, 0);
    ck_assert_double_lt(small, sqrt(most / length));
    ck_assert_double_gt(small, sqrt(most / length) / 3);
    xai_model_unref(m);
}
END_TEST

START_TEST(a_map_without_weights_survives_other_weights)
{
    xai_model *m = linear(weights);
    asked q = {.model = m, .method = "activationmap", .layer = "r", .metric = "mprt"};
    ck_assert_double_eq_tol(ask(&q, NULL).value, 1, 1e-12);
    q.metric = "randomlogit";
    answer a = ask(&q, NULL);
    ck_assert_double_eq(a.value, 1);
    ck_assert_uint_eq(a.warnings, 1); /* that says so */
    q = (asked){.model = m, .method = "saliency", .metric = "mprt"};
    ck_assert_double_lt(fabs(ask(&q, NULL).value), 0.5);
    xai_model_unref(m);
}
END_TEST

/* Of a linear model the map of another class is known. */
START_TEST(another_classs_map_is_compared)
{
    xai_model *m = linear(weights);
    xai_arena *arena = xai_arena_new(0);
    for (int other = 0; other < CLASSES; other += 2) {
        double a[PIXELS], b[PIXELS], want;
        for (int i = 0; i < PIXELS; i++) {
            a[i] = fabs((double)weights[PIXELS + i]);
            b[i] = fabs((double)weights[other * PIXELS + i]);
        }
        ck_assert_int_eq(xai_similarity_ranks(a, b, PIXELS, arena, &want, NULL, NULL), XAI_OK);
        asked q = {.model = m, .method = "saliency", .metric = "randomlogit", .param_count = 2,
                   .params = {WORD("similarity", "spearman"), NUMBER("other", other)}};
        ck_assert_double_eq_tol(ask(&q, NULL).value, want, 1e-12);
    }
    asked own = {.model = m, .method = "saliency", .metric = "randomlogit", .param_count = 1,
                 .params = {NUMBER("other", 1)}};
    ck_assert(ask(&own, NULL).refused);
    xai_arena_free(arena);
    xai_model_unref(m);
}
END_TEST

/* ---------------------------------------------------------------- edges */

START_TEST(a_model_of_zeros_gives_defined_grades)
{
    static const float zeros[CLASSES * PIXELS];
    xai_model *m = linear(zeros);
    asked q = {.model = m, .method = "saliency", .metric = "infidelity"};
    ck_assert_double_eq(ask(&q, NULL).value, 0);
    q.metric = "mufidelity";
    ck_assert_double_eq(ask(&q, NULL).value, 0);
    q.metric = "sensitivity";
    ck_assert_double_eq(ask(&q, NULL).value, 0);
    q.metric = "mprt";
    ck_assert(ask(&q, NULL).refused);
    q.metric = "randomlogit";
    ck_assert_double_eq(ask(&q, NULL).value, 1);
    xai_model_unref(m);
}
END_TEST

START_TEST(a_given_map_has_no_method_to_run_again)
{
    static const char *const METRICS[] = {"sensitivity", "mprt", "randomlogit"};
    xai_model *m = linear(weights);
    asked q = {.model = m, .map = weights, .metric = METRICS[_i]};
    ck_assert(ask(&q, NULL).refused);
    xai_model_unref(m);
}
END_TEST

/* With weights from so wide a range no score is a finite number: that grade is refused, the map and the rest stay. */
START_TEST(what_cannot_run_again_is_refused_alone)
{
    float wild[CLASSES * PIXELS];
    for (int i = 0; i < CLASSES * PIXELS; i++) wild[i] = i < 2 * PIXELS ? weights[i] : 0;
    for (int i = 0; i < 4; i++) wild[2 * PIXELS + i] = 3e38F * (i % 2 ? 1.0F : -1.0F);
    float calm[PIXELS] = {0}; /* where the first four pixels are dark, the product is finite */
    for (int i = 4; i < PIXELS; i++) calm[i] = picture[i];
    xai_array input = {.dtype = XAI_F32, .rank = 4, .shape = {1, 1, SIDE, SIDE}, .data = calm};
    xai_model *m = linear(wild);
    asked q = {.model = m, .method = "inputxgradient", .metric = "mprt", .input = &input};
    answer a = ask(&q, NULL);
    ck_assert_int_eq(a.status, XAI_OK);
    ck_assert(a.refused);
    ck_assert_msg(strstr(a.why, "not a finite number"), "%s", a.why);
    xai_model_unref(m);
}
END_TEST

static const char *const ALL[] = {"infidelity", "mufidelity", "sensitivity", "mprt", "randomlogit"};
enum { METRICS = sizeof ALL / sizeof ALL[0] };

static xai_model *resnet(xai_array *input)
{
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true};
    xai_model *m;
    ck_assert_int_eq(xai_model_load("tests/golden/data/tiny-resnet/model.onnx", &config, &m, NULL), XAI_OK);
    ck_assert_int_eq(xai_npy_read("tests/golden/data/tiny-resnet/input.npy", input, NULL), XAI_OK);
    input->shape[0] = 1;
    return m;
}

START_TEST(threads_leave_no_trace_and_the_seed_does)
{
    static const char *const METHODS[] = {"gradcam", "gradientshap"};
    xai_array input;
    xai_model *m = resnet(&input);
    for (int k = 0; k < 2; k++) {
        asked q = {.model = m, .method = METHODS[k], .metric = ALL[_i], .input = &input, .pool = two, .seed = 5};
        answer a = ask(&q, NULL), b, c;
        q.pool = one;
        b = ask(&q, NULL);
        q.seed = 6;
        c = ask(&q, NULL);
        ck_assert(!a.refused);
        ck_assert_mem_eq(&a, &b, sizeof a);
        ck_assert_double_ne(a.value, c.value);
    }
    xai_array_clear(&input);
    xai_model_unref(m);
}
END_TEST

/* What was drawn is written, and read again it gives the same, whatever the seed. */
START_TEST(draws_can_be_replayed)
{
    static const struct {
        const char *metric;
        xai_named_value param;
    } CASES[] = {{"infidelity", WORD("perturbation", "square")}, {"infidelity", WORD("perturbation", "noise")},
                 {"mufidelity", WORD("baseline", "mean")}, {"sensitivity", NUMBER("samples", 3)},
                 {"mprt", WORD("weights", "uniform")}, {"mprt", WORD("weights", "shuffle")}};
    char folder[] = "/tmp/xai-draws-XXXXXX", command[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    xai_array input;
    xai_model *m = resnet(&input);
    asked q = {.model = m, .method = "inputxgradient", .metric = CASES[_i].metric, .input = &input, .param_count = 1,
               .params = {CASES[_i].param}, .seed = 5, .emit = folder};
    answer first = ask(&q, NULL);
    q.seed = 6;
    q.emit = NULL;
    ck_assert_double_ne(ask(&q, NULL).value, first.value);
    q.use = folder;
    ck_assert_double_eq(ask(&q, NULL).value, first.value);
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
    xai_array_clear(&input);
    xai_model_unref(m);
}
END_TEST

/* At the last stage all is randomised, whichever end was first. */
START_TEST(both_orders_end_alike)
{
    xai_array input;
    xai_model *m = resnet(&input);
    asked q = {.model = m, .method = "gradcam", .metric = "mprt", .input = &input, .param_count = 2,
               .params = {WORD("order", "top_down"), NUMBER("stages", 4)}};
    answer down = ask(&q, NULL);
    q.params[0].text = "bottom_up";
    answer up = ask(&q, NULL);
    ck_assert_double_eq(down.y[3], up.y[3]);
    ck_assert_double_ne(down.y[0], up.y[0]);
    ck_assert_double_eq_tol(down.value, (down.y[0] + down.y[1] + down.y[2] + down.y[3]) / 4, 1e-12);
    q.params[1].number = 1; /* all at once */
    ck_assert_double_eq(ask(&q, NULL).value, up.y[3]);
    xai_array_clear(&input);
    xai_model_unref(m);
}
END_TEST

START_TEST(a_cancelled_token_ends_them)
{
    xai_array input;
    xai_model *m = resnet(&input);
    xai_token *token = xai_token_new(0, NULL, NULL);
    xai_token_cancel(token);
    asked q = {.model = m, .method = "gradcam", .metric = ALL[_i], .input = &input};
    ck_assert_int_eq(ask(&q, token).status, XAI_E_CANCELLED);
    xai_token_free(token);
    xai_array_clear(&input);
    xai_model_unref(m);
}
END_TEST

/* As many numbers as a few GB are refused before anything is run; what fits is not. */
START_TEST(too_many_cells_of_all_subsets_are_refused)
{
    xai_array input;
    xai_model *m = resnet(&input);
    int64_t height, width;
    xai_model_input_sides(m, &height, &width);
    int64_t side = height < width ? height : width, most = (1 << 24) / (side * side);
    for (int k = 0; k < 2; k++) {
        xai_named_value params[] = {NUMBER("grid", 224), NUMBER("samples", (double)(most + k))};
        xai_metric_call metric = {"mufidelity", params, 2};
        xai_request r = {.model = m, .tensor = &input, .metrics = &metric, .metric_count = 1};
        xai_error err = {0};
        ck_assert_int_eq(xai_grade_check(&r, &err), k ? XAI_E_BAD_PARAM : XAI_OK);
        if (k) ck_assert_str_eq(err.where, "evaluate.0.params.samples");
    }
    xai_array_clear(&input);
    xai_model_unref(m);
}
END_TEST

/* Noise is drawn again for every map, after all forwards: a cancel ends that too. */
START_TEST(a_cancel_ends_the_drawing_of_noise)
{
    xai_model *m = linear(weights);
    watch w = {.at = 1002}; /* of 1000 forwards, and 1000 draws at a fiftieth */
    w.token = xai_token_new(0, cancel_at, &w);
    xai_token_report_all(w.token);
    asked q = {.model = m, .map = weights, .metric = "infidelity", .param_count = 3,
               .params = {WORD("perturbation", "noise"), NUMBER("samples", 1000), NUMBER("random", 0)}};
    ck_assert_int_eq(ask(&q, w.token).status, XAI_E_CANCELLED);
    ck_assert_double_lt(w.done, 1006); /* within 64 draws */
    xai_token_free(w.token);
    xai_model_unref(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reruns");
    TCase *tc = tcase_create("metrics");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_linear_models_gradient_has_no_infidelity);
    tcase_add_test(tc, infidelity_of_any_map_is_the_mean_square);
    tcase_add_test(tc, mufidelity_of_a_linear_models_shares_is_one);
    tcase_add_test(tc, what_does_not_move_has_no_sensitivity);
    tcase_add_test(tc, a_map_without_weights_survives_other_weights);
    tcase_add_test(tc, another_classs_map_is_compared);
    tcase_add_test(tc, a_model_of_zeros_gives_defined_grades);
    tcase_add_loop_test(tc, a_given_map_has_no_method_to_run_again, 0, 3);
    tcase_add_test(tc, what_cannot_run_again_is_refused_alone);
    tcase_add_loop_test(tc, threads_leave_no_trace_and_the_seed_does, 0, METRICS);
    tcase_add_loop_test(tc, draws_can_be_replayed, 0, 6);
    tcase_add_test(tc, both_orders_end_alike);
    tcase_add_loop_test(tc, a_cancelled_token_ends_them, 0, METRICS);
    tcase_add_test(tc, too_many_cells_of_all_subsets_are_refused);
    tcase_add_test(tc, a_cancel_ends_the_drawing_of_noise);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
