/*
 * Convolutions that run as one, strip by strip, and Concat with what follows it in dense blocks, against the same ones
 * run one by one in a session that keeps everything: the same bytes, at one thread and three, at a batch of one and
 * two; and what is asked for by name is there all the same.
 */
#include "graph/session.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HIGH = 83, WIDE = 78, IN = 18, MOST = 2 * 44 * HIGH * WIDE };

typedef struct variant {
    int dense;         /* side of the dense convolution's kernel */
    int in;            /* its channels */
    int side, stride;  /* of the depthwise one */
    bool shared;       /* somebody else reads the dense one's output */
    bool pointwise;    /* one follows */
    int together;      /* expected */
} variant;

static const variant VARIANTS[] = {
    {1, IN, 3, 1, false, true, 3},  {1, IN, 5, 2, false, true, 2}, {3, 4, 3, 1, false, true, 3},
    {1, IN, 3, 2, false, false, 2}, {1, IN, 5, 1, true, true, 2},  {1, IN, 2, 3, false, true, 2},
};
enum { VARIANT_COUNT = sizeof VARIANTS / sizeof VARIANTS[0] };

static float apart[MOST], chained[MOST], inner[MOST];

static void pad(Onnx__NodeProto *node, int side, int stride)
{
    const int64_t pads[] = {side / 2, side / 2, side / 2, side / 2}, strides[] = {stride, stride};
    onnx_attr_ints(node, "pads", 4, pads);
    onnx_attr_ints(node, "strides", 2, strides);
}

/* The tensor that is added at the end, made of `from`. */
static void add_other(onnx_builder *b, const variant *v, const char *from, int channels)
{
    char shape[64], inputs[8];
    snprintf(shape, sizeof shape, "20x%dx%dx%d", channels, v->side, v->side);
    snprintf(inputs, sizeof inputs, "%s w3", from);
    onnx_floats(b, "w3", shape, NULL);
    pad(onnx_node(b, "Conv", inputs, "other"), v->side, v->stride);
}

/* dense -> Relu -> depthwise -> Relu ("d") -> pointwise + another tensor -> Relu ("y") */
static void make(onnx_builder *b, const variant *v)
{
    char shape[64];
    onnx_begin(b, 13);
    snprintf(shape, sizeof shape, "0x%dx%dx%d", v->in, HIGH, WIDE);
    onnx_input(b, "x", shape);
    onnx_output(b, "y");
    if (v->pointwise && !v->shared) add_other(b, v, "x", v->in);
    snprintf(shape, sizeof shape, "44x%dx%dx%d", v->in, v->dense, v->dense);
    onnx_floats(b, "w0", shape, NULL);
    onnx_floats(b, "b0", "44", NULL);
    pad(onnx_node(b, "Conv", "x w0 b0", "c0"), v->dense, 1);
    onnx_node(b, "Relu", "c0", "e");
    if (v->pointwise && v->shared) add_other(b, v, "e", 44);
    snprintf(shape, sizeof shape, "44x1x%dx%d", v->side, v->side);
    onnx_floats(b, "w1", shape, NULL);
    onnx_floats(b, "b1", "44", NULL);
    Onnx__NodeProto *depthwise = onnx_node(b, "Conv", "e w1 b1", "c1");
    pad(depthwise, v->side, v->stride);
    onnx_attr_int(depthwise, "group", 44);
    onnx_node(b, "Relu", "c1", v->pointwise ? "d" : "y");
    if (!v->pointwise) return;
    onnx_floats(b, "w2", "20x44x1x1", NULL);
    onnx_node(b, "Conv", "d w2", "c2");
    onnx_node(b, "Add", "c2 other", "sum");
    onnx_node(b, "Relu", "sum", "y");
}

static xai_program *build(const xai_graph *graph, const variant *v, int batch, bool keep)
{
    static const char *const OUTPUT[] = {"y"}, *const INNER[] = {"d"};
    xai_program *program = NULL;
    xai_error err = {0};
    xai_shape shape = {4, {batch, v->in, HIGH, WIDE}};
    xai_program_spec spec = {.shapes = &shape, .outputs = OUTPUT, .output_count = 1, .keep = INNER,
                             .keep_count = keep ? 1 : 0};
    ck_assert_msg(xai_program_build(graph, &spec, &program, &err) == XAI_OK, "%s", err.msg);
    return program;
}

