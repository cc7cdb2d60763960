/* What a model's description reads from the graph where no sidecar says it: layout, output, head, layers. */
#include "graph/model.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <string.h>

static void begin(onnx_builder *b, const char *shape)
{
    onnx_begin(b, 13);
    onnx_input(b, "x", shape);
}

static xai_model *load(onnx_builder *b, const xai_model_config *config)
{
    xai_model *m = NULL;
    xai_error err = {0};
    ck_assert_msg(xai_model_load(onnx_write(b), config, &m, &err) == XAI_OK, "%s", err.msg);
    onnx_end(b);
    return m;
}

static void expect_refused(onnx_builder *b, const xai_model_config *config, const char *word)
{
    xai_model *m = NULL;
    xai_error err = {0};
    ck_assert_int_ne(xai_model_load(onnx_write(b), config, &m, &err), XAI_OK);
    ck_assert_ptr_null(m);
    ck_assert_msg(strstr(err.msg, word) != NULL, "'%s' does not say '%s'", err.msg, word);
    onnx_end(b);
}

static bool warns(const xai_model *m, const char *word)
{
    for (size_t i = 0; i < m->info.warning_count; i++)
        if (strstr(m->info.warnings[i], word)) return true;
    return false;
}

static bool is_spatial(const xai_model *m, const char *tensor)
{
    for (size_t i = 0; i < m->info.layer_count; i++)
        if (strcmp(m->info.layers[i].name, tensor) == 0) return m->info.layers[i].spatial;
    ck_abort_msg("no layer '%s'", tensor);
}

/* ---------------------------------------------------------------- layout */

static void add_scores(onnx_builder *b, const char *from, const char *to)
{
    onnx_node(b, "GlobalAveragePool", from, "pooled");
    onnx_node(b, "Flatten", "pooled", to);
}

START_TEST(channels_are_where_the_shape_has_three)
{
    static const struct {
        const char *shape;
        xai_layout layout;
        int64_t height, width;
    } CASES[] = {{"0x3x8x6", XAI_LAYOUT_NCHW, 8, 6}, {"0x8x6x3", XAI_LAYOUT_NHWC, 8, 6},
                 {"0x0x0x3", XAI_LAYOUT_NHWC, 224, 224}, {"0x3x0x0", XAI_LAYOUT_NCHW, 224, 224},
                 {"0x0x0x0", XAI_LAYOUT_NCHW, 224, 224}, {"0x3x8x3", XAI_LAYOUT_NCHW, 8, 3},
                 {"0x28x28x1", XAI_LAYOUT_NHWC, 28, 28}};
    onnx_builder b;
    begin(&b, CASES[_i].shape);
    onnx_output(&b, "y");
    bool last = CASES[_i].layout == XAI_LAYOUT_NHWC;
    if (last) onnx_attr_ints(onnx_node(&b, "Transpose", "x", "turned"), "perm", 4, (const int64_t[]){0, 3, 1, 2});
    else onnx_node(&b, "Relu", "x", "turned");
    onnx_node(&b, "Flatten", "turned", "y");
    xai_model *m = load(&b, NULL);
    ck_assert_int_eq(m->info.layout, CASES[_i].layout);
    ck_assert_int_eq(m->info.input_shape[last ? 1 : 2], CASES[_i].height);
    ck_assert_int_eq(m->info.input_shape[last ? 2 : 3], CASES[_i].width);
    ck_assert(is_spatial(m, "turned"));
    xai_model_unref(m);
}
END_TEST

START_TEST(sidecar_outvotes_the_shape)
{
    onnx_builder b;
    xai_model_config config = {.layout = XAI_LAYOUT_NCHW, .layout_known = true};
    begin(&b, "0x8x8x3");
    onnx_output(&b, "y");
    onnx_node(&b, "Flatten", "x", "y");
    expect_refused(&b, &config, "8 channels");
}
END_TEST

