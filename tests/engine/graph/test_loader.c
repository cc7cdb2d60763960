/* The loader against files that lie: one clear error each, no crash, no runaway memory. */
#include "graph/graph.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void expect_failure(onnx_builder *b, xai_status status, const char *word)
{
    xai_graph *g = NULL;
    xai_error err = {0};
    ck_assert_int_eq(xai_graph_load(onnx_write(b), &g, &err), status);
    ck_assert_msg(strstr(err.msg, word) != NULL, "'%s' does not say '%s'", err.msg, word);
    onnx_end(b);
}

static void begin_small(onnx_builder *b)
{
    onnx_begin(b, 13);
    onnx_input(b, "x", "0x3x8x8");
    onnx_output(b, "y");
}

START_TEST(reads_what_was_written)
{
    onnx_builder b;
    xai_graph *g = NULL;
    xai_error err = {0};
    begin_small(&b);
    onnx_floats(&b, "w", "4x3x1x1", NULL);
    onnx_attr_int(onnx_node(&b, "Conv", "x w", "y"), "group", 1);
    ck_assert_msg(xai_graph_load(onnx_write(&b), &g, &err) == XAI_OK, "%s", err.msg);
    ck_assert_uint_eq(g->node_count, 1);
    ck_assert_str_eq(g->nodes[0].type, "Conv");
    ck_assert_int_eq(g->opset, 13);
    ck_assert_int_eq(g->inputs[0].shape.dim[0], -1);
    ck_assert_int_eq(g->inputs[0].shape.dim[3], 8);
    ck_assert_int_eq(g->parameters, 12);
    const xai_tensor *w = xai_names_get(g->constants, "w");
    ck_assert_int_eq(xai_tensor_count(w), 12);
    ck_assert_double_eq_tol(xai_tensor_real(w, 1), (37 - 50) * 0.013, 1e-6);
    xai_graph_free(g);
    onnx_end(&b);
}
END_TEST

START_TEST(cycle_is_refused)
{
    onnx_builder b;
    begin_small(&b);
    onnx_node(&b, "Add", "x z", "y");
    onnx_node(&b, "Relu", "y", "z");
    expect_failure(&b, XAI_E_BAD_MODEL, "cyclic");
}
END_TEST

START_TEST(node_that_feeds_itself_is_refused)
{
    onnx_builder b;
    begin_small(&b);
    onnx_node(&b, "Add", "x y", "y");
    expect_failure(&b, XAI_E_BAD_MODEL, "cyclic");
}
END_TEST

START_TEST(missing_input_is_refused)
{
    onnx_builder b;
    begin_small(&b);
    onnx_node(&b, "Add", "x elsewhere", "y");
    expect_failure(&b, XAI_E_BAD_MODEL, "'elsewhere', which nothing makes");
}
END_TEST

/* As converters of finished files leave them; names by number mean the file's order. */
START_TEST(unsorted_nodes_are_sorted)
{
    onnx_builder b;
    xai_graph *g = NULL;
    const char *tensor = NULL;
    begin_small(&b);
    onnx_node(&b, "Add", "p q", "y");
    onnx_node(&b, "Relu", "q", "p");
    onnx_node(&b, "Sigmoid", "x", "q");
    ck_assert_int_eq(xai_graph_load(onnx_write(&b), &g, NULL), XAI_OK);
    ck_assert_str_eq(g->nodes[0].type, "Sigmoid");
    ck_assert_str_eq(g->nodes[1].type, "Relu");
    ck_assert_str_eq(g->nodes[2].type, "Add");
    ck_assert_ptr_eq(xai_names_get(g->makers, "y"), &g->nodes[2]);
    ck_assert_int_eq(xai_graph_find_tensor(g, "#1", &tensor, NULL), XAI_OK);
    ck_assert_str_eq(tensor, "p");
    xai_graph_free(g);
    onnx_end(&b);
}
END_TEST

START_TEST(missing_output_is_refused)
{
    onnx_builder b;
    begin_small(&b);
    onnx_node(&b, "Relu", "x", "elsewhere");
    expect_failure(&b, XAI_E_BAD_MODEL, "'y'");
}
END_TEST

START_TEST(name_made_twice_is_refused)
{
    onnx_builder b;
    begin_small(&b);
    onnx_node(&b, "Relu", "x", "y");
    onnx_node(&b, "Relu", "x", "y");
    expect_failure(&b, XAI_E_BAD_MODEL, "again");
}
END_TEST

