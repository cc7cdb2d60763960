/* The program builder: folding, fusing, keeping; and that fusing changes no number beyond rounding. */
#include "graph/session.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct built {
    xai_graph *graph;
    xai_program *program;
} built;

static built build(onnx_builder *b, const char *const *keep, size_t keep_count, bool outline)
{
    static const char *const OUTPUT[] = {"y"};
    built r = {0};
    xai_error err = {0};
    xai_shape shape = {4, {1, 3, 8, 8}};
    xai_program_spec spec = {.shapes = &shape, .outputs = OUTPUT, .output_count = 1, .keep = keep,
                             .keep_count = keep_count, .outline = outline};
    ck_assert_msg(xai_graph_load(onnx_write(b), &r.graph, &err) == XAI_OK, "%s", err.msg);
    ck_assert_msg(xai_program_build(r.graph, &spec, &r.program, &err) == XAI_OK, "%s", err.msg);
    onnx_end(b);
    return r;
}

static void drop(built *r)
{
    xai_program_free(r->program);
    xai_graph_free(r->graph);
}

/* Pad, Conv, BatchNormalization, Relu, with the padding computed as exporters do. */
static void block(onnx_builder *b)
{
    static const int64_t PADS[] = {0, 0, 1, 1, 0, 0, 1, 1}, EIGHT[] = {8};
    static const float VARIANCE[] = {1.5F, 0.4F, 2, 0.9F};
    onnx_begin(b, 13);
    onnx_input(b, "x", "0x3x8x8");
    onnx_output(b, "y");
    onnx_ints(b, "pads", "8", PADS);
    onnx_ints(b, "eight", "1", EIGHT);
    onnx_floats(b, "w", "4x3x3x3", NULL);
    onnx_floats(b, "b", "4", NULL);
    onnx_floats(b, "gamma", "4", NULL);
    onnx_floats(b, "beta", "4", NULL);
    onnx_floats(b, "mean", "4", NULL);
    onnx_floats(b, "var", "4", VARIANCE);
    onnx_node(b, "Reshape", "pads eight", "folded");
    onnx_node(b, "Pad", "x folded", "padded");
    onnx_node(b, "Conv", "padded w b", "conv");
    onnx_node(b, "BatchNormalization", "conv gamma beta mean var", "norm");
    onnx_node(b, "Relu", "norm", "y");
}

/* Nodes that compute; the Reorders between the orders of the axes are the layout's business. */
static int working_nodes(const built *r)
{
    int n = 0;
    for (int i = 0; i < r->program->node_count; i++) n += strcmp(r->program->nodes[i]->op->type, "Reorder") != 0;
    return n;
}

START_TEST(block_fuses_to_one_node)
{
    onnx_builder b;
    block(&b);
    built r = build(&b, NULL, 0, false);
    ck_assert_int_eq(working_nodes(&r), 1);
    ck_assert_str_eq(r.program->nodes[1]->op->type, "Conv"); /* between two Reorders */
    ck_assert_ptr_nonnull(xai_program_find(r.program, "y"));
    ck_assert_ptr_null(xai_program_find(r.program, "conv"));
    ck_assert_ptr_null(xai_program_find(r.program, "padded"));
    drop(&r);
}
END_TEST

START_TEST(outline_names_every_tensor)
{
    onnx_builder b;
    block(&b);
    built r = build(&b, NULL, 0, true);
    ck_assert_int_eq(r.program->node_count, 4);
    ck_assert_int_eq(xai_program_find(r.program, "padded")->shape.dim[2], 10);
    ck_assert_ptr_nonnull(xai_program_find(r.program, "norm"));
    drop(&r);
}
END_TEST

static void run(const built *r, const char *name, float *out, size_t count)
{
    xai_session *s = NULL;
    xai_par serial = {NULL};
    xai_session_spec spec = {.mode = XAI_PLAN_FORWARD, .keep = &name, .keep_count = 1, .threads = 1};
    ck_assert_int_eq(xai_session_new(r->program, &spec, &s, NULL), XAI_OK);
    float *x = xai_session_data(s, "x");
    for (int i = 0; i < 192; i++) x[i] = sinf((float)i * 0.7F);
    xai_session_forward(s, &serial);
    memcpy(out, xai_session_data(s, name), count * sizeof *out);
    xai_session_free(s);
}

