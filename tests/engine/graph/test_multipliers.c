/*
 * Multipliers: what every rule promises, on nets of one or a few operators: sum (x - x_ref) m = change of the target.
 * Captum's own rules are in the goldens (tests/golden/data/methods/propagation); here by hand where they differ.
 */
#include "graph/multipliers.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct rig {
    xai_graph *graph;
    xai_program *program;
    xai_session *session, *reference;
    const xai_value *x, *y;
    size_t inputs, outputs;
    float *seed, *multipliers;
    xai_par par;
} rig;

static void open_rig(rig *r, onnx_builder *b, int threads)
{
    static const char *const Y = "y";
    xai_error err = {0};
    memset(r, 0, sizeof *r);
    ck_assert_msg(xai_graph_load(onnx_write(b), &r->graph, &err) == XAI_OK, "%s", err.msg);
    onnx_end(b);
    xai_program_spec spec = {.shapes = &r->graph->inputs[0].shape, .outputs = &Y, .output_count = 1, .plain = true};
    xai_session_spec now = {.mode = XAI_PLAN_GRADIENT, .keep = &Y, .keep_count = 1, .threads = threads,
                            .multipliers = true};
    xai_session_spec before = {.mode = XAI_PLAN_KEEP, .keep = &Y, .keep_count = 1, .threads = threads};
    ck_assert_msg(xai_program_build(r->graph, &spec, &r->program, &err) == XAI_OK, "%s", err.msg);
    ck_assert_msg(xai_session_new(r->program, &now, &r->session, &err) == XAI_OK, "%s", err.msg);
    ck_assert_msg(xai_session_new(r->program, &before, &r->reference, &err) == XAI_OK, "%s", err.msg);
    r->x = r->program->inputs[0];
    r->y = xai_program_find(r->program, Y);
    r->inputs = (size_t)xai_value_count(r->x);
    r->outputs = (size_t)xai_value_count(r->y);
    r->seed = calloc(r->outputs, sizeof *r->seed);
    r->multipliers = calloc(r->inputs, sizeof *r->multipliers);
}

static void close_rig(rig *r)
{
    free(r->seed), free(r->multipliers);
    xai_session_free(r->session);
    xai_session_free(r->reference);
    xai_program_free(r->program);
    xai_graph_free(r->graph);
}

static float *input_of(const rig *r) { return xai_session_value_data(r->session, r->x); }
static float *reference_of(const rig *r) { return xai_session_value_data(r->reference, r->x); }

/* Numbers between -2 and 2 that lie in no order, and some that have not moved. */
static void fill(const rig *r)
{
    for (size_t i = 0; i < r->inputs; i++) {
        input_of(r)[i] = (float)((i * 37 + 11) % 41) / 10 - 1.97F; /* no kink is hit */
        reference_of(r)[i] = i % 7 == 3 ? input_of(r)[i] : (float)((i * 29 + 5) % 43) / 10.3F - 2;
    }
    for (size_t i = 0; i < r->outputs; i++) r->seed[i] = (float)((i * 13) % 5) - 1.5F;
}

static xai_status propagate(rig *r, bool complete, xai_error *err)
{
    xai_multipliers request = {.seeds = &(xai_seed){r->y, r->seed}, .seed_count = 1,
                               .wanted = &(xai_wanted){r->x, r->multipliers}, .wanted_count = 1,
                               .reference = r->reference, .complete = complete};
    xai_session_forward(r->session, &r->par);
    xai_session_forward(r->reference, &r->par);
    return xai_session_multipliers(r->session, &request, &r->par, err);
}

/* What the multipliers explain, and what has changed; `size` is what both are the small difference of. */
static void add_up(const rig *r, double *explained, double *changed, double *size)
{
    const float *y = xai_session_value_data(r->session, r->y), *y0 = xai_session_value_data(r->reference, r->y);
    *explained = *changed = *size = 0;
    for (size_t i = 0; i < r->inputs; i++) {
        double part = ((double)input_of(r)[i] - (double)reference_of(r)[i]) * (double)r->multipliers[i];
        *explained += part;
        *size += fabs(part);
    }
    for (size_t i = 0; i < r->outputs; i++) *changed += (double)r->seed[i] * ((double)y[i] - (double)y0[i]);
}

