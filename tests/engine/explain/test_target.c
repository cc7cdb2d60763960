/*
 * Targets of every kind by every method, on a dense net and one with two outputs: what they add up to, what raw runs
 * say of the same tensors, slopes, default layers, refusals. Maps are compared with others' in tests/golden.
 */
#include "base/doc.h"
#include "xai.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FCN "tests/golden/data/tiny-fcn/"
#define STEER "tests/golden/data/tiny-steer/"
#define LAST "/relu4/Relu_output_0"
#define DEEP "/relu3/Relu_output_0"

enum { HEIGHT = 32, WIDTH = 48, ROWS = 16, COLS = 24, CLASSES = 5 };

static xai_pool *pool, *lone;
static xai_model *fcn, *steer;
static xai_array sample;

static xai_model *load(const char *path, xai_head head)
{
    xai_model *m = NULL;
    xai_error err;
    xai_model_config config = {.head = head, .head_known = true};
    ck_assert_msg(xai_model_load(path, &config, &m, &err) == XAI_OK, "%s", err.msg);
    return m;
}

static void set_up(void)
{
    ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK);
    ck_assert_int_eq(xai_pool_new(1, &lone, NULL), XAI_OK);
    fcn = load(FCN "model.onnx", XAI_HEAD_DENSE);
    steer = load(STEER "model.onnx", XAI_HEAD_REGRESSION);
    ck_assert_int_eq(xai_npy_read(FCN "input.npy", &sample, NULL), XAI_OK);
    sample.shape[0] = 1;
}

static void tear_down(void)
{
    xai_array_clear(&sample);
    xai_model_unref(fcn);
    xai_model_unref(steer);
    xai_pool_free(pool);
    xai_pool_free(lone);
}

/* ---------------------------------------------------------------- targets */

static xai_target class_target(int64_t c) { return (xai_target){.class_index = c, .contrast = -1}; }

static xai_target box(int64_t c, int64_t top, int64_t left, int64_t bottom, int64_t right)
{
    return (xai_target){.class_index = c, .contrast = -1, .kind = XAI_TARGET_BOX, .box = {top, left, bottom, right}};
}

static xai_target mask(int64_t c, int64_t rows, int64_t cols, const int64_t *runs, size_t count)
{
    return (xai_target){.class_index = c, .contrast = -1, .kind = XAI_TARGET_MASK, .mask_rows = rows, .mask_cols = cols,
                        .mask_runs = runs, .mask_run_count = count};
}

static xai_target neuron(const char *layer, int64_t channel, int64_t row, int64_t col)
{
    return (xai_target){.class_index = -1, .contrast = -1, .kind = XAI_TARGET_NEURON, .tensor = layer, .index = channel,
                        .row = row, .col = col};
}

static xai_target output(const char *name, int64_t index)
{
    return (xai_target){.class_index = -1, .contrast = -1, .kind = XAI_TARGET_OUTPUT, .tensor = name, .index = index};
}

static xai_target in_space(xai_target t, xai_space space)
{
    t.space = space;
    return t;
}

static const int64_t HALVES[][2] = {{0, 700}, {700, HEIGHT * WIDTH - 700}}; /* a mask and what it leaves */

static const xai_named_value FEW[] = {{.name = "masks", .type = XAI_VALUE_NUMBER, .number = 20}};
static const xai_named_value SMALL[] = {{.name = "window", .type = XAI_VALUE_NUMBER, .number = 16},
                                        {.name = "stride", .type = XAI_VALUE_NUMBER, .number = 8}};
static const xai_named_value GRID[] = {{.name = "grid", .type = XAI_VALUE_NUMBER, .number = 3},
                                       {.name = "max_evals", .type = XAI_VALUE_NUMBER, .number = 100}};
static const xai_method_call ALL[] = {{"saliency", NULL, 0}, {"occlusion", SMALL, 2}, {"rise", FEW, 1},
                                      {"gradcam", NULL, 0}, {"sag", GRID, 2}};