static int most_together(const xai_program *program, const xai_session *s)
{
    int most = 0;
    for (int i = 0; i < program->node_count; i++) {
        int n = xai_session_together(s, i);
        most = n > most ? n : most;
    }
    return most;
}

/* Returns how many nodes ran as one at most; the tensor `name` goes to `out`. */
static int run(xai_program *program, xai_plan_mode mode, xai_pool *pool, const char *name, float *out)
{
    const char *const keep[] = {"y", name};
    xai_session_spec spec = {.mode = mode, .keep = keep, .keep_count = 2, .threads = 3};
    xai_session *s = NULL;
    xai_par par = {pool};
    ck_assert_int_eq(xai_session_new(program, &spec, &s, NULL), XAI_OK);
    float *x = xai_session_data(s, "x");
    for (int64_t i = 0; i < xai_value_count(program->inputs[0]); i++) x[i] = sinf((float)i * 0.37F) + 0.2F;
    if (pool) xai_pool_enter(pool, false);
    xai_session_forward(s, &par);
    if (pool) xai_pool_leave(pool);
    int64_t count = xai_value_count(xai_program_find(program, name));
    ck_assert_int_le(count, MOST);
    memset(out, 0, MOST * sizeof *out);
    memcpy(out, xai_session_data(s, name), (size_t)count * sizeof *out);
    int together = most_together(program, s);
    xai_session_free(s);
    return together;
}

static void check_batch(const xai_graph *graph, const variant *v, int batch)
{
    xai_program *program = build(graph, v, batch, false);
    xai_pool *pool = NULL;
    ck_assert_int_eq(xai_pool_new(3, &pool, NULL), XAI_OK);
    ck_assert_int_eq(run(program, XAI_PLAN_KEEP, NULL, "y", apart), 1);
    for (int threads = 1; threads <= 3; threads += 2) {
        ck_assert_int_eq(run(program, XAI_PLAN_FORWARD, threads > 1 ? pool : NULL, "y", chained), v->together);
        ck_assert_msg(memcmp(apart, chained, sizeof apart) == 0, "other bytes with batch %d, %d threads", batch,
                      threads);
    }
    xai_pool_free(pool);
    xai_program_free(program);
}

START_TEST(the_same_bytes_as_one_by_one)
{
    const variant *v = &VARIANTS[_i];
    onnx_builder b;
    xai_graph *graph = NULL;
    xai_error err = {0};
    make(&b, v);
    ck_assert_msg(xai_graph_load(onnx_write(&b), &graph, &err) == XAI_OK, "%s", err.msg);
    check_batch(graph, v, 1);
    check_batch(graph, v, 2);
    xai_graph_free(graph);
    onnx_end(&b);
}
END_TEST

START_TEST(a_tensor_in_between_can_be_kept)
{
    onnx_builder b;
    xai_graph *graph = NULL;
    make(&b, &VARIANTS[0]);
    ck_assert_int_eq(xai_graph_load(onnx_write(&b), &graph, NULL), XAI_OK);
    xai_program *program = build(graph, &VARIANTS[0], 1, true);
    run(program, XAI_PLAN_KEEP, NULL, "d", apart);
    ck_assert_int_eq(run(program, XAI_PLAN_FORWARD, NULL, "d", inner), 2); /* dense and depthwise */
    ck_assert(memcmp(apart, inner, sizeof apart) == 0);
    run(program, XAI_PLAN_KEEP, NULL, "y", apart);
    run(program, XAI_PLAN_FORWARD, NULL, "y", inner);
    ck_assert(memcmp(apart, inner, sizeof apart) == 0);
    xai_program_free(program);
    xai_graph_free(graph);
    onnx_end(&b);
}
END_TEST