/* Nets "x" (1x2x4x4) -> "y", a line a node: type, inputs, outputs. By Captum's rules some lose a part of the change. */
typedef struct net {
    const char *name;
    enum { EXACT, LOSSY } captum;
    const char *nodes[8][3];
} net;

static const net NETS[] = {
    {"relu", EXACT, {{"Relu", "x", "y"}}},
    {"relu6", EXACT, {{"Clip", "x low high", "y"}}},
    {"leaky", EXACT, {{"LeakyRelu", "x", "y"}}},
    {"sigmoid", EXACT, {{"Sigmoid", "x", "y"}}},
    {"tanh", EXACT, {{"Tanh", "x", "y"}}},
    {"elu", EXACT, {{"Elu", "x", "y"}}},
    {"softplus", EXACT, {{"Softplus", "x", "y"}}},
    {"gelu as written", EXACT, {{"Erf", "x", "e"}, {"Mul", "x e", "y"}}},
    {"silu", EXACT, {{"Sigmoid", "x", "s"}, {"Mul", "x s", "y"}}},
    {"hard-swish as written", EXACT, {{"Add", "x three", "a"}, {"Clip", "a low high", "c"}, {"Mul", "x c", "m"}, {"Div", "m three", "y"}}},
    {"square", EXACT, {{"Mul", "x x", "y"}}},
    {"power", EXACT, {{"Exp", "x", "e"}, {"Pow", "e three", "y"}}},
    {"quotient", EXACT, {{"Exp", "x", "e"}, {"Div", "x e", "y"}}},
    {"quotient of a mean", LOSSY, {{"GlobalAveragePool", "x", "m"}, {"Exp", "m", "e"}, {"Div", "x e", "y"}}},
    {"quotient of signs", EXACT, {{"Sigmoid", "x", "s"}, {"Div", "s x", "y"}}},
    {"reciprocal", EXACT, {{"Exp", "x", "e"}, {"Div", "three e", "y"}}},
    {"gelu by tanh", EXACT, {{"Mul", "x x", "q"}, {"Mul", "q x", "c"}, {"Add", "x c", "a"}, {"Tanh", "a", "t"}, {"Add", "t three", "u"},
                      {"Mul", "u x", "y"}}},
    {"squeeze-excitation", LOSSY, {{"GlobalAveragePool", "x", "m"}, {"Sigmoid", "m", "s"}, {"Mul", "x s", "y"}}},
    {"max-pool", LOSSY, {{"MaxPool", "x", "y"}}},
    {"relu before a max-pool", LOSSY, {{"Relu", "x", "r"}, {"MaxPool", "r", "y"}}},
    {"global max", LOSSY, {{"GlobalMaxPool", "x", "y"}}},
    {"reduced min", LOSSY, {{"ReduceMin", "x", "y"}}},
    {"larger of two", LOSSY, {{"Neg", "x", "n"}, {"Tanh", "n", "t"}, {"Max", "x t", "y"}}},
    {"smaller of two", LOSSY, {{"Neg", "x", "n"}, {"Tanh", "n", "t"}, {"Min", "x t", "y"}}},
    {"softmax", LOSSY, {{"Softmax", "x", "y"}}},
    {"attention", LOSSY, {{"Transpose", "x", "t"}, {"MatMul", "x t", "s"}, {"Softmax", "s", "w"}, {"MatMul", "w x", "y"}}},
    {"normalisation as written", LOSSY, {{"ReduceMean", "x", "m"}, {"Sub", "x m", "c"}, {"Mul", "c c", "q"}, {"ReduceMean", "q", "v"},
                                  {"Sqrt", "v", "d"}, {"Div", "c d", "y"}}},
    {"residual and concatenation", EXACT, {{"Relu", "x", "r"}, {"Add", "r x", "a"}, {"Concat", "a r", "c"}, {"Sigmoid", "c", "y"}}},
};
enum { NET_COUNT = sizeof NETS / sizeof *NETS };