static xai_result *explain_on(xai_model *m, const xai_method_call *calls, size_t n, const xai_target *targets,
                              size_t count, xai_pool *on)
{
    xai_result *r = NULL;
    xai_error err = {0};
    xai_request q = {.model = m, .tensor = &sample, .calls = calls, .call_count = n, .targets = targets,
                     .target_count = count, .seed = 7};
    ck_assert_msg(xai_explain(&q, on, NULL, &r, &err) == XAI_OK, "%s", err.msg);
    return r;
}

static double value_of(xai_model *m, xai_target t)
{
    xai_result *r = explain_on(m, ALL, 1, &t, 1, pool);
    double v = r->explanations[0].target_value;
    xai_result_free(r);
    return v;
}

/* ---------------------------------------------------------------- values */

START_TEST(parts_add_up_to_the_whole)
{
    for (int space = XAI_SPACE_LOGIT; space <= XAI_SPACE_PROBABILITY; space++) {
        xai_space s = (xai_space)space;
        double whole = value_of(fcn, in_space(class_target(1), s));
        double halves = value_of(fcn, in_space(mask(1, HEIGHT, WIDTH, HALVES[0], 2), s)) +
                        value_of(fcn, in_space(mask(1, HEIGHT, WIDTH, HALVES[1], 2), s));
        double boxes = value_of(fcn, in_space(box(1, 0, 0, 13, WIDTH), s)) +
                       value_of(fcn, in_space(box(1, 13, 0, HEIGHT, 7), s)) +
                       value_of(fcn, in_space(box(1, 13, 7, HEIGHT, WIDTH), s));
        ck_assert_double_eq_tol(halves, whole, 1e-4 * fmax(1, fabs(whole)));
        ck_assert_double_eq_tol(boxes, whole, 1e-4 * fmax(1, fabs(whole)));
    }
}
END_TEST

START_TEST(probabilities_of_all_classes_add_up_to_the_cells)
{
    double sum = 0;
    for (int64_t c = 0; c < CLASSES; c++) sum += value_of(fcn, in_space(box(c, 3, 4, 11, 20), XAI_SPACE_PROBABILITY));
    ck_assert_double_eq_tol(sum, 8 * 16 / 4.0, 1e-5); /* a cell is 2 x 2 pixels */
}
END_TEST

START_TEST(contrast_is_a_difference)
{
    for (int space = XAI_SPACE_LOGIT; space <= XAI_SPACE_PROBABILITY; space++) {
        xai_target a = in_space(box(1, 3, 4, 11, 20), (xai_space)space), b = a, d = a;
        b.class_index = d.contrast = 3;
        double one = value_of(fcn, a), other = value_of(fcn, b);
        ck_assert_double_eq_tol(value_of(fcn, d), one - other, 1e-9 * (fabs(one) + fabs(other)));
    }
}
END_TEST

/* Raw runs of the same sample. */
static float *fetch(const char *path, const char *tensor, size_t *count)
{
    xai_array in = sample, *out = NULL;
    size_t n = 0;
    char name[] = "input";
    in.name = name;
    xai_run_request q = {.inputs = &in, .input_count = 1, .fetch = &tensor, .fetch_count = 1};
    ck_assert_int_eq(xai_run(path, pool, &q, NULL, &out, &n, NULL), XAI_OK);
    *count = 1;
    for (int i = 0; i < out[n - 1].rank; i++) *count *= (size_t)out[n - 1].shape[i];
    float *copy = malloc(*count * sizeof *copy);
    memcpy(copy, out[n - 1].data, *count * sizeof *copy);
    for (size_t i = 0; i < n; i++) xai_array_clear(&out[i]);
    free(out);
    return copy;
}

