/*
 * Weights that a session owns: a small convolutional net learns a toy problem by Adam, with nothing but session
 * functions; open weights give what packed ones give; what cannot be trained is refused.
 */
#include "base/rng.h"
#include "graph/session.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 16, SIDE = 10, PIXELS = SIDE * SIDE, WEIGHTS = 8, MOST = 512, STEPS = 80 };

static const char *const NAMES[WEIGHTS] = {"w1", "b1", "gamma", "beta", "w2", "b2", "w3", "b3"};
static const char *const OUTPUT = "logits";

/* Conv, BatchNormalization, Relu, grouped Conv with stride 2, Relu, mean, linear layer. */
static void build_net(onnx_builder *b)
{
    static const float ONES[] = {1, 1, 1, 1}, ZEROS[] = {0, 0, 0, 0};
    static const int64_t PADS[] = {1, 1, 1, 1}, TWO[] = {2, 2};
    onnx_begin(b, 13);
    onnx_input(b, "x", "0x1x10x10");
    onnx_output(b, OUTPUT);
    onnx_floats(b, "w1", "4x1x3x3", NULL), onnx_floats(b, "b1", "4", NULL);
    onnx_floats(b, "gamma", "4", ONES), onnx_floats(b, "beta", "4", ZEROS);
    onnx_floats(b, "mean", "4", ZEROS), onnx_floats(b, "var", "4", ONES);
    onnx_floats(b, "w2", "8x2x3x3", NULL), onnx_floats(b, "b2", "8", NULL);
    onnx_floats(b, "w3", "2x8", NULL), onnx_floats(b, "b3", "2", NULL);
    onnx_attr_ints(onnx_node(b, "Conv", "x w1 b1", "c1"), "pads", 4, PADS);
    onnx_node(b, "BatchNormalization", "c1 gamma beta mean var", "n1");
    onnx_node(b, "Relu", "n1", "r1");
    Onnx__NodeProto *second = onnx_node(b, "Conv", "r1 w2 b2", "c2");
    onnx_attr_ints(second, "strides", 2, TWO);
    onnx_attr_int(second, "group", 2);
    onnx_node(b, "Relu", "c2", "r2");
    onnx_node(b, "GlobalAveragePool", "r2", "pooled");
    onnx_node(b, "Flatten", "pooled", "flat");
    onnx_attr_int(onnx_node(b, "Gemm", "flat w3 b3", OUTPUT), "transB", 1);
}

typedef struct net {
    xai_graph *graph;
    xai_program *program;
    xai_session *session;
    xai_par par;
    float gradient[WEIGHTS][MOST], first[WEIGHTS][MOST], second[WEIGHTS][MOST];
} net;

static void open_net(net *n, size_t variables, xai_plan_mode mode)
{
    onnx_builder b;
    xai_error err = {0};
    xai_shape shape = xai_shape_4d(BATCH, 1, SIDE, SIDE);
    memset(n, 0, sizeof *n);
    build_net(&b);
    ck_assert_msg(xai_graph_load(onnx_write(&b), &n->graph, &err) == XAI_OK, "%s", err.msg);
    onnx_end(&b);
    xai_program_spec spec = {.shapes = &shape, .outputs = &OUTPUT, .output_count = 1, .variables = NAMES,
                             .variable_count = variables};
    xai_session_spec session = {.mode = mode, .keep = &OUTPUT, .keep_count = 1, .threads = 1};
    ck_assert_msg(xai_program_build(n->graph, &spec, &n->program, &err) == XAI_OK, "%s", err.msg);
    ck_assert_msg(xai_session_new(n->program, &session, &n->session, &err) == XAI_OK, "%s", err.msg);
}

static void close_net(net *n)
{
    xai_session_free(n->session);
    xai_program_free(n->program);
    xai_graph_free(n->graph);
}

/* Stripes of random phase, lying (0) or standing (1), in noise. */
static void draw_batch(float *x, int label[BATCH], xai_rng *rng)
{
    for (int n = 0; n < BATCH; n++) {
        double phase = 7 * (double)xai_rng_uniform(rng);
        label[n] = (int)xai_rng_below(rng, 2);
        for (int i = 0; i < PIXELS; i++) {
            double along = label[n] ? i % SIDE : i / SIDE;
            x[n * PIXELS + i] = (float)(sin(1.3 * along + phase) + 0.3 * xai_rng_normal(rng));
        }
    }
}

/* Mean cross-entropy, and its gradient by the logits. */
static double loss_of(const float *logits, const int label[BATCH], float *gradient)
{
    double loss = 0;
    for (int n = 0; n < BATCH; n++) {
        double a = (double)logits[2 * n], b = (double)logits[2 * n + 1], p = 1 / (1 + exp(a - b)); /* of class 1 */
        loss -= log(label[n] ? p : 1 - p) / BATCH;
        gradient[2 * n + 1] = (float)((p - label[n]) / BATCH);
        gradient[2 * n] = -gradient[2 * n + 1];
    }
    return loss;
}

static int count_of(const net *n, int i) { return (int)xai_value_count(n->program->variables[i]); }

