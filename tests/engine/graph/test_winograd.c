/*
 * Winograd's filtering in sessions that only run forward, against the direct sums of sessions that keep everything:
 * planes that 4 does not divide, channels that no vector divides, a bias, a sum and a clamp; one thread and three.
 */
#include "graph/session.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HIGH = 18, WIDE = 23, CHANNELS = 37, COUNT = 2 * HIGH * WIDE * CHANNELS };

/* Of the largest output: a tenth of what a whole network's logits may be off (measured: 5.5e-6 to 7e-6). */
static const double BOUND = 1e-5;

static float direct[COUNT], fast[COUNT], threaded[COUNT];

static void run(xai_program *program, xai_plan_mode mode, xai_pool *pool, float *out)
{
    static const char *const KEEP[] = {"y"};
    xai_session_spec spec = {.mode = mode, .keep = KEEP, .keep_count = 1, .threads = 3};
    xai_session *s = NULL;
    xai_par par = {pool};
    ck_assert_int_eq(xai_session_new(program, &spec, &s, NULL), XAI_OK);
    float *x = xai_session_data(s, "x");
    for (int i = 0; i < COUNT; i++) x[i] = sinf((float)i * 0.37F) + 0.2F;
    if (pool) xai_pool_enter(pool, false);
    xai_session_forward(s, &par);
    if (pool) xai_pool_leave(pool);
    memcpy(out, xai_session_data(s, "y"), COUNT * sizeof *out);
    xai_session_free(s);
}

static void make(onnx_builder *b, const char *padding)
{
    static const int64_t BOTH[] = {1, 1, 1, 1}, END[] = {0, 0, 2, 2};
    onnx_begin(b, 13);
    onnx_input(b, "x", "0x37x18x23");
    onnx_output(b, "y");
    onnx_floats(b, "w", "37x37x3x3", NULL);
    onnx_floats(b, "b", "37", NULL);
    onnx_attr_ints(onnx_node(b, "Conv", "x w b", "conv"), "pads", 4, strcmp(padding, "end") == 0 ? END : BOTH);
    onnx_node(b, "Add", "x conv", "sum");
    onnx_node(b, "Relu", "sum", "y");
}

START_TEST(close_to_direct_sums_and_the_same_at_any_number_of_threads)
{
    static const char *const PADDING[] = {"both", "end"}, *const OUTPUT[] = {"y"};
    onnx_builder b;
    xai_graph *graph = NULL;
    xai_program *program = NULL;
    xai_pool *pool = NULL;
    xai_error err = {0};
    xai_shape shape = {4, {2, CHANNELS, HIGH, WIDE}};
    xai_program_spec spec = {.shapes = &shape, .outputs = OUTPUT, .output_count = 1};
    make(&b, PADDING[_i]);
    ck_assert_msg(xai_graph_load(onnx_write(&b), &graph, &err) == XAI_OK, "%s", err.msg);
    ck_assert_msg(xai_program_build(graph, &spec, &program, &err) == XAI_OK, "%s", err.msg);
    ck_assert_int_eq(xai_pool_new(3, &pool, NULL), XAI_OK);
    run(program, XAI_PLAN_GRADIENT, NULL, direct);
    run(program, XAI_PLAN_FORWARD, NULL, fast);
    run(program, XAI_PLAN_FORWARD, pool, threaded);
    double most = 0, worst = 0;
    for (int i = 0; i < COUNT; i++) {
        most = fmax(most, fabs((double)direct[i]));
        worst = fmax(worst, fabs((double)direct[i] - (double)fast[i]));
    }
    ck_assert_msg(worst <= BOUND * most, "error %g of %g", worst, most);
    ck_assert_msg(memcmp(direct, fast, sizeof direct) != 0, "Winograd's way was not taken");
    ck_assert_msg(memcmp(threaded, fast, sizeof fast) == 0, "threads change the bytes");
    xai_pool_free(pool);
    xai_program_free(program);
    xai_graph_free(graph);
    onnx_end(&b);
}
END_TEST

/* Four times the weights, 36 for 9: packed when a session that may use them is made, and once. */
START_TEST(transformed_weights_are_packed_when_they_are_needed)
{
    static const char *const OUTPUT[] = {"y"};
    onnx_builder b;
    xai_graph *graph = NULL;
    xai_program *program = NULL;
    xai_shape shape = {4, {2, CHANNELS, HIGH, WIDE}};
    xai_program_spec spec = {.shapes = &shape, .outputs = OUTPUT, .output_count = 1};
    make(&b, "both");
    ck_assert_int_eq(xai_graph_load(onnx_write(&b), &graph, NULL), XAI_OK);
    ck_assert_int_eq(xai_program_build(graph, &spec, &program, NULL), XAI_OK);
    size_t transformed = (size_t)CHANNELS * CHANNELS * 36 * sizeof(float), built = xai_arena_used(program->arena);
    run(program, XAI_PLAN_KEEP, NULL, direct);
    ck_assert_uint_lt(xai_arena_used(program->arena), built + transformed);
    run(program, XAI_PLAN_FORWARD, NULL, fast);
    size_t used = xai_arena_used(program->arena);
    ck_assert_uint_ge(used, built + transformed);
    run(program, XAI_PLAN_FORWARD, NULL, fast);
    ck_assert_uint_eq(xai_arena_used(program->arena), used);
    xai_program_free(program);
    xai_graph_free(graph);
    onnx_end(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/winograd");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, close_to_direct_sums_and_the_same_at_any_number_of_threads, 0, 2);
    tcase_add_test(all, transformed_weights_are_packed_when_they_are_needed);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
