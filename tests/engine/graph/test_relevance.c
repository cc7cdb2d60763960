/*
 * Relevance: every rule on two nets against zennit in float64 (tests/golden/make_relevance.py), what is conserved, and
 * what zennit does not say: gates, quotients, attention, refusals.
 */
#include "graph/relevance.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASS = 3, MOST_NODES = 64 };

static const char *const NETS[] = {"chain", "branches"};

static const float LOW[] = {-3, -2.5F, -3.5F}, HIGH[] = {3, 3.5F, 2.5F};

/* `first` is the rule of the first layer, if it has one of its own. */
typedef struct composite {
    const char *name;
    xai_rule rule, first;
    bool special;
} composite;

static const composite COMPOSITES[] = {
    {.name = "epsilon", .rule = {.kind = XAI_RULE_EPSILON, .epsilon = 0.25F}},
    {.name = "zero", .rule = {.kind = XAI_RULE_EPSILON, .epsilon = 1e-6F}},
    {.name = "gamma", .rule = {.kind = XAI_RULE_GAMMA, .epsilon = 1e-6F, .gamma = 0.25F}},
    {.name = "alpha2beta1", .rule = {.kind = XAI_RULE_ALPHA_BETA, .epsilon = 1e-6F, .alpha = 2, .beta = 1}},
    {.name = "zplus", .rule = {.kind = XAI_RULE_ALPHA_BETA, .epsilon = 1e-6F, .alpha = 1, .beta = 0}},
    {.name = "flat", .rule = {.kind = XAI_RULE_EPSILON, .epsilon = 0.25F},
     .first = {.kind = XAI_RULE_FLAT, .epsilon = 1e-6F}, .special = true},
    {.name = "wsquare", .rule = {.kind = XAI_RULE_EPSILON, .epsilon = 0.25F},
     .first = {.kind = XAI_RULE_W_SQUARE, .epsilon = 1e-6F}, .special = true},
    {.name = "zbox", .rule = {.kind = XAI_RULE_EPSILON, .epsilon = 0.25F},
     .first = {.kind = XAI_RULE_Z_BOX, .epsilon = 1e-6F, .low = LOW, .high = HIGH, .channels = 3}, .special = true},
};
enum { COMPOSITE_COUNT = sizeof COMPOSITES / sizeof *COMPOSITES };

typedef struct rig {
    xai_graph *graph;
    xai_program *program;
    xai_session *session;
    const xai_value *x, *y;
    size_t inputs, outputs;
    float *seed, *relevance;
    xai_rule rules[MOST_NODES];
    double leak[MOST_NODES];
    xai_par par;
} rig;

static void open_file(rig *r, const char *path, const char *output, int64_t batch, int threads)
{
    xai_error err = {0};
    memset(r, 0, sizeof *r);
    ck_assert_msg(xai_graph_load(path, &r->graph, &err) == XAI_OK, "%s", err.msg);
    xai_shape shape = r->graph->inputs[0].shape;
    shape.dim[0] = batch;
    xai_program_spec spec = {.shapes = &shape, .outputs = &output, .output_count = 1, .plain = true,
                             .open_weights = true};
    xai_session_spec session = {.mode = XAI_PLAN_GRADIENT, .keep = &output, .keep_count = 1, .threads = threads,
                                .relevance = true};
    ck_assert_msg(xai_program_build(r->graph, &spec, &r->program, &err) == XAI_OK, "%s", err.msg);
    ck_assert_msg(xai_session_new(r->program, &session, &r->session, &err) == XAI_OK, "%s", err.msg);
    ck_assert_int_le(r->program->node_count, MOST_NODES);
    r->x = r->program->inputs[0];
    r->y = xai_program_find(r->program, output);
    r->inputs = (size_t)xai_value_count(r->x);
    r->outputs = (size_t)xai_value_count(r->y);
    r->seed = calloc(r->outputs, sizeof *r->seed);
    r->relevance = calloc(r->inputs, sizeof *r->relevance);
}

static void close_rig(rig *r)
{
    free(r->seed), free(r->relevance);
    xai_session_free(r->session);
    xai_program_free(r->program);
    xai_graph_free(r->graph);
}

static float *read_npy(const char *net, const char *file)
{
    char path[256];
    xai_array a;
    snprintf(path, sizeof path, "tests/golden/data/relevance/%s/%s.npy", net, file);
    ck_assert_msg(xai_npy_read(path, &a, NULL) == XAI_OK, "%s", path);
    float *data = a.data;
    a.data = NULL;
    xai_array_clear(&a);
    return data;
}

static xai_status propagate(rig *r, xai_error *err)
{
    xai_relevance request = {.seeds = &(xai_seed){r->y, r->seed}, .seed_count = 1, .rules = r->rules,
                             .wanted = &(xai_wanted){r->x, r->relevance}, .wanted_count = 1, .leak = r->leak};
    return xai_session_relevance(r->session, &request, &r->par, err);
}

