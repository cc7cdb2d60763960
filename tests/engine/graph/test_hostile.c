/* Models that ask for too much, or for nothing: each is refused with one clear error, or runs; none takes long, and
 * none takes memory before its claim has been held against a limit. */
#include "base/memory.h"
#include "base/token.h"
#include "graph/model.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void back_to_default(void) { xai_memory_set_limit(0); }

static void begin(onnx_builder *b)
{
    onnx_begin(b, 13);
    onnx_input(b, "x", "0x3x8x8");
    onnx_output(b, "y");
}

typedef struct built {
    xai_graph *graph;
    xai_program *program;
    xai_session *session;
} built;

static void drop(built *r)
{
    xai_session_free(r->session);
    xai_program_free(r->program);
    xai_graph_free(r->graph);
}

/* Loads, builds for one 3 x 8 x 8 image and opens a session; ends the builder. */
static xai_status open_graph(onnx_builder *b, xai_plan_mode mode, built *r, xai_error *err)
{
    static const char *const OUTPUT[] = {"y"};
    static const xai_shape SHAPES[] = {{4, {1, 3, 8, 8}}, {4, {1, 3, 8, 8}}};
    *r = (built){0};
    *err = (xai_error){0};
    xai_program_spec spec = {.shapes = SHAPES, .outputs = OUTPUT, .output_count = 1};
    xai_status status = xai_graph_load(onnx_write(b), &r->graph, err);
    onnx_end(b);
    if (status == XAI_OK) status = xai_program_build(r->graph, &spec, &r->program, err);
    const xai_value *y = status == XAI_OK ? xai_program_find(r->program, "y") : NULL;
    xai_session_spec keep = {.mode = mode, .keep = OUTPUT, .keep_count = xai_value_runs(y), .threads = 1};
    if (status == XAI_OK) status = xai_session_new(r->program, &keep, &r->session, err);
    return status;
}

static void expect(onnx_builder *b, xai_status status, const char *word)
{
    built r;
    xai_error err;
    ck_assert_int_eq(open_graph(b, XAI_PLAN_GRADIENT, &r, &err), status);
    ck_assert_msg(strstr(err.msg, word) != NULL, "'%s' does not say '%s'", err.msg, word);
    drop(&r);
}

/* Runs on ones; the caller looks at y. */
static const xai_value *run_graph(onnx_builder *b, built *r)
{
    xai_error err;
    xai_par serial = {NULL};
    ck_assert_msg(open_graph(b, XAI_PLAN_FORWARD, r, &err) == XAI_OK, "%s", err.msg);
    float *x = xai_session_data(r->session, "x");
    for (int i = 0; i < 3 * 8 * 8; i++) x[i] = 1;
    xai_session_forward(r->session, &serial);
    return xai_program_find(r->program, "y");
}

/* ---------------------------------------------------------------- too much */

START_TEST(giant_folded_constant_is_refused)
{
    onnx_builder b;
    begin(&b);
    onnx_ints(&b, "shape", "1", (const int64_t[]){(int64_t)1 << 35});
    onnx_node(&b, "ConstantOfShape", "shape", "giant");
    onnx_node(&b, "Add", "x giant", "y");
    expect(&b, XAI_E_TOO_LARGE, "constants that the model computes");
}
END_TEST

START_TEST(folded_constants_are_counted_together)
{
    onnx_builder b;
    begin(&b);
    onnx_ints(&b, "shape", "1", (const int64_t[]){(int64_t)1 << 20});
    onnx_ints(&b, "rest", "1", (const int64_t[]){((int64_t)1 << 28) - ((int64_t)1 << 19)});
    onnx_node(&b, "ConstantOfShape", "shape", "some");
    onnx_node(&b, "ConstantOfShape", "rest", "more");
    onnx_node(&b, "Concat", "some more", "all");
    onnx_node(&b, "Add", "x all", "y");
    expect(&b, XAI_E_TOO_LARGE, "constants that the model computes");
}
END_TEST

START_TEST(activations_beyond_the_limit_are_refused)
{
    for (int mode = XAI_PLAN_FORWARD; mode <= XAI_PLAN_GRADIENT; mode++) {
        onnx_builder b;
        built r;
        xai_error err;
        begin(&b);
        onnx_ints(&b, "times", "4", (const int64_t[]){1, 1, 4096, 4096}); /* 12 GiB */
        onnx_node(&b, "Tile", "x times", "wide");
        onnx_node(&b, "Relu", "wide", "y");
        xai_memory_set_limit((size_t)64 << 20);
        ck_assert_int_eq(open_graph(&b, (xai_plan_mode)mode, &r, &err), XAI_E_TOO_LARGE);
        ck_assert_msg(strstr(err.msg, "activations") && strstr(err.msg, "64 MiB"), "%s", err.msg);
        drop(&r);
    }
}
END_TEST

