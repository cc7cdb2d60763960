/*
 * Propagation methods through xai_explain: what is conserved or adds up, on planted nets and for every kind of target;
 * planted answers; refusals with operator and node. Numbers are compared with the libraries' in tests/golden.
 */
#include "base/doc.h"
#include "support/onnx_builder.h"
#include "xai.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 8, AREA = SIDE * SIDE, INPUTS = 3 * AREA };

static xai_pool *pool;
static float pixels[INPUTS];
static xai_array sample;

static void set_up(void)
{
    ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK);
    for (int i = 0; i < INPUTS; i++) pixels[i] = (float)((i * 37 + 11) % 41) / 10 - 1.97F;
    sample = (xai_array){.dtype = XAI_F32, .rank = 4, .shape = {1, 3, SIDE, SIDE}, .data = pixels};
}

static void tear_down(void)
{
    ck_assert_uint_eq(xai_memory_now().leased, 0);
    xai_pool_free(pool);
}

/* ---------------------------------------------------------------- planted nets */

/* A net of 3 x SIDE x SIDE pixels and some classes, without any bias. */
static void begin(onnx_builder *b)
{
    onnx_begin(b, 13);
    onnx_input(b, "x", "0x3x8x8");
    onnx_output(b, "y");
}

static xai_model *finish(onnx_builder *b)
{
    xai_model *m = NULL;
    xai_error err = {0};
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true};
    ck_assert_msg(xai_model_load(onnx_write(b), &config, &m, &err) == XAI_OK, "%s", err.msg);
    onnx_end(b);
    return m;
}

static Onnx__NodeProto *conv(onnx_builder *b, const char *inputs, const char *output, int64_t pad)
{
    Onnx__NodeProto *node = onnx_node(b, "Conv", inputs, output);
    onnx_attr_ints(node, "pads", 4, (const int64_t[]){pad, pad, pad, pad});
    return node;
}

/* Residual sum, concatenation, squeeze-excitation, both pools, two dense layers; with biases if asked. */
static xai_model *everything(bool biased)
{
    onnx_builder b;
    begin(&b);
    onnx_floats(&b, "w1", "4x3x3x3", NULL), onnx_floats(&b, "w2", "4x4x3x3", NULL);
    onnx_floats(&b, "w3", "3x8x1x1", NULL), onnx_floats(&b, "w4", "27x6", NULL), onnx_floats(&b, "w5", "6x5", NULL);
    onnx_floats(&b, "b1", "4", NULL), onnx_floats(&b, "b2", "6", NULL);
    conv(&b, biased ? "x w1 b1" : "x w1", "c1", 1);
    onnx_node(&b, "Relu", "c1", "r1");
    onnx_attr_ints(onnx_node(&b, "MaxPool", "r1", "p1"), "kernel_shape", 2, (const int64_t[]){2, 2});
    conv(&b, "p1 w2", "c2", 1);
    onnx_node(&b, "LeakyRelu", "c2", "r2");
    onnx_node(&b, "Add", "r2 p1", "sum");
    onnx_node(&b, "GlobalAveragePool", "sum", "mean");
    onnx_node(&b, "Sigmoid", "mean", "gate");
    onnx_node(&b, "Mul", "sum gate", "gated");
    onnx_attr_int(onnx_node(&b, "Concat", "gated p1", "cat"), "axis", 1);
    conv(&b, "cat w3", "c3", 0);
    onnx_node(&b, "Relu", "c3", "r3");
    Onnx__NodeProto *pool_node = onnx_node(&b, "AveragePool", "r3", "p3");
    onnx_attr_ints(pool_node, "kernel_shape", 2, (const int64_t[]){3, 3});
    onnx_attr_ints(pool_node, "strides", 2, (const int64_t[]){2, 2});
    onnx_attr_ints(pool_node, "pads", 4, (const int64_t[]){0, 0, 1, 1});
    onnx_node(&b, "Flatten", "p3", "flat");
    onnx_node(&b, "MatMul", "flat w4", "h");
    onnx_node(&b, "Relu", biased ? "hb" : "h", "hr");
    if (biased) { /* nodes may stand in any order */
        onnx_node(&b, "Add", "h b2", "hb");
    }
    onnx_node(&b, "MatMul", "hr w5", "y");
    return finish(&b);
}