static void build(onnx_builder *b, const net *n)
{
    static const float LOW[] = {0}, HIGH[] = {1.5F}, THREE[] = {3};
    onnx_begin(b, 13);
    onnx_input(b, "x", "1x2x4x4");
    onnx_floats(b, "low", "", LOW), onnx_floats(b, "high", "", HIGH), onnx_floats(b, "three", "1", THREE);
    for (int i = 0; i < 8 && n->nodes[i][0]; i++) {
        const char *type = n->nodes[i][0];
        Onnx__NodeProto *node = onnx_node(b, type, n->nodes[i][1], n->nodes[i][2]);
        if (strcmp(type, "MaxPool") == 0) onnx_attr_ints(node, "kernel_shape", 2, (const int64_t[]){3, 3});
        if (strcmp(type, "Transpose") == 0) onnx_attr_ints(node, "perm", 4, (const int64_t[]){0, 1, 3, 2});
        if (strncmp(type, "Reduce", 6) == 0) onnx_attr_ints(node, "axes", 2, (const int64_t[]){2, 3});
        if (strcmp(type, "Concat") == 0) onnx_attr_int(node, "axis", 1);
    }
    onnx_output(b, "y");
}

/* Whether it all adds up; `complete` as in the request. */
static bool adds_up(const net *n, bool complete)
{
    onnx_builder b;
    rig r;
    xai_error err = {0};
    double explained, changed, size;
    build(&b, n);
    open_rig(&r, &b, 1);
    fill(&r);
    ck_assert_msg(propagate(&r, complete, &err) == XAI_OK, "%s: %s", n->name, err.msg);
    add_up(&r, &explained, &changed, &size);
    ck_assert_msg(fabs(changed) > 1e-3, "%s: nothing has changed", n->name);
    close_rig(&r);
    return fabs(explained - changed) <= 2e-5 * (size + fabs(changed));
}

START_TEST(every_rule_adds_up)
{
    ck_assert_msg(adds_up(&NETS[_i], true), "%s", NETS[_i].name);
}
END_TEST

/* Captum's rules lose something at products of tensors, maxima and Softmax; never at activations, written out or not. */
START_TEST(captum_loses_nothing_at_activations)
{
    ck_assert_msg(adds_up(&NETS[_i], false) == (NETS[_i].captum == EXACT), "%s", NETS[_i].name);
}
END_TEST

/* Differences of 1e-6 are all rounding in float32; multipliers are slopes all the same. */
START_TEST(a_small_step_is_no_noise)
{
    for (int k = 0; k < NET_COUNT; k++) {
        if (NETS[k].nodes[1][0] || strstr("max-pool global max reduced min softmax square", NETS[k].name)) continue;
        onnx_builder b;
        rig r;
        build(&b, &NETS[k]);
        open_rig(&r, &b, 1);
        fill(&r);
        float *gradient = calloc(r.inputs, sizeof *gradient);
        for (size_t i = 0; i < r.inputs; i++) reference_of(&r)[i] = input_of(&r)[i] + 1e-6F;
        ck_assert_int_eq(propagate(&r, true, NULL), XAI_OK);
        ck_assert_int_eq(xai_session_backward(r.session, &(xai_seed){r.y, r.seed}, 1, &(xai_wanted){r.x, gradient}, 1,
                                              XAI_POLICY_PLAIN, &r.par, NULL), XAI_OK);
        for (size_t i = 0; i < r.inputs; i++) ck_assert_float_eq_tol(r.multipliers[i], gradient[i], 1e-4F);
        free(gradient);
        close_rig(&r);
    }
}
END_TEST

START_TEST(a_linear_net_has_its_weights)
{
    static const float W[] = {2, -1, 0.5F, 3};
    onnx_builder b;
    rig r;
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "1x2x4x4");
    onnx_floats(&b, "w", "2x2x1x1", W);
    onnx_node(&b, "Conv", "x w", "c");
    onnx_node(&b, "GlobalAveragePool", "c", "y");
    onnx_output(&b, "y");
    open_rig(&r, &b, 1);
    fill(&r);
    r.seed[0] = 1, r.seed[1] = 0;
    ck_assert_int_eq(propagate(&r, false, NULL), XAI_OK);
    for (size_t i = 0; i < 32; i++) ck_assert_float_eq_tol(r.multipliers[i], W[i / 16] / 16, 1e-7F);
    close_rig(&r);
}
END_TEST

/* Two windows of 1 x 2 share their winner, the middle one: 0 4 0 against 0 0 0. Captum keeps the second window's share of
 * the change, and nothing of the first; what adds up has both. */