START_TEST(two_gigabyte_claim_is_refused)
{
    onnx_builder b;
    begin_small(&b);
    onnx_floats(&b, "w", "2x2", NULL)->dims[0] = (int64_t)1 << 30;
    onnx_node(&b, "Add", "x w", "y");
    expect_failure(&b, XAI_E_BAD_MODEL, "claims");
}
END_TEST

START_TEST(overflowing_shape_is_refused)
{
    onnx_builder b;
    begin_small(&b);
    Onnx__TensorProto *t = onnx_floats(&b, "w", "2x2x2", NULL);
    t->dims[0] = t->dims[1] = t->dims[2] = (int64_t)1 << 40;
    onnx_node(&b, "Add", "x w", "y");
    expect_failure(&b, XAI_E_BAD_MODEL, "impossible shape");
}
END_TEST

START_TEST(negative_dimension_is_refused)
{
    onnx_builder b;
    begin_small(&b);
    onnx_floats(&b, "w", "2x2", NULL)->dims[1] = -2;
    onnx_node(&b, "Add", "x w", "y");
    expect_failure(&b, XAI_E_BAD_MODEL, "impossible shape");
}
END_TEST

START_TEST(unknown_element_type_is_refused)
{
    onnx_builder b;
    begin_small(&b);
    onnx_floats(&b, "w", "2x2", NULL)->data_type = 99;
    onnx_node(&b, "Add", "x w", "y");
    expect_failure(&b, XAI_E_UNSUPPORTED_OP, "99");
}
END_TEST

/* Every prefix of a real model: an error or, for a prefix that ends between fields, a smaller model; never a crash. */
START_TEST(every_truncation_is_survived)
{
    FILE *f = fopen("tests/golden/data/tiny-vgg/model.onnx", "rb");
    ck_assert_ptr_nonnull(f);
    static char bytes[1 << 18];
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    int failures = 0, tried = 0;
    for (size_t n = 0; n < size; n += n < 600 ? 7 : 997, tried++) {
        char path[] = "/tmp/xai-test-XXXXXX";
        int fd = mkstemp(path);
        ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
        close(fd);
        xai_graph *g = NULL;
        xai_error err = {0};
        if (xai_graph_load(path, &g, &err) != XAI_OK) {
            ck_assert_int_eq(xai_status_class(err.status), XAI_CLASS_INPUT);
            failures++;
        } else {
            xai_graph_free(g);
        }
        unlink(path);
    }
    ck_assert_int_gt(tried, 50);
    ck_assert_int_gt(failures, tried - 5);
}
END_TEST

START_TEST(garbage_and_missing_files_are_refused)
{
    xai_graph *g = NULL;
    xai_error err = {0};
    ck_assert_int_eq(xai_graph_load("/nowhere/model.onnx", &g, &err), XAI_E_IO);
    ck_assert_int_eq(xai_graph_load("/tmp", &g, &err), XAI_E_IO);
    ck_assert_int_eq(xai_graph_load("Makefile", &g, &err), XAI_E_BAD_MODEL);
    ck_assert_ptr_null(g);
}
END_TEST

START_TEST(half_floats_are_widened)
{
    onnx_builder b;
    xai_graph *g = NULL;
    static const uint16_t HALVES[] = {0x3c00, 0xc100, 0x0001, 0x7bff}; /* 1, -2.5, 2^-24, 65504 */
    begin_small(&b);
    Onnx__TensorProto *t = onnx_floats(&b, "w", "2x2", NULL);
    t->data_type = 10;
    t->raw_data.len = sizeof HALVES;
    memcpy(t->raw_data.data, HALVES, sizeof HALVES);
    onnx_node(&b, "Add", "x w", "y");
    ck_assert_int_eq(xai_graph_load(onnx_write(&b), &g, NULL), XAI_OK);
    const xai_tensor *w = xai_names_get(g->constants, "w");
    ck_assert_int_eq(w->dtype, XAI_F32);
    ck_assert(xai_tensor_real(w, 0) == 1 && xai_tensor_real(w, 1) == -2.5);
    ck_assert(xai_tensor_real(w, 2) == 0x1p-24 && xai_tensor_real(w, 3) == 65504);
    xai_graph_free(g);
    onnx_end(&b);
}
END_TEST