/* ---------------------------------------------------------------- asking */

static xai_named_value text(const char *name, const char *v)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_TEXT, .text = v};
}
static xai_named_value number(const char *name, double v)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_NUMBER, .number = v};
}

static xai_status try(xai_model *m, const xai_array *x, const xai_method_call *call, const xai_target *target,
                      const char *draws, xai_result **r, xai_error *err)
{
    xai_request q = {.model = m, .tensor = x, .calls = call, .call_count = 1, .targets = target, .target_count = 1,
                     .use_draws = draws};
    return xai_explain(&q, pool, NULL, r, err);
}

static xai_target of_class(int64_t k) { return (xai_target){.class_index = k, .contrast = -1}; }

static xai_result *ask(xai_model *m, const char *method, const xai_named_value *params, size_t count,
                       const xai_target *target)
{
    xai_result *r = NULL;
    xai_error err = {0};
    xai_method_call call = {method, params, count};
    xai_target first = of_class(1);
    ck_assert_msg(try(m, &sample, &call, target ? target : &first, NULL, &r, &err) == XAI_OK, "%s: %s", method, err.msg);
    return r;
}

static const float *map_of(const xai_result *r) { return r->explanations[0].artifacts[0].values; }

static double sum_of(const xai_result *r)
{
    const xai_artifact *a = &r->explanations[0].artifacts[0];
    double sum = 0;
    for (int64_t i = 0; i < a->shape[0] * a->shape[1]; i++) sum += (double)a->values[i];
    return sum;
}

static double metric(const xai_result *r, const char *name)
{
    const xai_explanation *e = &r->explanations[0];
    for (size_t i = 0; i < e->metric_count; i++)
        if (strcmp(e->metrics[i].name, name) == 0) return e->metrics[i].value;
    ck_abort_msg("there is no metric %s", name);
    return 0;
}

/* ---------------------------------------------------------------- LRP */

START_TEST(relevance_is_conserved_without_biases)
{
    static const char *const RULES[] = {"zero", "gamma", "z_plus", "alpha_beta"};
    xai_model *m = everything(false);
    for (int i = 0; i < 4; i++) {
        xai_named_value params[] = {text("composite", "single"), text("rule", RULES[i]), number("gamma", 0.1)};
        xai_result *r = ask(m, "lrp", params, 3, NULL);
        double value = r->explanations[0].target_value;
        ck_assert_double_gt(fabs(value), 0.01);
        if (i == 0) { /* the others lose what sums of one sign have nothing to give to */
            ck_assert_double_lt(metric(r, "conservation_error"), 1e-3);
            ck_assert_double_eq_tol(sum_of(r), value, 1e-3 * fabs(value));
            ck_assert_uint_eq(r->explanations[0].warning_count, 0);
        }
        xai_result_free(r);
    }
    xai_model_unref(m);
}
END_TEST

/* What does not arrive is in the table, layer by layer; the warning names the worst. */
START_TEST(what_leaks_is_told_by_layer)
{
    xai_model *m = everything(true);
    xai_named_value params[] = {text("composite", "epsilon_plus")};
    xai_result *r = ask(m, "lrp", params, 1, NULL);
    const xai_explanation *e = &r->explanations[0];
    const xai_doc *table = e->artifacts[1].doc, *worst = NULL;
    ck_assert_str_eq(e->artifacts[1].name, "conservation");
    double start = xai_doc_get(table, "start")->real, kept = 0;
    for (const xai_doc *row = xai_doc_get(table, "rows")->first; row; row = row->next) {
        double leak = xai_doc_get(row, "kept")->real;
        kept += leak;
        if (!worst || fabs(leak) > fabs(xai_doc_get(worst, "kept")->real)) worst = row;
    }
    ck_assert_double_eq_tol(start, e->target_value, 1e-6);
    ck_assert_double_eq_tol(start - kept, xai_doc_get(table, "arrived")->real, 1e-4 * fabs(start));
    ck_assert_double_eq_tol(sum_of(r), xai_doc_get(table, "arrived")->real, 1e-5 * fabs(start));
    ck_assert_double_gt(metric(r, "conservation_error"), 0.1);
    ck_assert_uint_eq(e->warning_count, 1);
    ck_assert_ptr_nonnull(strstr(e->warnings[0], xai_doc_get(worst, "layer")->text));
    xai_result_free(r);
    xai_model_unref(m);
}
END_TEST