static void set_rules(rig *r, const composite *c)
{
    bool first = true;
    for (int i = 0; i < r->program->node_count; i++) {
        bool weighs = r->program->nodes[i]->op->flow == XAI_FLOW_WEIGH;
        r->rules[i] = weighs && first && c->special ? c->first : c->rule;
        first = first && !weighs;
    }
}

static void open_net(rig *r, const char *net, int threads)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/data/relevance/%s/model.onnx", net);
    open_file(r, path, "logits", 2, threads);
    float *x = read_npy(net, "input");
    memcpy(xai_session_value_data(r->session, r->x), x, r->inputs * sizeof *x);
    free(x);
}

static void run_net(rig *r, const composite *c)
{
    xai_error err = {0};
    set_rules(r, c);
    xai_session_forward(r->session, &r->par);
    const float *y = xai_session_value_data(r->session, r->y);
    for (size_t i = CLASS; i < r->outputs; i += 10) r->seed[i] = y[i];
    ck_assert_msg(propagate(r, &err) == XAI_OK, "%s", err.msg);
}

static double sum(const float *a, size_t n)
{
    double s = 0;
    for (size_t i = 0; i < n; i++) s += (double)a[i];
    return s;
}

static double relative_difference(const float *a, const float *b, size_t n)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        error += pow((double)a[i] - (double)b[i], 2);
        size += pow((double)b[i], 2);
    }
    return sqrt(error / size);
}

/* Bound: METHODS' tolerance of a map, relative L2 <= 1e-3. */
START_TEST(rules_equal_zennit)
{
    const char *net = NETS[_i / COMPOSITE_COUNT];
    const composite *c = &COMPOSITES[_i % COMPOSITE_COUNT];
    rig r;
    open_net(&r, net, 1);
    run_net(&r, c);
    float *expected = read_npy(net, c->name);
    double error = relative_difference(r.relevance, expected, r.inputs);
    ck_assert_msg(error <= 1e-3, "%s, %s: %g", net, c->name, error);
    for (size_t i = 0; i < r.inputs; i++) r.relevance[i] *= 1.002F; /* a planted error */
    ck_assert_double_gt(relative_difference(r.relevance, expected, r.inputs), 1e-3);
    free(expected);
    close_rig(&r);
}
END_TEST

/* What is lost on the way is what the nodes say they keep. */
START_TEST(leaks_make_up_the_difference)
{
    rig r;
    open_net(&r, NETS[1], 1);
    for (int k = 0; k < COMPOSITE_COUNT; k++) {
        run_net(&r, &COMPOSITES[k]);
        double kept = 0, most = 0, from = sum(r.seed, r.outputs), to = sum(r.relevance, r.inputs);
        for (int i = 0; i < r.program->node_count; i++) {
            kept += r.leak[i];
            most = fmax(most, fabs(r.leak[i]));
            if (r.program->nodes[i]->op->flow == XAI_FLOW_PASS || r.program->nodes[i]->op->flow == XAI_FLOW_ROUTE)
                ck_assert_double_eq_tol(r.leak[i], 0, 1e-5 * (fabs(from) + fabs(to)));
        }
        ck_assert_double_eq_tol(from - to, kept, 1e-4 * (fabs(from) + fabs(to)));
        ck_assert_double_gt(most, 1e-3); /* there are biases */
    }
    close_rig(&r);
}
END_TEST

START_TEST(threads_give_the_same_bytes)
{
    rig r;
    xai_pool *pool;
    ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK);
    open_net(&r, NETS[_i], 2);
    float *alone = malloc(r.inputs * sizeof *alone);
    run_net(&r, &COMPOSITES[3]);
    memcpy(alone, r.relevance, r.inputs * sizeof *alone);
    r.par.pool = pool;
    xai_pool_enter(pool, false);
    run_net(&r, &COMPOSITES[3]);
    xai_pool_leave(pool);
    ck_assert_int_eq(memcmp(alone, r.relevance, r.inputs * sizeof *alone), 0);
    free(alone);
    close_rig(&r);
    xai_pool_free(pool);
}
END_TEST

/* ---------------------------------------------------------------- gates */

/* Runs "x" -> "y", both 1x2x3x3, on some numbers; relevance starts as 1, 2, 3, ... */
static xai_status run_small(rig *r, onnx_builder *b, xai_error *err)
{
    open_file(r, onnx_write(b), "y", 1, 1);
    onnx_end(b);
    float *x = xai_session_value_data(r->session, r->x);
    for (size_t i = 0; i < r->inputs; i++) x[i] = (float)i * 0.3F - 2;
    for (size_t i = 0; i < r->outputs; i++) r->seed[i] = (float)(i + 1);
    for (int i = 0; i < MOST_NODES; i++) r->rules[i].epsilon = 1e-6F;
    xai_session_forward(r->session, &r->par);
    return propagate(r, err);
}

