/* Heads and outputs: what a model's output is taken for, and what is told of the others. */
#include "graph/model.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static onnx_builder b;
static xai_model *model;
static xai_error err;

static void tear_down(void)
{
    xai_model_unref(model);
    model = NULL;
    onnx_end(&b);
}

/* x (1x3x8x12) -> Conv -> "scores" of `channels` maps, half the size. */
static void begin(int channels)
{
    static const int64_t STRIDES[] = {2, 2};
    char shape[32];
    snprintf(shape, sizeof shape, "%dx3x2x2", channels);
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "0x3x8x12");
    onnx_floats(&b, "w", shape, NULL);
    onnx_attr_ints(onnx_node(&b, "Conv", "x w", "scores"), "strides", 2, STRIDES);
}

static xai_status load(const char *head, const char *name, xai_layout layout)
{
    static const char *const HEADS[] = {"softmax", "probabilities", "sigmoid", "regression", "dense"};
    xai_model_config config = {.output_name = name, .layout = layout};
    for (int i = 0; head && i < 5; i++)
        if (strcmp(HEADS[i], head) == 0) {
            config.head = (xai_head)i;
            config.head_known = true;
        }
    return xai_model_load(onnx_write(&b), &config, &model, &err);
}

START_TEST(a_map_is_a_dense_output_unless_it_is_said_otherwise)
{
    begin(5);
    onnx_output(&b, "scores");
    ck_assert_int_eq(load("softmax", NULL, XAI_LAYOUT_NCHW), XAI_E_UNSUPPORTED_OP);
    ck_assert_ptr_nonnull(strstr(err.msg, "dense"));
    ck_assert_int_eq(load(NULL, NULL, XAI_LAYOUT_NCHW), XAI_OK);
    ck_assert_int_eq(model->info.head, XAI_HEAD_DENSE);
    ck_assert_int_eq(model->info.classes, 5);
    ck_assert_int_eq(model->link, XAI_LINK_SOFTMAX);
    ck_assert_str_eq(model->logits, "scores");
    ck_assert(model->cells.rows == 4 && model->cells.cols == 6);
    ck_assert(model->cells.class_stride == 24 && model->cells.row_stride == 6 && model->cells.col_stride == 1);
}
END_TEST

START_TEST(a_list_is_no_dense_output)
{
    begin(5);
    onnx_node(&b, "GlobalAveragePool", "scores", "y");
    onnx_output(&b, "y");
    ck_assert_int_eq(load(NULL, NULL, XAI_LAYOUT_NCHW), XAI_OK);
    ck_assert_int_eq(model->info.head, XAI_HEAD_SOFTMAX);
    xai_model_unref(model);
    model = NULL;
    onnx_node(&b, "Flatten", "y", "z");
    onnx_output(&b, "z");
    ck_assert_int_eq(load("dense", "z", XAI_LAYOUT_NCHW), XAI_E_BAD_CONFIG);
    ck_assert_str_eq(err.where, "output.head");
}
END_TEST

START_TEST(softmax_over_the_classes_of_a_cell_is_the_link)
{
    begin(5);
    onnx_attr_int(onnx_node(&b, "Softmax", "scores", "y"), "axis", 1);
    onnx_output(&b, "y");
    ck_assert_int_eq(load("dense", NULL, XAI_LAYOUT_NCHW), XAI_OK);
    ck_assert_str_eq(model->logits, "scores");
    ck_assert_int_eq(model->link, XAI_LINK_SOFTMAX);
}
END_TEST

START_TEST(softmax_over_places_is_part_of_the_scores)
{
    begin(5);
    onnx_attr_int(onnx_node(&b, "Softmax", "scores", "y"), "axis", 3);
    onnx_output(&b, "y");
    ck_assert_int_eq(load("dense", NULL, XAI_LAYOUT_NCHW), XAI_OK);
    ck_assert_str_eq(model->logits, "y");
}
END_TEST

START_TEST(one_map_is_as_likely_as_its_sigmoid)
{
    begin(1);
    onnx_output(&b, "scores");
    ck_assert_int_eq(load(NULL, NULL, XAI_LAYOUT_NCHW), XAI_OK);
    ck_assert_int_eq(model->link, XAI_LINK_SIGMOID);
    xai_model_unref(model);
    model = NULL;
    onnx_node(&b, "Sigmoid", "scores", "y");
    onnx_output(&b, "y");
    ck_assert_int_eq(load(NULL, "y", XAI_LAYOUT_NCHW), XAI_OK);
    ck_assert_int_eq(model->link, XAI_LINK_SIGMOID);
    ck_assert_str_eq(model->logits, "scores");
}
END_TEST