/* Keeping "conv" and "norm" forbids the fusions; the result must stay. */
START_TEST(kept_tensors_exist_and_nothing_changes)
{
    static const char *const KEEP[] = {"conv", "norm", "padded"};
    onnx_builder b;
    float fused[256], plain[256], norm[256];
    block(&b);
    built r = build(&b, NULL, 0, false);
    run(&r, "y", fused, 256);
    drop(&r);
    block(&b);
    r = build(&b, KEEP, 3, false);
    ck_assert_int_eq(working_nodes(&r), 4);
    run(&r, "y", plain, 256);
    run(&r, "norm", norm, 256);
    int negative = 0;
    for (int i = 0; i < 256; i++) {
        ck_assert_float_eq_tol(fused[i], plain[i], 1e-5F);
        ck_assert(plain[i] == (norm[i] > 0 ? norm[i] : 0));
        negative += norm[i] < 0;
    }
    ck_assert_int_gt(negative, 20); /* the Relu had something to do */
    drop(&r);
}
END_TEST

START_TEST(value_with_two_readers_is_not_fused_away)
{
    onnx_builder b;
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "0x3x8x8");
    onnx_output(&b, "y");
    onnx_floats(&b, "w", "3x3x1x1", NULL);
    onnx_node(&b, "Conv", "x w", "conv");
    onnx_node(&b, "Relu", "conv", "relu");
    onnx_node(&b, "Add", "conv relu", "y");
    built r = build(&b, NULL, 0, false);
    ck_assert_int_eq(working_nodes(&r), 3);
    drop(&r);
}
END_TEST

/* SiLU and hard-swish as exporters write them; not where the gate is asked for, or gates something else. */
START_TEST(activations_of_two_nodes_are_one)
{
    static const char *const GATE[] = {"gate"};
    for (int i = 0; i < 4; i++) {
        onnx_builder b;
        onnx_begin(&b, 13);
        onnx_input(&b, "x", "0x3x8x8");
        onnx_output(&b, "y");
        Onnx__NodeProto *gate = onnx_node(&b, i == 1 ? "HardSigmoid" : "Sigmoid", "x", "gate");
        if (i == 1) onnx_attr_float(gate, "alpha", 1 / 6.0F);
        if (i == 3) onnx_node(&b, "GlobalAveragePool", "gate", "other");
        onnx_node(&b, "Mul", i == 3 ? "x other" : i == 1 ? "gate x" : "x gate", "y");
        built r = build(&b, i == 2 ? GATE : NULL, i == 2, false);
        const char *type = i == 0 ? "Swish" : i == 1 ? "HardSwish" : "Mul";
        ck_assert_int_eq(r.program->node_count, i < 2 ? 1 : i);
        ck_assert_str_eq(r.program->nodes[r.program->node_count - 1]->op->type, type);
        drop(&r);
    }
}
END_TEST

/* What a residual block ends with: two convolutions, their sum, a clamp. */
START_TEST(sum_joins_the_later_convolution)
{
    onnx_builder b;
    float fused[192], plain[192];
    static const char *const KEEP[] = {"first", "second", "sum"};
    for (int kept = 0; kept < 2; kept++) {
        onnx_begin(&b, 13);
        onnx_input(&b, "x", "0x3x8x8");
        onnx_output(&b, "y");
        onnx_floats(&b, "v", "3x3x1x1", NULL);
        onnx_floats(&b, "w", "3x3x1x1", NULL);
        onnx_node(&b, "Conv", "x v", "first");
        onnx_node(&b, "Conv", "x w", "second");
        onnx_node(&b, "Add", "first second", "sum");
        onnx_node(&b, "Relu", "sum", "y");
        built r = build(&b, KEEP, kept ? 3 : 0, false);
        ck_assert_int_eq(working_nodes(&r), kept ? 4 : 2);
        run(&r, "y", kept ? plain : fused, 192);
        drop(&r);
    }
    for (int i = 0; i < 192; i++) ck_assert_float_eq_tol(fused[i], plain[i], 1e-5F);
}
END_TEST

/* As position encodings by convolution are added: whether or not the sum is kept, the numbers are the same. */
START_TEST(sum_after_a_depthwise_convolution_is_added)
{
    onnx_builder b;
    float fused[192], plain[192];
    static const char *const KEEP[] = {"conv"};
    for (int kept = 0; kept < 2; kept++) {
        onnx_begin(&b, 13);
        onnx_input(&b, "x", "0x3x8x8");
        onnx_output(&b, "y");
        onnx_floats(&b, "w", "3x1x1x1", NULL);
        onnx_attr_int(onnx_node(&b, "Conv", "x w", "conv"), "group", 3);
        onnx_node(&b, "Add", "conv x", "y");
        built r = build(&b, KEEP, (size_t)kept, false);
        run(&r, "y", kept ? plain : fused, 192);
        drop(&r);
    }
    for (int i = 0; i < 192; i++) ck_assert_float_eq_tol(fused[i], plain[i], 1e-5F);
}
END_TEST