START_TEST(neurons_and_outputs_are_what_raw_runs_give)
{
    size_t n;
    float *last = fetch(FCN "model.onnx", LAST, &n);
    double plane = 0;
    for (int i = 0; i < ROWS * COLS; i++) plane += (double)last[5 * ROWS * COLS + i];
    ck_assert_double_eq_tol(value_of(fcn, neuron(LAST, 5, -1, -1)), plane, 1e-5 * fabs(plane));
    for (int64_t i = 0; i < 40; i++) {
        double at = (double)last[(i % 16) * ROWS * COLS + (i * 7 % ROWS) * COLS + i * 5 % COLS];
        ck_assert_double_eq_tol(value_of(fcn, neuron(LAST, i % 16, i * 7 % ROWS, i * 5 % COLS)), at, 1e-5);
    }
    free(last);
    float *speed = fetch(STEER "model.onnx", "speed", &n);
    ck_assert_uint_eq(n, 1);
    ck_assert_double_eq_tol(value_of(steer, output("speed", 0)), (double)speed[0], 1e-5);
    free(speed);
    ck_assert(value_of(steer, output("steering", 1)) == value_of(steer, class_target(1)));
    ck_assert(value_of(steer, output(NULL, 1)) == value_of(steer, class_target(1)));
}
END_TEST

/* ---------------------------------------------------------------- gradients */

START_TEST(gradients_of_every_kind_are_slopes)
{
    xai_named_value params[] = {{.name = "absolute", .type = XAI_VALUE_BOOL, .boolean = false},
                                {.name = "channels", .type = XAI_VALUE_TEXT, .text = "mean"}};
    xai_method_call call = {.id = "saliency", .params = params, .param_count = 2};
    xai_target contrast = in_space(mask(1, HEIGHT, WIDTH, HALVES[0], 2), XAI_SPACE_PROBABILITY);
    contrast.contrast = 2;
    const xai_target targets[] = {class_target(2), box(3, 3, 5, 22, 40), contrast, neuron(LAST, 4, -1, -1),
                                  neuron(DEEP, 9, -1, -1), output("logits", 800)};
    float *x = sample.data;
    size_t area = HEIGHT * WIDTH;
    for (size_t k = 0; k < sizeof targets / sizeof targets[0]; k++) {
        xai_result *r = explain_on(fcn, &call, 1, &targets[k], 1, pool);
        const float *map = r->explanations[0].artifacts[0].values;
        const double step = 2e-5; /* below the distance to most kinks */
        double slope = 0, ends[2];
        for (size_t i = 0; i < area; i++) slope += 3 * fabs((double)map[i]);
        for (int side = 0; side < 2; side++) {
            double s = side ? step : -step;
            for (size_t i = 0; i < 3 * area; i++) x[i] += (float)(map[i % area] > 0 ? s : -s);
            ends[side] = value_of(fcn, targets[k]);
            for (size_t i = 0; i < 3 * area; i++) x[i] -= (float)(map[i % area] > 0 ? s : -s);
        }
        double measured = (ends[1] - ends[0]) / (2 * step);
        ck_assert_msg(fabs(slope - measured) <= 0.02 * fabs(measured) && slope > 0, "target %zu: %g, measured %g", k, slope,
                      measured);
        xai_result_free(r);
    }
}
END_TEST

/* ---------------------------------------------------------------- methods */

START_TEST(every_method_serves_every_kind_alike_on_any_threads)
{
    const xai_target targets[] = {class_target(-1), box(3, 3, 5, 22, 40), mask(1, HEIGHT, WIDTH, HALVES[1], 2),
                                  neuron(LAST, 4, 6, 11), output("logits", 800)};
    enum { COUNT = sizeof targets / sizeof targets[0] };
    xai_result *a = explain_on(fcn, ALL, 4, targets, COUNT, pool), *b = explain_on(fcn, ALL, 4, targets, COUNT, lone);
    ck_assert_uint_eq(a->explanation_count, 4 * COUNT);
    for (size_t i = 0; i < a->explanation_count; i++) {
        const xai_artifact *m = a->explanations[i].artifacts, *n = b->explanations[i].artifacts;
        size_t bytes = (size_t)(m->shape[0] * m->shape[1]) * sizeof(float);
        ck_assert_msg(m->max > m->min, "%s of target %zu is flat", a->explanations[i].method->id, i % COUNT);
        ck_assert_mem_eq(m->values, n->values, bytes);
        ck_assert(a->explanations[i].target_value == b->explanations[i].target_value);
    }
    xai_result_free(a);
    xai_result_free(b);
}
END_TEST