START_TEST(millions_of_empty_nodes_are_refused)
{
    enum { NODES = 4 << 20 };
    size_t graph = 2 * (size_t)NODES, size = 0;
    uint8_t *bytes = malloc(graph + 16);
    bytes[size++] = 7 << 3 | 2; /* ModelProto.graph */
    for (size_t left = graph; left; left >>= 7) bytes[size++] = (uint8_t)((left & 127) | (left > 127 ? 128 : 0));
    for (size_t i = 0; i < NODES; i++) {
        bytes[size++] = 1 << 3 | 2; /* GraphProto.node */
        bytes[size++] = 0;
    }
    xai_graph *g = NULL;
    xai_error err = {0};
    ck_assert_int_eq(xai_graph_parse(bytes, size, "empty", &g, &err), XAI_E_TOO_LARGE);
    ck_assert_ptr_null(g);
    ck_assert_msg(strstr(err.msg, "nodes and values") != NULL, "%s", err.msg);
    free(bytes);
}
END_TEST

START_TEST(endless_pooling_is_refused)
{
    onnx_builder b;
    begin(&b);
    Onnx__NodeProto *n = onnx_node(&b, "AveragePool", "x", "y");
    onnx_attr_ints(n, "kernel_shape", 2, (const int64_t[]){1 << 17, 1 << 17});
    onnx_attr_ints(n, "pads", 4, (const int64_t[]){1 << 17, 1 << 17, 1 << 17, 1 << 17});
    expect(&b, XAI_E_TOO_LARGE, "one forward");
}
END_TEST

START_TEST(a_million_classes_are_refused)
{
    onnx_builder b;
    xai_model *m = NULL;
    xai_error err = {0};
    begin(&b);
    onnx_ints(&b, "times", "2", (const int64_t[]){1, 1 << 14});
    onnx_node(&b, "Flatten", "x", "flat");
    onnx_node(&b, "Tile", "flat times", "y");
    ck_assert_int_eq(xai_model_load(onnx_write(&b), NULL, &m, &err), XAI_E_TOO_LARGE);
    ck_assert_msg(strstr(err.msg, "classes") != NULL, "%s", err.msg);
    onnx_end(&b);
}
END_TEST

/* ---------------------------------------------------------------- nothing */

START_TEST(empty_tensors_are_constants)
{
    onnx_builder b;
    built r;
    begin(&b);
    onnx_ints(&b, "from", "1", (const int64_t[]){1});
    onnx_ints(&b, "axis", "1", (const int64_t[]){0});
    onnx_floats(&b, "w", "3x1x3x3", NULL);
    onnx_node(&b, "Slice", "x from from axis", "none"); /* 0 x 3 x 8 x 8 */
    onnx_attr_int(onnx_node(&b, "Conv", "none w", "conv"), "group", 3);
    onnx_node(&b, "Relu", "conv", "relu");
    onnx_attr_int(onnx_node(&b, "Concat", "relu relu", "both"), "axis", 1);
    onnx_node(&b, "Add", "both both", "y");
    const xai_value *y = run_graph(&b, &r);
    ck_assert_int_eq(r.program->node_count, 0);
    ck_assert_ptr_nonnull(y->constant);
    ck_assert_int_eq(y->shape.dim[0], 0);
    ck_assert_int_eq(y->shape.dim[1], 6);
    drop(&r);
}
END_TEST

START_TEST(empty_beside_something_adds_nothing)
{
    onnx_builder b;
    built r;
    begin(&b);
    onnx_ints(&b, "from", "1", (const int64_t[]){8});
    onnx_ints(&b, "axis", "1", (const int64_t[]){2});
    onnx_node(&b, "Slice", "x from from axis", "none"); /* 1 x 3 x 0 x 8 */
    onnx_attr_int(onnx_node(&b, "Concat", "none x", "y"), "axis", 2);
    const xai_value *y = run_graph(&b, &r);
    ck_assert_int_eq(y->shape.dim[2], 8);
    const float *data = xai_session_value_data(r.session, y);
    for (int i = 0; i < 3 * 8 * 8; i++) ck_assert_float_eq(data[i], 1);
    drop(&r);
}
END_TEST