/* Kingma and Ba, "Adam", 2015. */
static void adam(net *n, int step)
{
    for (int i = 0; i < WEIGHTS; i++) {
        float *w = xai_session_value_data(n->session, n->program->variables[i]);
        for (int k = 0; k < count_of(n, i); k++) {
            double g = (double)n->gradient[i][k];
            n->first[i][k] = (float)(0.9 * (double)n->first[i][k] + 0.1 * g);
            n->second[i][k] = (float)(0.999 * (double)n->second[i][k] + 0.001 * g * g);
            double m = (double)n->first[i][k] / (1 - pow(0.9, step));
            double v = (double)n->second[i][k] / (1 - pow(0.999, step));
            w[k] -= (float)(0.02 * m / (sqrt(v) + 1e-8));
        }
    }
}

static double train_step(net *n, int step, xai_rng *rng)
{
    int label[BATCH];
    float seed[2 * BATCH];
    xai_wanted wanted[WEIGHTS];
    draw_batch(xai_session_data(n->session, "x"), label, rng);
    xai_session_forward(n->session, &n->par);
    double loss = loss_of(xai_session_data(n->session, OUTPUT), label, seed);
    for (int i = 0; i < WEIGHTS; i++) wanted[i] = (xai_wanted){n->program->variables[i], n->gradient[i]};
    xai_seed start = {xai_program_find(n->program, OUTPUT), seed};
    ck_assert_int_eq(xai_session_backward(n->session, &start, 1, wanted, WEIGHTS, XAI_POLICY_PLAIN, &n->par, NULL),
                     XAI_OK);
    if (step) adam(n, step);
    return loss;
}

START_TEST(a_net_learns_stripes)
{
    static net n;
    xai_rng rng = xai_rng_init(5, 0);
    open_net(&n, WEIGHTS, XAI_PLAN_GRADIENT);
    for (int i = 0; i < WEIGHTS; i++) {
        float *w = xai_session_value_data(n.session, n.program->variables[i]);
        bool is_weight = n.program->variables[i]->shape.rank > 1;
        for (int k = 0; is_weight && k < count_of(&n, i); k++) w[k] = 0.3F * (float)xai_rng_normal(&rng);
    }
    double before = train_step(&n, 0, &rng), after = 0;
    for (int step = 1; step <= STEPS; step++) train_step(&n, step, &rng);
    for (int round = 0; round < 4; round++) after += train_step(&n, 0, &rng) / 4; /* pictures it has not seen */
    ck_assert_double_gt(before, 0.5); /* chance is log 2 = 0.69 */
    ck_assert_double_lt(after, 0.1);
    close_net(&n);
}
END_TEST

/* Fused and packed, or open: one function, to rounding; and in a session that reuses its buffers. */
START_TEST(open_weights_compute_the_same)
{
    static net packed, open, reusing;
    static float x[BATCH * PIXELS]; /* a run may use an input's buffer for something else */
    int label[BATCH];
    xai_rng rng = xai_rng_init(6, 0);
    open_net(&packed, 0, XAI_PLAN_FORWARD);
    open_net(&open, WEIGHTS, XAI_PLAN_GRADIENT);
    open_net(&reusing, WEIGHTS, XAI_PLAN_FORWARD);
    ck_assert_int_lt(packed.program->node_count, open.program->node_count);
    draw_batch(x, label, &rng);
    memcpy(xai_session_data(packed.session, "x"), x, sizeof x);
    net *others[] = {&open, &reusing};
    xai_session_forward(packed.session, &packed.par);
    const float *expected = xai_session_data(packed.session, OUTPUT);
    for (int k = 0; k < 2; k++)
        for (int again = 0; again < 2; again++) {
            memcpy(xai_session_data(others[k]->session, "x"), x, sizeof x);
            xai_session_forward(others[k]->session, &packed.par);
            const float *got = xai_session_data(others[k]->session, OUTPUT);
            for (int i = 0; i < 2 * BATCH; i++)
                ck_assert_double_eq_tol((double)got[i], (double)expected[i], 1e-5 * fmax(1, fabs((double)expected[i])));
        }
    close_net(&packed), close_net(&open), close_net(&reusing);
}
END_TEST

START_TEST(what_is_no_weight_is_refused)
{
    onnx_builder b;
    xai_graph *graph;
    xai_program *program;
    xai_error err = {0};
    xai_shape shape = xai_shape_4d(BATCH, 1, SIDE, SIDE);
    build_net(&b);
    ck_assert_int_eq(xai_graph_load(onnx_write(&b), &graph, NULL), XAI_OK);
    onnx_end(&b);
    const char *wrong[] = {"x", "r1", "nothing", "var"};
    for (int i = 0; i < 4; i++) {
        xai_program_spec spec = {.shapes = &shape, .outputs = &OUTPUT, .output_count = 1, .variables = &wrong[i],
                                 .variable_count = 1};
        ck_assert_int_ne(xai_program_build(graph, &spec, &program, &err), XAI_OK);
        ck_assert_ptr_nonnull(strstr(err.msg, i < 3 ? wrong[i] : "BatchNormalization"));
    }
    xai_graph_free(graph);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/training");
    TCase *tc = tcase_create("training");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_net_learns_stripes);
    tcase_add_test(tc, open_weights_compute_the_same);
    tcase_add_test(tc, what_is_no_weight_is_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