/* y = sum of w x: each pixel gets its own term, under LRP-0 and under DeepLIFT from 0. */
START_TEST(a_linear_net_gives_each_pixel_its_term)
{
    static const char *const METHODS[] = {"lrp", "deeplift"};
    float weights[INPUTS * 2];
    onnx_builder b;
    begin(&b);
    for (int i = 0; i < INPUTS * 2; i++) weights[i] = (float)((i * 31 + 7) % 19) / 9 - 1;
    onnx_floats(&b, "w", "192x2", weights);
    onnx_node(&b, "Flatten", "x", "flat");
    onnx_node(&b, "MatMul", "flat w", "y");
    xai_model *m = finish(&b);
    for (int k = 0; k < 2; k++) {
        xai_named_value params[] = {text("composite", "single"), text("rule", "zero")};
        xai_result *r = ask(m, METHODS[k], params, k == 0 ? 2 : 0, NULL);
        for (int i = 0; i < AREA; i++) {
            double term = 0;
            for (int c = 0; c < 3; c++)
                term += (double)pixels[c * AREA + i] * (double)weights[(c * AREA + i) * 2 + 1];
            ck_assert_double_eq_tol((double)map_of(r)[i], term, 1e-4 * (1 + fabs(term)));
        }
        xai_result_free(r);
    }
    xai_model_unref(m);
}
END_TEST

START_TEST(bounds_are_read_and_refused)
{
    static const char *const WRONG[] = {"", "a", "1,2", "1,2,3,4", "1,,2", "nan", "5"};
    xai_model *m = everything(false);
    xai_target target = of_class(1);
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        xai_result *r = NULL;
        xai_error err = {0};
        xai_named_value params[] = {text("composite", "epsilon_gamma_box"), text("low", WRONG[i]), text("high", "2")};
        xai_method_call call = {"lrp", params, 3};
        ck_assert_int_eq(try(m, &sample, &call, &target, NULL, &r, &err), XAI_E_BAD_PARAM);
        ck_assert_ptr_nonnull(strstr(err.where, "params.low"));
    }
    xai_named_value one[] = {text("composite", "epsilon_gamma_box"), text("low", "-2"), text("high", "2.5")};
    xai_named_value three[] = {one[0], text("low", "-2,-2,-2"), text("high", "2.5,2.5,2.5")};
    xai_result *a = ask(m, "lrp", one, 3, NULL), *b = ask(m, "lrp", three, 3, NULL);
    ck_assert_int_eq(memcmp(map_of(a), map_of(b), AREA * sizeof(float)), 0);
    xai_result_free(a), xai_result_free(b);
    xai_model_unref(m);
}
END_TEST

/* ---------------------------------------------------------------- DeepLIFT */

/* The complete rules, in every space, with every baseline: through a gate, a residual sum, and overlapping pools. */
START_TEST(attributions_add_up)
{
    static const char *const BASELINES[] = {"black", "white", "mean", "blur"};
    xai_model *m = everything(true);
    for (int k = 0; k < 16; k++) {
        xai_target t = {.class_index = 1, .contrast = k & 1 ? 3 : -1,
                        .space = k & 2 ? XAI_SPACE_PROBABILITY : XAI_SPACE_LOGIT};
        xai_named_value params[] = {text("dialect", "complete"), text("baseline", BASELINES[k / 4])};
        xai_result *r = ask(m, "deeplift", params, 2, &t);
        double size = 0;
        for (int i = 0; i < AREA; i++) size += fabs((double)map_of(r)[i]);
        ck_assert_double_gt(size, 1e-4);
        ck_assert_double_le(fabs(metric(r, "completeness_error")), 1e-4 * size);
        xai_result_free(r);
    }
    xai_model_unref(m);
}
END_TEST