/* A dimension of 0 does not excuse the others: their product would overflow. */
START_TEST(empty_but_astronomical_shape_is_refused)
{
    onnx_builder b;
    begin(&b);
    onnx_ints(&b, "shape", "3", (const int64_t[]){0, (int64_t)1 << 40, (int64_t)1 << 40});
    onnx_node(&b, "ConstantOfShape", "shape", "none");
    onnx_attr_int(onnx_node(&b, "Flatten", "none", "y"), "axis", 1);
    expect(&b, XAI_E_BAD_MODEL, "impossible shape");
}
END_TEST

/* ---------------------------------------------------------------- odd */

START_TEST(extreme_slices_stay_inside)
{
    onnx_builder b;
    built r;
    begin(&b);
    onnx_ints(&b, "from", "1", (const int64_t[]){INT64_MAX});
    onnx_ints(&b, "to", "1", (const int64_t[]){INT64_MIN});
    onnx_ints(&b, "axis", "1", (const int64_t[]){1});
    onnx_ints(&b, "step", "1", (const int64_t[]){INT64_MIN});
    onnx_node(&b, "Slice", "x from to axis step", "y");
    ck_assert_int_eq(run_graph(&b, &r)->shape.dim[1], 1);
    drop(&r);
}
END_TEST

START_TEST(view_of_a_constant_needs_no_run)
{
    onnx_builder b;
    built r;
    begin(&b);
    onnx_ints(&b, "all", "1", (const int64_t[]){-1});
    onnx_ints(&b, "first", "", (const int64_t[]){0});
    onnx_floats(&b, "w", "1x3x8x8", NULL);
    onnx_node(&b, "Reshape", "x all", "flat");
    onnx_node(&b, "Gather", "flat first", "ratio"); /* depends on the image */
    onnx_node(&b, "Dropout", "w ratio", "kept");
    onnx_node(&b, "Add", "x kept", "y");
    const xai_value *y = run_graph(&b, &r);
    const float *data = xai_session_value_data(r.session, y);
    ck_assert_float_eq_tol(data[1], 1 + (37 - 50) * 0.013F, 1e-6F);
    drop(&r);
}
END_TEST

START_TEST(shape_of_floats_that_are_no_numbers_is_refused)
{
    onnx_builder b;
    begin(&b);
    onnx_floats(&b, "shape", "2", (const float[]){NAN, 1e30F});
    onnx_node(&b, "Reshape", "x shape", "y");
    expect(&b, XAI_E_BAD_MODEL, "impossible");
}
END_TEST

START_TEST(nameless_things_are_refused)
{
    onnx_builder b;
    begin(&b);
    onnx_floats(&b, "", "1", NULL);
    onnx_node(&b, "Relu", "x", "y");
    expect(&b, XAI_E_BAD_MODEL, "has no name");
    begin(&b);
    onnx_output(&b, "");
    onnx_node(&b, "Relu", "x", "y");
    expect(&b, XAI_E_BAD_MODEL, "no node makes the output");
    begin(&b);
    onnx_input(&b, "x", "1");
    onnx_node(&b, "Relu", "x", "y");
    expect(&b, XAI_E_BAD_MODEL, "two inputs");
}
END_TEST

START_TEST(model_of_two_inputs_is_refused)
{
    onnx_builder b;
    xai_model *m = NULL;
    xai_error err = {0};
    begin(&b);
    onnx_input(&b, "other", "0x3x8x8");
    onnx_node(&b, "Add", "x other", "sum");
    onnx_node(&b, "GlobalAveragePool", "sum", "y");
    ck_assert_int_eq(xai_model_load(onnx_write(&b), NULL, &m, &err), XAI_E_UNSUPPORTED_OP);
    ck_assert_msg(strstr(err.msg, "'other'") != NULL, "%s", err.msg);
    onnx_end(&b);
}
END_TEST

/* ---------------------------------------------------------------- long */

typedef struct chain {
    Onnx__NodeProto *nodes, **list;
    char (*names)[24], **in, **out;
} chain;

typedef enum chain_order { FORWARDS, BACKWARDS, CYCLE } chain_order;