START_TEST(what_lies_between_takes_no_memory)
{
    static const char *const KEEP[] = {"y"};
    onnx_builder b;
    xai_graph *graph = NULL;
    size_t forward, keep, inner_bytes = 44 * HIGH * WIDE * sizeof(float);
    make(&b, &VARIANTS[0]);
    ck_assert_int_eq(xai_graph_load(onnx_write(&b), &graph, NULL), XAI_OK);
    xai_program *program = build(graph, &VARIANTS[0], 1, false);
    xai_session_spec spec = {.mode = XAI_PLAN_FORWARD, .keep = KEEP, .keep_count = 1, .threads = 1};
    ck_assert_int_eq(xai_session_plan_bytes(program, &spec, &forward, NULL), XAI_OK);
    spec.mode = XAI_PLAN_KEEP;
    ck_assert_int_eq(xai_session_plan_bytes(program, &spec, &keep, NULL), XAI_OK);
    ck_assert_uint_le(forward + inner_bytes, keep);
    xai_program_free(program);
    xai_graph_free(graph);
    onnx_end(&b);
}
END_TEST

/* Concat -> BatchNormalization ("d") -> Relu or Clip -> Conv, as dense blocks are made; or without the Concat. */
static void make_dense(onnx_builder *b, bool joined)
{
    char shape[64];
    const char *const last = joined ? "cat" : "e";
    onnx_begin(b, 13);
    snprintf(shape, sizeof shape, "0x%dx%dx%d", IN, HIGH, WIDE);
    onnx_input(b, "x", shape);
    onnx_output(b, "y");
    onnx_floats(b, "w0", "7x18x1x1", NULL);
    onnx_node(b, "Conv", "x w0", "c0");
    onnx_node(b, "Tanh", "c0", "e"); /* so that the normalisation cannot move into the convolution */
    onnx_floats(b, "w1", "19x7x3x3", NULL);
    pad(onnx_node(b, "Conv", "e w1", "f"), 3, 1);
    if (joined) onnx_attr_int(onnx_node(b, "Concat", "e f e", "cat"), "axis", 1);
    float lines[4][33];
    static const char *const NAMES[] = {"gamma", "beta", "mean", "variance"};
    snprintf(shape, sizeof shape, "%d", joined ? 33 : 7);
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < 33; i++) lines[k][i] = k == 3 ? 0.5F + 0.1F * (float)i : sinf((float)(i + 5 * k));
        onnx_floats(b, NAMES[k], shape, lines[k]);
    }
    snprintf(shape, sizeof shape, "%s gamma beta mean variance", last);
    onnx_node(b, "BatchNormalization", shape, "d");
    onnx_node(b, "Relu", "d", "r");
    onnx_floats(b, "w2", joined ? "20x33x1x1" : "20x7x1x1", NULL);
    onnx_node(b, "Conv", "r w2", joined ? "y" : "c2");
    if (joined) return;
    onnx_floats(b, "w3", "20x19x1x1", NULL);
    onnx_node(b, "Conv", "f w3", "c3");
    onnx_node(b, "Add", "c2 c3", "y");
}

START_TEST(lines_of_joined_pixels)
{
    const variant v = {.in = IN, .together = _i ? 3 : 2};
    onnx_builder b;
    xai_graph *graph = NULL;
    make_dense(&b, _i);
    ck_assert_int_eq(xai_graph_load(onnx_write(&b), &graph, NULL), XAI_OK);
    check_batch(graph, &v, 1);
    check_batch(graph, &v, 2);
    xai_program *program = build(graph, &v, 1, true);
    run(program, XAI_PLAN_KEEP, NULL, "d", apart);
    run(program, XAI_PLAN_FORWARD, NULL, "d", inner);
    ck_assert(memcmp(apart, inner, sizeof apart) == 0);
    xai_program_free(program);
    xai_graph_free(graph);
    onnx_end(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/chain");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, the_same_bytes_as_one_by_one, 0, VARIANT_COUNT);
    tcase_add_test(all, a_tensor_in_between_can_be_kept);
    tcase_add_test(all, what_lies_between_takes_no_memory);
    tcase_add_loop_test(all, lines_of_joined_pixels, 0, 2);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