START_TEST(deepshap_is_the_mean_of_deeplift)
{
    static const char *const BASELINES[] = {"black", "white", "mean", "blur"};
    double mean[AREA] = {0};
    xai_model *m = everything(true);
    for (int k = 0; k < 4; k++) {
        xai_named_value params[] = {text("baseline", BASELINES[k])};
        xai_result *r = ask(m, "deeplift", params, 1, NULL);
        for (int i = 0; i < AREA; i++) mean[i] += (double)map_of(r)[i] / 4;
        xai_result_free(r);
    }
    xai_result *r = ask(m, "deepshap", NULL, 0, NULL);
    for (int i = 0; i < AREA; i++) ck_assert_double_eq_tol((double)map_of(r)[i], mean[i], 1e-5 * (1 + fabs(mean[i])));
    xai_result_free(r);
    xai_model_unref(m);
}
END_TEST

START_TEST(baselines_of_another_shape_are_refused)
{
    char folder[] = "/tmp/xai-draws-XXXXXX", file[64];
    xai_model *m = everything(false);
    xai_target target = of_class(1);
    xai_method_call call = {.id = "deepshap"};
    xai_error err = {0};
    xai_result *r = NULL;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/baselines.npy", folder);
    xai_array wrong = {.dtype = XAI_F32, .rank = 4, .shape = {1, 3, SIDE, SIDE - 1}, .data = pixels};
    ck_assert_int_eq(xai_npy_write(file, &wrong, NULL), XAI_OK);
    ck_assert_int_eq(try(m, &sample, &call, &target, folder, &r, &err), XAI_E_BAD_TENSOR);
    ck_assert_int_eq(xai_npy_write(file, &sample, NULL), XAI_OK); /* the picture itself: nothing is different */
    ck_assert_int_eq(try(m, &sample, &call, &target, folder, &r, &err), XAI_OK);
    xai_request q = {.model = m, .tensor = &sample, .calls = &call, .call_count = 1, .use_draws = folder};
    const xai_explanation *e = &r->explanations[0];
    double ran = e->forwards + 2 * e->backwards, one = xai_request_cost(&q);
    q.use_draws = NULL;
    ck_assert_double_le(fabs(one - ran), 1); /* of one baseline; without draws there are four */
    ck_assert_double_gt(xai_request_cost(&q), 2 * one);
    for (int i = 0; i < AREA; i++) ck_assert_float_eq(map_of(r)[i], 0);
    xai_result_free(r);
    unlink(file), rmdir(folder);
    xai_model_unref(m);
}
END_TEST

/* ---------------------------------------------------------------- DeconvNet, excitation backprop */

/* One convolution of ones: a kept activation comes down as itself, wherever its window has been. */
START_TEST(a_kept_activation_comes_down_through_its_filter)
{
    float ones[2 * 27];
    onnx_builder b;
    begin(&b);
    for (int i = 0; i < 54; i++) ones[i] = i < 27 ? 1 : -1;
    onnx_floats(&b, "w", "2x3x3x3", ones);
    conv(&b, "x w", "c", 1);
    onnx_node(&b, "Relu", "c", "r");
    onnx_node(&b, "GlobalAveragePool", "r", "g");
    onnx_node(&b, "Flatten", "g", "y");
    xai_model *m = finish(&b);
    xai_named_value params[] = {text("from", "activation"), text("layer", "r"), number("channel", 0), number("row", 3),
                                number("col", 4), text("channels", "mean")};
    double expected = 0;
    for (int c = 0; c < 3; c++)
        for (int y = 2; y <= 4; y++)
            for (int x = 3; x <= 5; x++) expected += (double)pixels[c * AREA + y * SIDE + x];
    if (expected < 0) { /* the other channel is active there */
        expected = -expected;
        params[2] = number("channel", 1);
    }
    xai_result *r = ask(m, "deconvnet", params, 6, NULL);
    double sign = params[2].number == 0 ? 1 : -1;
    ck_assert_double_eq_tol(metric(r, "activation"), expected, 1e-4);
    for (int i = 0; i < AREA; i++) {
        bool inside = i / SIDE >= 2 && i / SIDE <= 4 && i % SIDE >= 3 && i % SIDE <= 5;
        ck_assert_double_eq_tol((double)map_of(r)[i], inside ? sign * expected : 0, 1e-4);
    }
    xai_result_free(r);
    r = ask(m, "deconvnet", params, 2, NULL); /* the strongest: no other is above it */
    double strongest = metric(r, "activation");
    xai_result_free(r);
    for (int at = 0; at < AREA; at++) {
        params[3] = number("row", at / SIDE), params[4] = number("col", at % SIDE);
        r = ask(m, "deconvnet", params, 5, NULL);
        ck_assert_double_le(metric(r, "activation"), strongest);
        xai_result_free(r);
    }
    xai_model_unref(m);
}
END_TEST