START_TEST(a_batch_of_targets_gives_what_each_gives_alone)
{
    const xai_target targets[] = {box(3, 3, 5, 22, 40), neuron(LAST, 4, 6, 11), neuron(DEEP, 9, -1, -1), class_target(2)};
    xai_result *all = explain_on(fcn, ALL, 4, targets, 4, pool);
    for (size_t k = 0; k < 4; k++) {
        xai_result *one = explain_on(fcn, ALL, 4, &targets[k], 1, pool);
        for (size_t i = 0; i < 4; i++) {
            const xai_artifact *m = all->explanations[4 * i + k].artifacts, *n = one->explanations[i].artifacts;
            ck_assert_mem_eq(m->values, n->values, (size_t)(m->shape[0] * m->shape[1]) * sizeof(float));
        }
        xai_result_free(one);
    }
    xai_result_free(all);
}
END_TEST

START_TEST(default_layer_lies_before_the_target)
{
    const struct {
        xai_target target;
        const char *layer;
    } cases[] = {{class_target(0), LAST},
                 {box(0, 0, 0, 4, 4), LAST},
                 {output("logits", 3), LAST},
                 {neuron(LAST, 4, 6, 11), "/relu2/Relu_output_0"}, /* two branches meet in its sum */
                 {neuron(DEEP, 9, -1, -1), "/pool2/MaxPool_output_0"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        xai_result *r = explain_on(fcn, &ALL[3], 1, &cases[i].target, 1, pool);
        ck_assert_str_eq(xai_doc_get(r->explanations[0].params, "layer")->text, cases[i].layer);
        xai_result_free(r);
    }
}
END_TEST

START_TEST(sag_sees_the_mean_over_a_box)
{
    xai_target t = box(-1, 3, 5, 22, 40);
    xai_result *r = explain_on(fcn, &ALL[4], 1, &t, 1, pool);
    double sum = value_of(fcn, in_space(box(r->predictions[0].class_index, 3, 5, 22, 40), XAI_SPACE_PROBABILITY));
    const xai_doc *threshold = xai_doc_get(r->explanations[0].artifacts[0].doc, "threshold");
    ck_assert_double_eq_tol(xai_doc_get(threshold, "f_all")->real, sum / (19 * 35 / 4.0), 1e-6);
    ck_assert_double_eq_tol(r->explanations[0].target_value, sum, 1e-5);
    xai_result_free(r);
}
END_TEST

/* ---------------------------------------------------------------- predictions */

START_TEST(dense_predictions_count_the_cells_that_raw_runs_give)
{
    size_t n;
    float *logits = fetch(FCN "model.onnx", "logits", &n);
    double shares[CLASSES] = {0}, means[CLASSES] = {0};
    for (int i = 0; i < ROWS * COLS; i++) {
        int best = 0;
        for (int c = 0; c < CLASSES; c++) {
            means[c] += (double)logits[c * ROWS * COLS + i] / (ROWS * COLS);
            if (logits[c * ROWS * COLS + i] > logits[best * ROWS * COLS + i]) best = c;
        }
        shares[best] += 1.0 / (ROWS * COLS);
    }
    xai_result *r = explain_on(fcn, NULL, 0, NULL, 0, pool);
    ck_assert_uint_eq(r->prediction_count, CLASSES);
    for (size_t i = 0; i < CLASSES; i++) {
        const xai_prediction *p = &r->predictions[i];
        ck_assert_double_eq_tol((double)p->share, shares[p->class_index], 1e-6);
        ck_assert_double_eq_tol((double)p->logit, means[p->class_index], 1e-4);
        if (i) ck_assert(p->share <= r->predictions[i - 1].share);
    }
    xai_result_free(r);
    free(logits);
}
END_TEST

START_TEST(regressions_are_listed_in_their_order)
{
    xai_result *r = explain_on(steer, ALL, 2, NULL, 0, pool);
    ck_assert_uint_eq(r->prediction_count, 2);
    for (int64_t i = 0; i < 2; i++) ck_assert_int_eq(r->predictions[i].class_index, i);
    ck_assert_int_eq(r->explanations[0].target.class_index, 0);
    ck_assert_int_eq(r->explanations[1].target.space, XAI_SPACE_LOGIT); /* occlusion's own would be probability */
    xai_result_free(r);
}
END_TEST

/* ---------------------------------------------------------------- refusals */

START_TEST(what_no_model_can_mean_is_refused)
{
    xai_named_value deep = {.name = "layer", .type = XAI_VALUE_TEXT, .text = LAST};
    xai_method_call at_last = {"gradcam", &deep, 1};
    xai_target contrast = output("logits", 0), both = neuron(LAST, 1, 2, -1);
    contrast.contrast = 1;
    const struct {
        xai_model *model;
        xai_method_call call;
        xai_target target;
        xai_status status;
        const char *where;
    } cases[] = {
        {fcn, ALL[0], class_target(5), XAI_E_UNKNOWN_CLASS, "target.class"},
        {fcn, ALL[0], neuron("nowhere", 0, -1, -1), XAI_E_UNKNOWN_LAYER, "nowhere"},
        {fcn, ALL[0], neuron(NULL, 0, -1, -1), XAI_E_BAD_PARAM, "target.neuron.layer"},
        {fcn, ALL[0], neuron(LAST, 16, -1, -1), XAI_E_BAD_PARAM, "target.neuron.channel"},
        {fcn, ALL[0], neuron(LAST, 1, ROWS, 0), XAI_E_BAD_PARAM, "target.neuron.position"},
        {fcn, ALL[0], both, XAI_E_BAD_PARAM, "target.neuron.position"},
        {fcn, ALL[0], in_space(neuron(LAST, 1, -1, -1), XAI_SPACE_PROBABILITY), XAI_E_BAD_PARAM, "target.space"},
        {fcn, ALL[0], contrast, XAI_E_BAD_PARAM, "target.contrast"},
        {fcn, ALL[0], output("nothing", 0), XAI_E_UNKNOWN_LAYER, "target.output"},
        {fcn, ALL[0], output("logits", CLASSES * ROWS * COLS), XAI_E_BAD_PARAM, "target.output.index"},
        {fcn, ALL[4], neuron(LAST, 1, -1, -1), XAI_E_BAD_PARAM, "target"},
        {fcn, ALL[4], output("logits", 1), XAI_E_BAD_PARAM, "target"},
        {fcn, at_last, neuron(DEEP, 9, -1, -1), XAI_E_BAD_PARAM, "params.layer"},
        {steer, ALL[0], box(0, 0, 0, 4, 4), XAI_E_BAD_PARAM, "target.box"},
        {steer, ALL[0], in_space(class_target(0), XAI_SPACE_PROBABILITY), XAI_E_BAD_PARAM, "target.space"},
        {steer, ALL[4], class_target(0), XAI_E_UNSUPPORTED_METHOD, "sag"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        xai_error err = {0};
        xai_request q = {.model = cases[i].model, .tensor = &sample, .calls = &cases[i].call, .call_count = 1,
                         .targets = &cases[i].target, .target_count = 1};
        xai_status status = xai_request_check(&q, &err);
        ck_assert_msg(status == cases[i].status, "case %zu: %s (%s)", i, xai_status_id(status), err.msg);
        ck_assert_str_eq(err.where, cases[i].where);
        ck_assert_uint_gt(strlen(err.msg), 20);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("target");
    TCase *tc = tcase_create("target");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, parts_add_up_to_the_whole);
    tcase_add_test(tc, probabilities_of_all_classes_add_up_to_the_cells);
    tcase_add_test(tc, contrast_is_a_difference);
    tcase_add_test(tc, neurons_and_outputs_are_what_raw_runs_give);
    tcase_add_test(tc, gradients_of_every_kind_are_slopes);
    tcase_add_test(tc, every_method_serves_every_kind_alike_on_any_threads);
    tcase_add_test(tc, a_batch_of_targets_gives_what_each_gives_alone);
    tcase_add_test(tc, default_layer_lies_before_the_target);
    tcase_add_test(tc, sag_sees_the_mean_over_a_box);
    tcase_add_test(tc, dense_predictions_count_the_cells_that_raw_runs_give);
    tcase_add_test(tc, regressions_are_listed_in_their_order);
    tcase_add_test(tc, what_no_model_can_mean_is_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