/* As typed lists: float16 and bfloat16 as integers, doubles in a list of their own. */
START_TEST(typed_lists_become_floats)
{
    onnx_builder b;
    xai_graph *g = NULL;
    int32_t halves[] = {0x3c00, 0xc100}, bfloats[] = {0x3f80, 0xc020};
    double doubles[] = {0.1, 1e30};
    begin_small(&b);
    Onnx__TensorProto *half = onnx_floats(&b, "half", "2", NULL), *bfloat = onnx_floats(&b, "bfloat", "2", NULL),
                      *real = onnx_floats(&b, "double", "2", NULL);
    half->has_raw_data = bfloat->has_raw_data = real->has_raw_data = 0;
    half->data_type = 10;
    bfloat->data_type = 16;
    real->data_type = 11;
    half->n_int32_data = bfloat->n_int32_data = real->n_double_data = 2;
    half->int32_data = memcpy(malloc(sizeof halves), halves, sizeof halves);
    bfloat->int32_data = memcpy(malloc(sizeof bfloats), bfloats, sizeof bfloats);
    real->double_data = memcpy(malloc(sizeof doubles), doubles, sizeof doubles);
    onnx_node(&b, "Relu", "x", "y");
    ck_assert_int_eq(xai_graph_load(onnx_write(&b), &g, NULL), XAI_OK);
    const float *h = ((xai_tensor *)xai_names_get(g->constants, "half"))->data;
    const float *f = ((xai_tensor *)xai_names_get(g->constants, "bfloat"))->data;
    const float *d = ((xai_tensor *)xai_names_get(g->constants, "double"))->data;
    ck_assert(h[0] == 1 && h[1] == -2.5F && f[0] == 1 && f[1] == -2.5F && d[0] == 0.1F && d[1] == 1e30F);
    xai_graph_free(g);
    onnx_end(&b);
}
END_TEST

START_TEST(double_beyond_float_is_refused)
{
    onnx_builder b;
    static const double VALUE = 1e300;
    begin_small(&b);
    Onnx__TensorProto *t = onnx_floats(&b, "w", "2", NULL);
    t->data_type = 11;
    memcpy(t->raw_data.data, &VALUE, sizeof VALUE);
    onnx_reshape(t, "1");
    onnx_node(&b, "Add", "x w", "y");
    expect_failure(&b, XAI_E_UNSUPPORTED_OP, "beyond float32");
}
END_TEST

/* IR version 3 lists the weights among the inputs. */
START_TEST(initializers_are_no_inputs)
{
    onnx_builder b;
    xai_graph *g = NULL;
    begin_small(&b);
    onnx_input(&b, "w", "3x1x1");
    onnx_floats(&b, "w", "3x1x1", NULL);
    onnx_node(&b, "Add", "x w", "y");
    ck_assert_int_eq(xai_graph_load(onnx_write(&b), &g, NULL), XAI_OK);
    ck_assert_uint_eq(g->input_count, 1);
    ck_assert_str_eq(g->inputs[0].name, "x");
    xai_graph_free(g);
    onnx_end(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/loader");
    TCase *tc = tcase_create("loader");
    tcase_add_test(tc, reads_what_was_written);
    tcase_add_test(tc, cycle_is_refused);
    tcase_add_test(tc, node_that_feeds_itself_is_refused);
    tcase_add_test(tc, missing_input_is_refused);
    tcase_add_test(tc, unsorted_nodes_are_sorted);
    tcase_add_test(tc, missing_output_is_refused);
    tcase_add_test(tc, name_made_twice_is_refused);
    tcase_add_test(tc, two_gigabyte_claim_is_refused);
    tcase_add_test(tc, overflowing_shape_is_refused);
    tcase_add_test(tc, negative_dimension_is_refused);
    tcase_add_test(tc, unknown_element_type_is_refused);
    tcase_add_test(tc, every_truncation_is_survived);
    tcase_add_test(tc, garbage_and_missing_files_are_refused);
    tcase_add_test(tc, half_floats_are_widened);
    tcase_add_test(tc, typed_lists_become_floats);
    tcase_add_test(tc, double_beyond_float_is_refused);
    tcase_add_test(tc, initializers_are_no_inputs);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