START_TEST(channels_come_last_in_an_nhwc_model)
{
    static const int64_t TO_NCHW[] = {0, 3, 1, 2}, TO_NHWC[] = {0, 2, 3, 1};
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "0x8x12x3");
    onnx_floats(&b, "w", "5x3x1x1", NULL);
    onnx_attr_ints(onnx_node(&b, "Transpose", "x", "t"), "perm", 4, TO_NCHW);
    onnx_node(&b, "Conv", "t w", "c");
    onnx_attr_ints(onnx_node(&b, "Transpose", "c", "s"), "perm", 4, TO_NHWC);
    onnx_attr_int(onnx_node(&b, "Softmax", "s", "y"), "axis", -1);
    onnx_output(&b, "y");
    ck_assert_msg(load(NULL, NULL, XAI_LAYOUT_NHWC) == XAI_OK, "%s", err.msg);
    ck_assert_int_eq(model->info.classes, 5);
    ck_assert_str_eq(model->logits, "s");
    ck_assert(model->cells.rows == 8 && model->cells.cols == 12);
    ck_assert(model->cells.class_stride == 1 && model->cells.row_stride == 60 && model->cells.col_stride == 5);
}
END_TEST

/* ---------------------------------------------------------------- outputs */

static const xai_output_info *told(const char *name)
{
    for (size_t i = 0; i < model->info.output_count; i++)
        if (strcmp(model->info.outputs[i].name, name) == 0) return &model->info.outputs[i];
    ck_abort_msg("%s is not told of", name);
    return NULL;
}

START_TEST(an_output_that_cannot_be_made_does_not_stand_in_the_way)
{
    begin(5);
    onnx_node(&b, "GlobalAveragePool", "scores", "y");
    onnx_node(&b, "Relu", "scores", "map");
    onnx_node(&b, "NonMaxSuppression", "scores scores", "boxes");
    onnx_input(&b, "other", "1x3x8x12");
    onnx_node(&b, "Add", "x other", "mixed");
    onnx_floats(&b, "constant", "1x2", NULL);
    onnx_attr_int(onnx_node(&b, "Cast", "y", "whole"), "to", 7);
    static const char *const NAMES[] = {"y", "map", "boxes", "mixed", "constant", "whole"};
    for (int i = 0; i < 6; i++) onnx_output(&b, NAMES[i]);
    ck_assert_msg(load("softmax", NULL, XAI_LAYOUT_NCHW) == XAI_OK, "%s", err.msg);
    ck_assert_uint_eq(model->info.output_count, 6);
    ck_assert_ptr_null(told("y")->refusal);
    ck_assert_ptr_null(told("map")->refusal);
    ck_assert(told("map")->rank == 4 && told("map")->shape[3] == 6);
    ck_assert_ptr_nonnull(strstr(told("boxes")->refusal, "NonMaxSuppression"));
    ck_assert_ptr_nonnull(strstr(told("mixed")->refusal, "other"));
    ck_assert_ptr_nonnull(told("constant")->refusal);
    ck_assert_ptr_nonnull(told("whole")->refusal);
    const char *tensor = NULL;
    ck_assert_int_eq(xai_model_find_output(model, "map", &tensor, &err), XAI_OK);
    ck_assert_int_eq(xai_model_find_output(model, "boxes", &tensor, &err), XAI_E_UNSUPPORTED);
    ck_assert_int_eq(xai_model_find_output(model, "none", &tensor, &err), XAI_E_UNKNOWN_LAYER);
    ck_assert_int_eq(xai_model_find_layer(model, "map", &tensor, &err), XAI_OK);
    ck_assert_int_eq(xai_model_find_layer(model, "mixed", &tensor, &err), XAI_E_UNKNOWN_LAYER);
    ck_assert_int_eq(xai_model_check_reaches(model, "scores", "y", &err), XAI_OK);
    ck_assert_int_eq(xai_model_check_reaches(model, "map", "y", &err), XAI_E_BAD_PARAM);
}
END_TEST

START_TEST(an_own_output_that_cannot_be_made_is_an_error)
{
    begin(5);
    onnx_node(&b, "GlobalAveragePool", "scores", "y");
    onnx_node(&b, "NonMaxSuppression", "scores scores", "boxes");
    onnx_output(&b, "y");
    onnx_output(&b, "boxes");
    ck_assert_int_eq(load(NULL, "boxes", XAI_LAYOUT_NCHW), XAI_E_UNSUPPORTED_OP);
    ck_assert_ptr_null(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("head");
    TCase *tc = tcase_create("head");
    tcase_add_checked_fixture(tc, NULL, tear_down);
    tcase_add_test(tc, a_map_is_a_dense_output_unless_it_is_said_otherwise);
    tcase_add_test(tc, a_list_is_no_dense_output);
    tcase_add_test(tc, softmax_over_the_classes_of_a_cell_is_the_link);
    tcase_add_test(tc, softmax_over_places_is_part_of_the_scores);
    tcase_add_test(tc, one_map_is_as_likely_as_its_sigmoid);
    tcase_add_test(tc, channels_come_last_in_an_nhwc_model);
    tcase_add_test(tc, an_output_that_cannot_be_made_does_not_stand_in_the_way);
    tcase_add_test(tc, an_own_output_that_cannot_be_made_is_an_error);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