/* The normalisation scales the sum, not the convolution alone. */
START_TEST(normalization_after_a_sum_stays)
{
    static const float VAR[] = {0.3F, 1.2F, 2.5F};
    static const char *const KEEP[] = {"conv", "sum"};
    onnx_builder b;
    float fused[192], plain[192];
    for (int kept = 0; kept < 2; kept++) {
        onnx_begin(&b, 13);
        onnx_input(&b, "x", "0x3x8x8");
        onnx_output(&b, "y");
        onnx_floats(&b, "w", "3x3x1x1", NULL);
        onnx_floats(&b, "gamma", "3", NULL);
        onnx_floats(&b, "beta", "3", NULL);
        onnx_floats(&b, "mean", "3", NULL);
        onnx_floats(&b, "var", "3", VAR);
        onnx_node(&b, "Conv", "x w", "conv");
        onnx_node(&b, "Add", "conv x", "sum");
        onnx_node(&b, "BatchNormalization", "sum gamma beta mean var", "y");
        built r = build(&b, KEEP, kept ? 2 : 0, false);
        ck_assert_int_eq(working_nodes(&r), kept ? 3 : 2);
        run(&r, "y", kept ? plain : fused, 192);
        drop(&r);
    }
    for (int i = 0; i < 192; i++) ck_assert_float_eq_tol(fused[i], plain[i], 1e-5F);
}
END_TEST

START_TEST(shape_arithmetic_folds)
{
    static const int64_t ZERO[] = {0}, REST[] = {-1};
    onnx_builder b;
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "0x3x8x8");
    onnx_output(&b, "y");
    onnx_ints(&b, "zero", "1", ZERO);
    onnx_ints(&b, "rest", "1", REST);
    onnx_node(&b, "Shape", "x", "shape");
    onnx_node(&b, "Gather", "shape zero", "batch");
    onnx_attr_int(onnx_node(&b, "Concat", "batch rest", "target"), "axis", 0);
    onnx_node(&b, "Reshape", "x target", "y");
    built r = build(&b, NULL, 0, false);
    ck_assert_int_eq(r.program->node_count, 1);
    ck_assert_int_eq(xai_program_find(r.program, "y")->shape.rank, 2);
    ck_assert_int_eq(xai_program_find(r.program, "y")->shape.dim[1], 192);
    drop(&r);
}
END_TEST

START_TEST(unknown_operator_is_named)
{
    onnx_builder b;
    xai_graph *g = NULL;
    xai_program *p = NULL;
    xai_error err = {0};
    static const char *const OUTPUT[] = {"y"};
    xai_shape shape = {4, {1, 3, 8, 8}};
    xai_program_spec spec = {.shapes = &shape, .outputs = OUTPUT, .output_count = 1};
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "0x3x8x8");
    onnx_output(&b, "y");
    onnx_node(&b, "FancyNewThing", "x", "y");
    ck_assert_int_eq(xai_graph_load(onnx_write(&b), &g, NULL), XAI_OK);
    ck_assert_int_eq(xai_program_build(g, &spec, &p, &err), XAI_E_UNSUPPORTED_OP);
    ck_assert_ptr_nonnull(strstr(err.msg, "FancyNewThing"));
    ck_assert_ptr_nonnull(strstr(err.msg, "node 0"));
    xai_graph_free(g);
    onnx_end(&b);
}
END_TEST

START_TEST(node_that_nothing_needs_is_left_out)
{
    onnx_builder b;
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "0x3x8x8");
    onnx_output(&b, "y");
    onnx_node(&b, "Relu", "x", "y");
    onnx_node(&b, "FancyNewThing", "x", "unused");
    built r = build(&b, NULL, 0, false);
    ck_assert_int_eq(r.program->node_count, 1);
    drop(&r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/program");
    TCase *tc = tcase_create("program");
    tcase_add_test(tc, block_fuses_to_one_node);
    tcase_add_test(tc, outline_names_every_tensor);
    tcase_add_test(tc, kept_tensors_exist_and_nothing_changes);
    tcase_add_test(tc, value_with_two_readers_is_not_fused_away);
    tcase_add_test(tc, activations_of_two_nodes_are_one);
    tcase_add_test(tc, sum_joins_the_later_convolution);
    tcase_add_test(tc, sum_after_a_depthwise_convolution_is_added);
    tcase_add_test(tc, normalization_after_a_sum_stays);
    tcase_add_test(tc, shape_arithmetic_folds);
    tcase_add_test(tc, unknown_operator_is_named);
    tcase_add_test(tc, node_that_nothing_needs_is_left_out);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