/* x -> Sigmoid -> Sigmoid -> ... -> y, `n` of them; in a cycle the first is fed by the last. */
static uint8_t *pack_chain(size_t n, chain_order order, size_t *size)
{
    onnx_builder b;
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "0x3x8x8");
    onnx_output(&b, "y");
    chain c = {.nodes = calloc(n, sizeof *c.nodes), .list = calloc(n, sizeof *c.list),
               .names = calloc(n + 1, sizeof *c.names), .in = calloc(n, sizeof *c.in), .out = calloc(n, sizeof *c.out)};
    strcpy(c.names[0], "x");
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n) snprintf(c.names[i + 1], sizeof *c.names, "t%zu", i);
        else strcpy(c.names[i + 1], "y");
        c.in[i] = c.names[i];
        c.out[i] = c.names[i + 1];
        onnx__node_proto__init(&c.nodes[i]);
        c.nodes[i].op_type = (char *)(uintptr_t)"Sigmoid";
        c.nodes[i].n_input = c.nodes[i].n_output = 1;
        c.nodes[i].input = &c.in[i];
        c.nodes[i].output = &c.out[i];
        c.list[order == FORWARDS ? i : n - 1 - i] = &c.nodes[i];
    }
    if (order == CYCLE) c.in[0] = c.out[n - 1];
    b.graph.node = c.list;
    b.graph.n_node = n;
    *size = onnx__model_proto__get_packed_size(&b.model);
    uint8_t *bytes = malloc(*size);
    onnx__model_proto__pack(&b.model, bytes);
    b.graph.n_node = 0;
    onnx_end(&b);
    free(c.nodes);
    free(c.list);
    free(c.names);
    free(c.in);
    free(c.out);
    return bytes;
}

START_TEST(twenty_thousand_nodes_are_planned_in_seconds)
{
    static const char *const OUTPUT[] = {"y"};
    xai_shape shape = {4, {1, 3, 8, 8}};
    xai_program_spec spec = {.shapes = &shape, .outputs = OUTPUT, .output_count = 1};
    size_t size;
    uint8_t *bytes = pack_chain(20000, FORWARDS, &size);
    built r = {0};
    int64_t started = xai_clock_ns();
    ck_assert_int_eq(xai_graph_parse(bytes, size, "chain", &r.graph, NULL), XAI_OK);
    ck_assert_int_eq(xai_program_build(r.graph, &spec, &r.program, NULL), XAI_OK);
    for (int mode = XAI_PLAN_FORWARD; mode <= XAI_PLAN_GRADIENT; mode++) {
        xai_session_spec keep = {.mode = (xai_plan_mode)mode, .keep = OUTPUT, .keep_count = 1, .threads = 1};
        xai_session_free(r.session);
        ck_assert_int_eq(xai_session_new(r.program, &keep, &r.session, NULL), XAI_OK);
        if (mode == XAI_PLAN_FORWARD) ck_assert_uint_lt(xai_session_bytes(r.session), 4 * 3 * 8 * 8 * sizeof(float));
    }
    double seconds = (double)(xai_clock_ns() - started) * 1e-9;
    ck_assert_msg(seconds < 30, "it took %.1f s", seconds);
    free(bytes);
    drop(&r);
}
END_TEST

/* The longest chain that is read, last node first: sorting must not go as deep on the stack as the chain is long. */
START_TEST(longest_chain_is_sorted_in_seconds)
{
    size_t size;
    xai_graph *g = NULL;
    uint8_t *bytes = pack_chain(100000, BACKWARDS, &size);
    int64_t started = xai_clock_ns();
    ck_assert_int_eq(xai_graph_parse(bytes, size, "chain", &g, NULL), XAI_OK);
    ck_assert_str_eq(g->nodes[0].in[0], "x");
    ck_assert_str_eq(g->nodes[99999].out[0], "y");
    ck_assert_int_eq(g->nodes[0].index, 99999);
    ck_assert_msg((double)(xai_clock_ns() - started) < 20e9, "it took too long");
    xai_graph_free(g);
    free(bytes);
}
END_TEST

START_TEST(longest_cycle_is_refused)
{
    size_t size;
    xai_graph *g = NULL;
    xai_error err = {0};
    uint8_t *bytes = pack_chain(100000, CYCLE, &size);
    ck_assert_int_eq(xai_graph_parse(bytes, size, "cycle", &g, &err), XAI_E_BAD_MODEL);
    ck_assert_msg(strstr(err.msg, "cyclic") != NULL, "%s", err.msg);
    ck_assert_ptr_null(g);
    free(bytes);
}
END_TEST