START_TEST(tensors_with_channels_last_are_no_layers)
{
    onnx_builder b;
    begin(&b, "0x8x8x3");
    onnx_output(&b, "y");
    onnx_floats(&b, "w", "4x3x3x3", NULL);
    onnx_node(&b, "Neg", "x", "before");
    onnx_attr_ints(onnx_node(&b, "Transpose", "before", "turned"), "perm", 4, (const int64_t[]){0, 3, 1, 2});
    onnx_node(&b, "Conv", "turned w", "conv");
    onnx_attr_ints(onnx_node(&b, "Transpose", "conv", "back"), "perm", 4, (const int64_t[]){0, 2, 3, 1});
    onnx_node(&b, "Relu", "back", "after");
    Onnx__NodeProto *mean = onnx_node(&b, "ReduceMean", "after", "y");
    onnx_attr_ints(mean, "axes", 2, (const int64_t[]){1, 2});
    onnx_attr_int(mean, "keepdims", 0);
    xai_model *m = load(&b, NULL);
    ck_assert(!is_spatial(m, "before") && is_spatial(m, "turned") && is_spatial(m, "conv"));
    ck_assert(!is_spatial(m, "back") && !is_spatial(m, "after"));
    ck_assert_str_eq(m->info.default_layer, "conv");
    xai_model_unref(m);
}
END_TEST

START_TEST(dense_output_lies_as_its_own_tensor_does)
{
    onnx_builder b;
    begin(&b, "0x3x8x6");
    onnx_output(&b, "y");
    onnx_floats(&b, "w", "5x3x1x1", NULL);
    onnx_node(&b, "Conv", "x w", "conv");
    onnx_attr_ints(onnx_node(&b, "Transpose", "conv", "y"), "perm", 4, (const int64_t[]){0, 2, 3, 1});
    xai_model *m = load(&b, NULL);
    ck_assert_int_eq(m->info.head, XAI_HEAD_DENSE);
    ck_assert(m->info.classes == 5 && m->cells.rows == 8 && m->cells.cols == 6 && m->cells.class_stride == 1);
    xai_model_unref(m);
}
END_TEST

/* ---------------------------------------------------------------- outputs */

START_TEST(scores_are_chosen_among_outputs)
{
    onnx_builder b;
    begin(&b, "0x3x8x8");
    onnx_output(&b, "map");
    onnx_output(&b, "number");
    onnx_output(&b, "strange");
    onnx_output(&b, "scores");
    onnx_node(&b, "Relu", "x", "map");
    onnx_node(&b, "ReduceMean", "x", "number");
    onnx_node(&b, "NoSuchOperator", "x", "strange");
    add_scores(&b, "map", "scores");
    xai_model *m = load(&b, NULL);
    ck_assert_str_eq(m->info.output_name, "scores");
    ck_assert(m->info.classes == 3 && warns(m, "4 outputs: 'scores'"));
    xai_model_unref(m);
}
END_TEST

START_TEST(named_output_is_taken)
{
    onnx_builder b;
    xai_model_config config = {.output_name = "map"};
    begin(&b, "0x3x8x8");
    onnx_output(&b, "scores");
    onnx_output(&b, "map");
    onnx_node(&b, "Relu", "x", "map");
    add_scores(&b, "map", "scores");
    xai_model *m = load(&b, &config);
    ck_assert_str_eq(m->info.output_name, "map");
    ck_assert(!warns(m, "outputs:"));
    xai_model_unref(m);
}
END_TEST

START_TEST(unknown_operator_is_named_where_no_output_can_be_had)
{
    onnx_builder b;
    begin(&b, "0x3x8x8");
    onnx_output(&b, "a");
    onnx_output(&b, "b");
    Onnx__NodeProto *n = onnx_node(&b, "Special", "x", "a");
    onnx_node(&b, "Neg", "a", "b");
    n->domain = strdup("com.example");
    n->name = strdup("the_node");
    expect_refused(&b, NULL, "com.example.Special (node 0, the_node)");
}
END_TEST