START_TEST(a_place_that_a_layer_does_not_have_is_refused)
{
    static const char *const NAMES[] = {"channel", "row", "col"};
    xai_model *m = everything(false);
    xai_target target = of_class(1);
    for (int i = 0; i < 3; i++) {
        xai_error err = {0};
        xai_result *r = NULL;
        char where[32];
        xai_named_value params[] = {text("from", "activation"), text("layer", "r3"), number(NAMES[i], 9)};
        xai_method_call call = {"deconvnet", params, 3};
        snprintf(where, sizeof where, "params.%s", NAMES[i]);
        ck_assert_int_eq(try(m, &sample, &call, &target, NULL, &r, &err), XAI_E_BAD_PARAM);
        ck_assert_str_eq(err.where, where);
    }
    xai_model_unref(m);
}
END_TEST

/* A win is a probability: it stays whole but for what neurons lose that nothing has excited. */
START_TEST(wins_sum_to_one)
{
    static const char *const DIALECTS[] = {"zennit", "torchray"};
    xai_model *m = everything(false);
    for (int i = 0; i < 4; i++) {
        xai_named_value params[] = {text("at", "layer"), text("layer", i < 2 ? "r3" : "cat"),
                                    text("dialect", DIALECTS[i % 2])};
        xai_result *r = ask(m, "excitationbp", params, 3, NULL);
        ck_assert_double_gt(sum_of(r), 0.5);
        ck_assert_double_lt(sum_of(r), 1.0001);
        xai_result_free(r);
    }
    xai_model_unref(m);
}
END_TEST

/* ---------------------------------------------------------------- targets, refusals */

static const xai_target TARGETS[] = {
    {.class_index = 2, .contrast = 0},
    {.class_index = 2, .contrast = 0, .space = XAI_SPACE_PROBABILITY},
    {.class_index = 2, .contrast = -1, .space = XAI_SPACE_PROBABILITY},
    {.kind = XAI_TARGET_NEURON, .class_index = -1, .contrast = -1, .tensor = "r2", .index = 1, .row = -1, .col = -1},
    {.kind = XAI_TARGET_NEURON, .class_index = -1, .contrast = -1, .tensor = "sum", .index = 0, .row = 2, .col = 3},
    {.kind = XAI_TARGET_OUTPUT, .class_index = -1, .contrast = -1, .tensor = "y", .index = 4},
};
enum { TARGET_COUNT = sizeof TARGETS / sizeof *TARGETS };

START_TEST(relevance_starts_as_the_target_is)
{
    xai_model *m = everything(true);
    for (int i = 0; i < TARGET_COUNT; i++) {
        xai_result *r = ask(m, "lrp", NULL, 0, &TARGETS[i]);
        const xai_explanation *e = &r->explanations[0];
        double start = xai_doc_get(e->artifacts[1].doc, "start")->real;
        ck_assert_double_eq_tol(start, e->target_value, 1e-5 * (1 + fabs(start)));
        xai_result_free(r);
    }
    xai_model_unref(m);
}
END_TEST

START_TEST(every_target_is_attributed_to_the_full)
{
    xai_named_value params[] = {text("dialect", "complete")};
    xai_model *m = everything(true);
    for (int i = 0; i < TARGET_COUNT; i++) {
        xai_result *r = ask(m, "deeplift", params, 1, &TARGETS[i]);
        double size = 0;
        for (int k = 0; k < AREA; k++) size += fabs((double)map_of(r)[k]);
        ck_assert_double_gt(size, 1e-4);
        ck_assert_double_le(fabs(metric(r, "completeness_error")), 1e-4 * size);
        xai_result_free(r);
    }
    xai_model_unref(m);
}
END_TEST