static void begin_small(onnx_builder *b)
{
    onnx_begin(b, 13);
    onnx_input(b, "x", "0x2x3x3");
    onnx_output(b, "y");
}

static void expect_passed_on(onnx_builder *b, float factor)
{
    rig r;
    xai_error err = {0};
    ck_assert_msg(run_small(&r, b, &err) == XAI_OK, "%s", err.msg);
    for (size_t i = 0; i < r.inputs; i++) ck_assert_float_eq_tol(r.relevance[i], factor * r.seed[i], 1e-5F * r.seed[i]);
    close_rig(&r);
}

START_TEST(a_gate_leaves_relevance_to_the_signal)
{
    static const float THREE[] = {3}, SIX[] = {6};
    onnx_builder b;
    begin_small(&b); /* SiLU */
    onnx_node(&b, "Sigmoid", "x", "gate");
    onnx_node(&b, "Mul", "x gate", "y");
    expect_passed_on(&b, 1);
    begin_small(&b); /* squeeze-excitation; the Softmax is never asked */
    onnx_node(&b, "GlobalAveragePool", "x", "mean");
    onnx_attr_int(onnx_node(&b, "Softmax", "mean", "gate"), "axis", 1);
    onnx_node(&b, "Mul", "gate x", "y");
    expect_passed_on(&b, 1);
    begin_small(&b); /* hard-swish as exporters write it */
    onnx_floats(&b, "three", "1", THREE), onnx_floats(&b, "six", "1", SIX);
    onnx_node(&b, "Add", "x three", "moved");
    onnx_node(&b, "Clip", "moved", "cut");
    onnx_node(&b, "Div", "cut six", "gate");
    onnx_node(&b, "Mul", "x gate", "y");
    expect_passed_on(&b, 1);
    begin_small(&b); /* a square has two equal factors */
    onnx_node(&b, "Mul", "x x", "y");
    expect_passed_on(&b, 1);
}
END_TEST

START_TEST(a_quotient_leaves_relevance_to_the_numerator)
{
    onnx_builder b;
    begin_small(&b);
    onnx_node(&b, "Exp", "x", "below");
    onnx_node(&b, "Div", "x below", "y");
    expect_passed_on(&b, 1);
}
END_TEST

/* Softmax(x x^T) x: the attention weights stand still, so x_j gets sum over k of x_j a_kj / y_k R_k. */
START_TEST(attention_weighs_values)
{
    static const int64_t PERM[] = {0, 1, 3, 2};
    onnx_builder b;
    rig r;
    xai_error err = {0};
    begin_small(&b);
    onnx_attr_ints(onnx_node(&b, "Transpose", "x", "t"), "perm", 4, PERM);
    onnx_node(&b, "MatMul", "x t", "scores");
    onnx_node(&b, "Softmax", "scores", "weights");
    onnx_node(&b, "MatMul", "weights x", "y");
    ck_assert_msg(run_small(&r, &b, &err) == XAI_OK, "%s", err.msg);
    const float *x = xai_session_value_data(r.session, r.x), *y = xai_session_value_data(r.session, r.y);
    for (int h = 0; h < 2; h++)
        for (int j = 0; j < 3; j++)
            for (int c = 0; c < 3; c++) {
                double expected = 0;
                for (int k = 0; k < 3; k++) {
                    double score[3], all = 0;
                    for (int l = 0; l < 3; l++) {
                        score[l] = 0;
                        for (int d = 0; d < 3; d++)
                            score[l] += (double)x[h * 9 + k * 3 + d] * (double)x[h * 9 + l * 3 + d];
                        all += exp(score[l]);
                    }
                    double weight = exp(score[j]) / all, out = (double)y[h * 9 + k * 3 + c];
                    expected += (double)x[h * 9 + j * 3 + c] * weight / out * (double)r.seed[h * 9 + k * 3 + c];
                }
                float got = r.relevance[h * 9 + j * 3 + c];
                ck_assert_double_eq_tol((double)got, expected, 1e-4 * (1 + fabs(expected)));
            }
    close_rig(&r);
}
END_TEST

START_TEST(what_relevance_does_not_pass_is_named)
{
    static const char *const TYPES[] = {"Softmax", "LRN"};
    for (int i = 0; i < 2; i++) {
        onnx_builder b;
        rig r;
        xai_error err = {0};
        begin_small(&b);
        Onnx__NodeProto *node = onnx_node(&b, TYPES[i], "x", "y");
        if (i == 1) onnx_attr_int(node, "size", 3);
        ck_assert_int_eq(run_small(&r, &b, &err), XAI_E_UNSUPPORTED_METHOD);
        ck_assert_ptr_nonnull(strstr(err.msg, TYPES[i]));
        close_rig(&r);
    }
}
END_TEST