/* ---------------------------------------------------------------- heads */

START_TEST(softmax_is_seen_through_what_hands_on)
{
    onnx_builder b;
    begin(&b, "0x3x8x8");
    onnx_output(&b, "y");
    onnx_ints(&b, "flat", "2", (const int64_t[]){0, -1});
    onnx_ints(&b, "axes", "2", (const int64_t[]){2, 3});
    onnx_node(&b, "GlobalAveragePool", "x", "pooled");
    onnx_attr_int(onnx_node(&b, "Softmax", "pooled", "s"), "axis", 1);
    onnx_node(&b, "Squeeze", "s axes", "squeezed");
    onnx_attr_int(onnx_node(&b, "Cast", "squeezed", "half"), "to", 10);
    onnx_node(&b, "Identity", "half", "same");
    onnx_attr_int(onnx_node(&b, "Cast", "same", "single"), "to", 1);
    onnx_node(&b, "Reshape", "single flat", "y");
    xai_model *m = load(&b, NULL);
    ck_assert_int_eq(m->info.head, XAI_HEAD_PROBABILITIES);
    ck_assert_str_eq(m->logits, "pooled");
    xai_model_unref(m);
}
END_TEST

/* Over the pixels of one channel: what comes out are no probabilities of classes. */
START_TEST(softmax_along_another_axis_is_no_head)
{
    onnx_builder b;
    begin(&b, "0x3x8x8");
    onnx_output(&b, "y");
    onnx_node(&b, "GlobalAveragePool", "x", "pooled");
    onnx_attr_int(onnx_node(&b, "Softmax", "pooled", "s"), "axis", 3);
    onnx_node(&b, "Flatten", "s", "y");
    xai_model *m = load(&b, NULL);
    ck_assert_int_eq(m->info.head, XAI_HEAD_SOFTMAX);
    ck_assert_str_eq(m->logits, "y");
    xai_model_unref(m);
}
END_TEST

START_TEST(sigmoid_makes_scores_of_their_own)
{
    onnx_builder b;
    begin(&b, "0x3x8x8");
    onnx_output(&b, "y");
    add_scores(&b, "x", "scores");
    onnx_node(&b, "Sigmoid", "scores", "y");
    xai_model *m = load(&b, NULL);
    ck_assert_int_eq(m->info.head, XAI_HEAD_SIGMOID);
    ck_assert_str_eq(m->logits, "scores");
    ck_assert(warns(m, "Sigmoid"));
    xai_model_unref(m);
}
END_TEST

START_TEST(one_number_is_no_class)
{
    onnx_builder b;
    begin(&b, "0x3x8x8");
    onnx_output(&b, "y");
    onnx_node(&b, "ReduceMean", "x", "y");
    xai_model *m = load(&b, NULL);
    ck_assert_int_eq(m->info.head, XAI_HEAD_REGRESSION);
    ck_assert_int_eq(m->info.classes, 1);
    xai_model_unref(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/model");
    TCase *tc = tcase_create("model");
    tcase_add_loop_test(tc, channels_are_where_the_shape_has_three, 0, 7);
    tcase_add_test(tc, sidecar_outvotes_the_shape);
    tcase_add_test(tc, tensors_with_channels_last_are_no_layers);
    tcase_add_test(tc, dense_output_lies_as_its_own_tensor_does);
    tcase_add_test(tc, scores_are_chosen_among_outputs);
    tcase_add_test(tc, named_output_is_taken);
    tcase_add_test(tc, unknown_operator_is_named_where_no_output_can_be_had);
    tcase_add_test(tc, softmax_is_seen_through_what_hands_on);
    tcase_add_test(tc, softmax_along_another_axis_is_no_head);
    tcase_add_test(tc, sigmoid_makes_scores_of_their_own);
    tcase_add_test(tc, one_number_is_no_class);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