/* Cells of a dense output each have their own Softmax. */
START_TEST(boxes_of_a_dense_output_are_attributed_to_the_full)
{
    xai_model *m = NULL;
    xai_array x;
    xai_error err = {0};
    xai_model_config config = {.head = XAI_HEAD_DENSE, .head_known = true};
    xai_target box = {.kind = XAI_TARGET_BOX, .class_index = 1, .contrast = -1, .space = XAI_SPACE_PROBABILITY,
                      .box = {5, 8, 20, 31}};
    xai_named_value params[] = {text("dialect", "complete")};
    xai_method_call call = {"deeplift", params, 1};
    ck_assert_int_eq(xai_model_load("tests/golden/data/tiny-fcn/model.onnx", &config, &m, NULL), XAI_OK);
    ck_assert_int_eq(xai_npy_read("tests/golden/data/tiny-fcn/input.npy", &x, NULL), XAI_OK);
    x.shape[0] = 1;
    for (int space = XAI_SPACE_LOGIT; space <= XAI_SPACE_PROBABILITY; space++) {
        xai_result *r = NULL;
        box.space = (xai_space)space;
        ck_assert_msg(try(m, &x, &call, &box, NULL, &r, &err) == XAI_OK, "%s", err.msg);
        ck_assert_double_le(fabs(metric(r, "completeness_error")), 1e-4 * (1 + fabs(r->explanations[0].target_value)));
        ck_assert_double_gt(fabs(sum_of(r)), 0.01);
        xai_result_free(r);
    }
    xai_array_clear(&x);
    xai_model_unref(m);
}
END_TEST

START_TEST(an_operator_without_a_rule_is_named)
{
    static const char *const METHODS[] = {"lrp", "excitationbp", "deeplift", "deepshap"};
    onnx_builder b;
    begin(&b);
    onnx_floats(&b, "w", "4x3x3x3", NULL);
    conv(&b, "x w", "c", 1);
    Onnx__NodeProto *node = onnx_node(&b, "LRN", "c", "n");
    onnx_attr_int(node, "size", 3);
    node->name = strdup("norm7");
    onnx_node(&b, "GlobalAveragePool", "n", "g");
    onnx_node(&b, "Flatten", "g", "y");
    xai_model *m = finish(&b);
    xai_target target = of_class(1);
    for (int i = 0; i < 4; i++) {
        xai_error err = {0};
        xai_result *r = NULL;
        xai_named_value complete = text("dialect", "complete");
        xai_method_call call = {METHODS[i], &complete, i < 2 ? 0 : 1};
        xai_request q = {.model = m, .tensor = &sample, .calls = &call, .call_count = 1};
        ck_assert_int_eq(xai_request_check(&q, &err), XAI_E_UNSUPPORTED_METHOD); /* before anything runs */
        bool served = xai_method_served(xai_method_find(METHODS[i]), m, NULL) == XAI_OK;
        ck_assert_int_eq(served, i >= 2); /* by Captum's rules multipliers pass */
        ck_assert_int_eq(try(m, &sample, &call, &target, NULL, &r, &err), XAI_E_UNSUPPORTED_METHOD);
        ck_assert_msg(strstr(err.msg, "LRN") != NULL, "%s: %s", METHODS[i], err.msg);
        ck_assert_ptr_nonnull(strstr(err.msg, "norm7"));
    }
    for (int i = 2; i < 4; i++) xai_result_free(ask(m, METHODS[i], NULL, 0, NULL)); /* Captum would pass it too */
    xai_model_unref(m);
}
END_TEST