START_TEST(too_many_nodes_are_refused)
{
    size_t size;
    xai_graph *g = NULL;
    xai_error err = {0};
    uint8_t *bytes = pack_chain(100001, FORWARDS, &size);
    ck_assert_int_eq(xai_graph_parse(bytes, size, "chain", &g, &err), XAI_E_BAD_MODEL);
    ck_assert_msg(strstr(err.msg, "the limit is 100000") != NULL, "%s", err.msg);
    free(bytes);
}
END_TEST

/* Protocol buffers merge what comes twice: one file holds the nodes of both graphs, and nothing is leaked. */
START_TEST(graph_that_comes_twice_is_merged)
{
    size_t size;
    xai_graph *g = NULL;
    xai_error err = {0};
    uint8_t *one = pack_chain(3, FORWARDS, &size), *two = malloc(2 * size);
    memcpy(two, one, size);
    memcpy(two + size, one, size);
    ck_assert_int_eq(xai_graph_parse(two, 2 * size, "twice", &g, &err), XAI_E_BAD_MODEL);
    ck_assert_msg(strstr(err.msg, "two inputs are named 'x'") != NULL, "%s", err.msg);
    free(one);
    free(two);
}
END_TEST

/* ---------------------------------------------------------------- wrong */

START_TEST(wrong_element_types_are_refused)
{
    static const struct {
        const char *op, *inputs;
    } CASES[] = {{"Conv", "x w"}, {"Add", "x w"}, {"MatMul", "x w"}, {"Gemm", "flat w"}, {"Concat", "x w"},
                 {"BatchNormalization", "x w w w w"}, {"Clip", "x w"}, {"Where", "x w x"}, {"PRelu", "x w"}};
    onnx_builder b;
    built r;
    xai_error err;
    begin(&b);
    onnx_ints(&b, "w", "3", (const int64_t[]){1, 2, 3});
    onnx_node(&b, "Flatten", "x", "flat");
    Onnx__NodeProto *n = onnx_node(&b, CASES[_i].op, CASES[_i].inputs, "y");
    if (strcmp(CASES[_i].op, "Concat") == 0) onnx_attr_int(n, "axis", 0);
    ck_assert_int_ne(open_graph(&b, XAI_PLAN_GRADIENT, &r, &err), XAI_OK);
    ck_assert_msg(strstr(err.msg, CASES[_i].op) != NULL, "%s", err.msg);
    drop(&r);
}
END_TEST

START_TEST(function_of_the_file_is_named)
{
    onnx_builder b;
    Onnx__FunctionProto f = ONNX__FUNCTION_PROTO__INIT, *list[] = {&f};
    begin(&b);
    f.name = (char *)(uintptr_t)"Swish";
    b.model.functions = list;
    b.model.n_functions = 1;
    onnx_node(&b, "Swish", "x", "y")->domain = strdup("local");
    expect(&b, XAI_E_UNSUPPORTED_OP, "local.Swish (node 0) is not supported: it is a function of the file itself");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/hostile");
    TCase *tc = tcase_create("hostile");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, NULL, back_to_default);
    tcase_add_test(tc, giant_folded_constant_is_refused);
    tcase_add_test(tc, folded_constants_are_counted_together);
    tcase_add_test(tc, activations_beyond_the_limit_are_refused);
    tcase_add_test(tc, millions_of_empty_nodes_are_refused);
    tcase_add_test(tc, endless_pooling_is_refused);
    tcase_add_test(tc, a_million_classes_are_refused);
    tcase_add_test(tc, empty_tensors_are_constants);
    tcase_add_test(tc, empty_beside_something_adds_nothing);
    tcase_add_test(tc, empty_but_astronomical_shape_is_refused);
    tcase_add_test(tc, extreme_slices_stay_inside);
    tcase_add_test(tc, view_of_a_constant_needs_no_run);
    tcase_add_test(tc, shape_of_floats_that_are_no_numbers_is_refused);
    tcase_add_test(tc, nameless_things_are_refused);
    tcase_add_test(tc, model_of_two_inputs_is_refused);
    tcase_add_test(tc, twenty_thousand_nodes_are_planned_in_seconds);
    tcase_add_test(tc, longest_chain_is_sorted_in_seconds);
    tcase_add_test(tc, longest_cycle_is_refused);
    tcase_add_test(tc, too_many_nodes_are_refused);
    tcase_add_test(tc, graph_that_comes_twice_is_merged);
    tcase_add_loop_test(tc, wrong_element_types_are_refused, 0, 9);
    tcase_add_test(tc, function_of_the_file_is_named);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