START_TEST(captum_keeps_the_last_of_overlapping_windows)
{
    static const int64_t KERNEL[] = {1, 2};
    for (int complete = 0; complete < 2; complete++) {
        onnx_builder b;
        rig r;
        onnx_begin(&b, 13);
        onnx_input(&b, "x", "1x1x1x3");
        onnx_attr_ints(onnx_node(&b, "MaxPool", "x", "y"), "kernel_shape", 2, KERNEL);
        onnx_output(&b, "y");
        open_rig(&r, &b, 1);
        memcpy(input_of(&r), (const float[]){0, 4, 0}, 3 * sizeof(float));
        memcpy(reference_of(&r), (const float[]){0, 0, -1}, 3 * sizeof(float));
        r.seed[0] = 10, r.seed[1] = 1;
        ck_assert_int_eq(propagate(&r, complete, NULL), XAI_OK);
        ck_assert_float_eq(r.multipliers[1], complete ? 11 : 1);
        close_rig(&r);
    }
}
END_TEST

/* A max-pool behind a hooked activation is passed by its gradient: to the winner now, by what the winner has changed. */
START_TEST(captum_passes_the_second_of_two_hooked_modules_by_its_gradient)
{
    static const int64_t KERNEL[] = {1, 2};
    onnx_builder b;
    rig r;
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "1x1x1x2");
    onnx_node(&b, "Relu", "x", "r");
    onnx_attr_ints(onnx_node(&b, "MaxPool", "r", "y"), "kernel_shape", 2, KERNEL);
    onnx_output(&b, "y");
    open_rig(&r, &b, 1);
    memcpy(input_of(&r), (const float[]){3, 1}, 2 * sizeof(float));
    memcpy(reference_of(&r), (const float[]){1, 2}, 2 * sizeof(float));
    r.seed[0] = 1;
    ck_assert_int_eq(propagate(&r, false, NULL), XAI_OK);
    ck_assert_float_eq(r.multipliers[0], 1); /* 2 of a change of 1 */
    ck_assert_int_eq(propagate(&r, true, NULL), XAI_OK);
    ck_assert_float_eq(r.multipliers[0], 0.5F);
    close_rig(&r);
}
END_TEST

START_TEST(threads_give_the_same_bytes)
{
    xai_pool *pool;
    ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK);
    for (int k = 0; k < NET_COUNT; k++) {
        onnx_builder b;
        rig r;
        build(&b, &NETS[k]);
        open_rig(&r, &b, 2);
        fill(&r);
        float *alone = malloc(r.inputs * sizeof *alone);
        ck_assert_int_eq(propagate(&r, false, NULL), XAI_OK);
        memcpy(alone, r.multipliers, r.inputs * sizeof *alone);
        r.par.pool = pool;
        xai_pool_enter(pool, false);
        ck_assert_int_eq(propagate(&r, false, NULL), XAI_OK);
        xai_pool_leave(pool);
        ck_assert_int_eq(memcmp(alone, r.multipliers, r.inputs * sizeof *alone), 0);
        free(alone);
        close_rig(&r);
    }
    xai_pool_free(pool);
}
END_TEST

START_TEST(what_has_no_rule_is_named)
{
    onnx_builder b;
    rig r;
    xai_error err = {0};
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "1x2x4x4");
    Onnx__NodeProto *node = onnx_node(&b, "LRN", "x", "y");
    onnx_attr_int(node, "size", 3);
    onnx_output(&b, "y");
    open_rig(&r, &b, 1);
    fill(&r);
    ck_assert_int_eq(propagate(&r, true, &err), XAI_E_UNSUPPORTED_METHOD);
    ck_assert_ptr_nonnull(strstr(err.msg, "LRN"));
    close_rig(&r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/multipliers");
    TCase *tc = tcase_create("multipliers");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, every_rule_adds_up, 0, NET_COUNT);
    tcase_add_loop_test(tc, captum_loses_nothing_at_activations, 0, NET_COUNT);
    tcase_add_test(tc, a_small_step_is_no_noise);
    tcase_add_test(tc, a_linear_net_has_its_weights);
    tcase_add_test(tc, captum_keeps_the_last_of_overlapping_windows);
    tcase_add_test(tc, captum_passes_the_second_of_two_hooked_modules_by_its_gradient);
    tcase_add_test(tc, threads_give_the_same_bytes);
    tcase_add_test(tc, what_has_no_rule_is_named);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