/* A product of two maps of which none is a gate, and a net where it is all right. */
START_TEST(a_product_of_maps_is_refused_before_it_runs)
{
    for (int gated = 0; gated < 2; gated++) {
        onnx_builder b;
        begin(&b);
        onnx_floats(&b, "w", "4x3x3x3", NULL);
        onnx_floats(&b, "v", "64x64", NULL);
        conv(&b, "x w", "c", 1);
        onnx_node(&b, gated ? "Sigmoid" : "Relu", "c", "r");
        onnx_node(&b, "MatMul", "c r", "p")->name = strdup("meet");
        onnx_node(&b, "GlobalAveragePool", "p", "g");
        onnx_node(&b, "Flatten", "g", "y");
        xai_model *m = finish(&b);
        xai_error err = {0};
        xai_status status = xai_method_served(xai_method_find("lrp"), m, &err);
        ck_assert_msg(status == (gated ? XAI_OK : XAI_E_UNSUPPORTED_METHOD), "%s", err.msg);
        if (!gated) ck_assert_ptr_nonnull(strstr(err.msg, "meet"));

        if (gated) xai_result_free(ask(m, "lrp", NULL, 0, NULL));
        xai_model_unref(m);
    }
}
END_TEST

/* Of a net of dense layers alone what comes down to the pixels is as good as of any; what needs a map is refused. */
START_TEST(a_net_without_maps_is_served)
{
    onnx_builder b;
    begin(&b);
    onnx_floats(&b, "w1", "192x6", NULL), onnx_floats(&b, "w2", "6x5", NULL);
    onnx_node(&b, "Flatten", "x", "f");
    onnx_node(&b, "MatMul", "f w1", "h");
    onnx_node(&b, "Relu", "h", "r");
    onnx_node(&b, "MatMul", "r w2", "y");
    xai_model *m = finish(&b);
    static const char *const SERVED[] = {"deconvnet", "excitationbp", "lrp", "deeplift"};
    for (int i = 0; i < 4; i++) xai_result_free(ask(m, SERVED[i], NULL, 0, NULL));
    xai_named_value kept[] = {text("from", "activation"), text("layer", "h")};
    xai_result_free(ask(m, "deconvnet", kept, 2, NULL));
    static const struct {
        const char *method, *name, *value, *where;
    } REFUSED[] = {{"deconvnet", "from", "activation", "params.layer"}, {"excitationbp", "at", "layer", "params.at"},
                   {"excitationbp", "contrastive", "true", "params.contrast_layer"}};
    for (int i = 0; i < 3; i++) {
        xai_named_value params = text(REFUSED[i].name, REFUSED[i].value);
        xai_method_call call = {REFUSED[i].method, &params, 1};
        xai_request q = {.model = m, .tensor = &sample, .calls = &call, .call_count = 1};
        xai_error err = {0};
        ck_assert_int_eq(xai_request_check(&q, &err), XAI_E_BAD_PARAM);
        ck_assert_str_eq(err.where, REFUSED[i].where);
    }
    ck_assert_int_eq(xai_method_served(xai_method_find("gradcam"), m, NULL), XAI_E_UNSUPPORTED_METHOD);
    xai_model_unref(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("propagation");
    TCase *tc = tcase_create("propagation");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, relevance_is_conserved_without_biases);
    tcase_add_test(tc, what_leaks_is_told_by_layer);
    tcase_add_test(tc, a_linear_net_gives_each_pixel_its_term);
    tcase_add_test(tc, bounds_are_read_and_refused);
    tcase_add_test(tc, attributions_add_up);
    tcase_add_test(tc, deepshap_is_the_mean_of_deeplift);
    tcase_add_test(tc, baselines_of_another_shape_are_refused);
    tcase_add_test(tc, a_kept_activation_comes_down_through_its_filter);
    tcase_add_test(tc, a_place_that_a_layer_does_not_have_is_refused);
    tcase_add_test(tc, wins_sum_to_one);
    tcase_add_test(tc, relevance_starts_as_the_target_is);
    tcase_add_test(tc, every_target_is_attributed_to_the_full);
    tcase_add_test(tc, boxes_of_a_dense_output_are_attributed_to_the_full);
    tcase_add_test(tc, an_operator_without_a_rule_is_named);
    tcase_add_test(tc, a_product_of_maps_is_refused_before_it_runs);
    tcase_add_test(tc, a_net_without_maps_is_served);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