/* Normalisation behind a dense layer and behind a transposed convolution in groups: gone, and the numbers stay. */
START_TEST(normalisation_is_folded_into_every_kind_of_weights)
{
    static const float VARIANCE[] = {0.5F, 1.5F, 2, 0.1F};
    static const char *const OUTPUT = "y";
    for (int kind = 0; kind < 3; kind++) {
        onnx_builder b;
        rig r;
        xai_program *apart;
        xai_session *session;
        onnx_begin(&b, 13);
        onnx_input(&b, "x", kind == 2 ? "0x4x3x3" : "0x6");
        onnx_floats(&b, "w", kind == 0 ? "6x4" : kind == 1 ? "4x6" : "4x2x3x3", NULL);
        onnx_floats(&b, "bias", "4", NULL), onnx_floats(&b, "gamma", "4", NULL);
        onnx_floats(&b, "mean", "4", VARIANCE), onnx_floats(&b, "variance", "4", VARIANCE);
        Onnx__NodeProto *node = onnx_node(&b, kind == 2 ? "ConvTranspose" : "Gemm", kind == 1 ? "x w" : "x w bias", "z");
        if (kind == 1) onnx_attr_int(node, "transB", 1);
        if (kind == 2) onnx_attr_int(node, "group", 2);
        onnx_node(&b, "BatchNormalization", "z gamma bias mean variance", "y");
        onnx_output(&b, "y");
        open_file(&r, onnx_write(&b), "y", 1, 1);
        onnx_end(&b);
        for (int i = 0; i < r.program->node_count; i++)
            ck_assert_str_ne(r.program->nodes[i]->op->type, "BatchNormalization");
        xai_program_spec spec = {.shapes = &r.x->shape, .outputs = &OUTPUT, .output_count = 1, .plain = true};
        xai_session_spec plain = {.mode = XAI_PLAN_FORWARD, .keep = &OUTPUT, .keep_count = 1, .threads = 1};
        ck_assert_int_eq(xai_program_build(r.graph, &spec, &apart, NULL), XAI_OK);
        ck_assert_int_eq(xai_session_new(apart, &plain, &session, NULL), XAI_OK);
        float *x = xai_session_value_data(r.session, r.x);
        for (size_t i = 0; i < r.inputs; i++) x[i] = (float)(i % 5) - 1.5F;
        memcpy(xai_session_value_data(session, apart->inputs[0]), x, r.inputs * sizeof *x);
        xai_session_forward(r.session, &r.par);
        xai_session_forward(session, &r.par);
        const float *y = xai_session_value_data(r.session, r.y), *expected = xai_session_data(session, "y");
        for (size_t i = 0; i < r.outputs; i++)
            ck_assert_float_eq_tol(y[i], expected[i], 1e-5F * (1 + fabsf(expected[i])));
        xai_session_free(session);
        xai_program_free(apart);
        close_rig(&r);
    }
}
END_TEST

START_TEST(rules_out_of_range_are_refused)
{
    static const xai_rule WRONG[] = {
        {.kind = XAI_RULE_EPSILON, .negated = true},
        {.kind = XAI_RULE_EPSILON, .epsilon = -1},
        {.kind = XAI_RULE_GAMMA, .gamma = -0.5F},
        {.kind = XAI_RULE_ALPHA_BETA, .alpha = 2, .beta = 2},
        {.kind = XAI_RULE_Z_BOX, .low = LOW, .high = HIGH, .channels = 2},
    };
    rig r;
    xai_error err = {0};
    open_net(&r, NETS[0], 1);
    xai_session_forward(r.session, &r.par);
    for (size_t k = 0; k < sizeof WRONG / sizeof *WRONG; k++) {
        for (int i = 0; i < MOST_NODES; i++) r.rules[i] = WRONG[k];
        r.seed[0] = 1;
        ck_assert_int_eq(propagate(&r, &err), XAI_E_BAD_PARAM);
    }
    close_rig(&r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/relevance");
    TCase *tc = tcase_create("relevance");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, rules_equal_zennit, 0, 2 * COMPOSITE_COUNT);
    tcase_add_test(tc, leaks_make_up_the_difference);
    tcase_add_loop_test(tc, threads_give_the_same_bytes, 0, 2);
    tcase_add_test(tc, a_gate_leaves_relevance_to_the_signal);
    tcase_add_test(tc, a_quotient_leaves_relevance_to_the_numerator);
    tcase_add_test(tc, attention_weighs_values);
    tcase_add_test(tc, what_relevance_does_not_pass_is_named);
    tcase_add_test(tc, normalisation_is_folded_into_every_kind_of_weights);
    tcase_add_test(tc, rules_out_of_range_are_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
