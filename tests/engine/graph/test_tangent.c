/*
 * Hessian-vector products: against PyTorch's in float64 (tests/golden/make_second.py), against differences of our own
 * gradients, the symmetry of the Hessian, and what is exact by nature: zero where a net is piecewise linear.
 */
#include "graph/session.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 2, CLASSES = 10, CLASS = 3 };

typedef struct smooth {
    const char *name, *layer;
} smooth;

static const smooth NETS[] = {{"second/gate", "/swish/Mul_output_0"}, {"second/attention", "/soft/Softplus_output_0"}};

/* A plain program, its session, and where the target begins. */
typedef struct rig {
    xai_graph *graph;
    xai_program *program;
    xai_session *session;
    float seeds[BATCH * CLASSES];
    xai_seed seed;
    xai_par par;
} rig;

static float *read_npy(const char *net, const char *file)
{
    char path[256];
    xai_array a;
    snprintf(path, sizeof path, "tests/golden/data/%s/%s.npy", net, file);
    ck_assert_msg(xai_npy_read(path, &a, NULL) == XAI_OK, "%s", path);
    float *data = a.data;
    a.data = NULL;
    xai_array_clear(&a);
    return data;
}

static void open_file(rig *r, const char *path, const char *output, const char *layer)
{
    xai_error err = {0};
    memset(r, 0, sizeof *r);
    ck_assert_msg(xai_graph_load(path, &r->graph, &err) == XAI_OK, "%s", err.msg);
    xai_shape shape = r->graph->inputs[0].shape;
    shape.dim[0] = BATCH;
    xai_program_spec spec = {.shapes = &shape, .outputs = &output, .output_count = 1, .keep = &layer,
                             .keep_count = layer ? 1 : 0, .plain = true};
    xai_session_spec session = {.mode = XAI_PLAN_GRADIENT, .keep = &output, .keep_count = 1, .threads = 1,
                                .tangents = true};
    ck_assert_msg(xai_program_build(r->graph, &spec, &r->program, &err) == XAI_OK, "%s", err.msg);
    ck_assert_msg(xai_session_new(r->program, &session, &r->session, &err) == XAI_OK, "%s", err.msg);
    r->seed = (xai_seed){xai_program_find(r->program, output), r->seeds};
}

static void open_net(rig *r, const char *net, const char *layer)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/data/%s/model.onnx", net);
    open_file(r, path, "logits", layer);
    for (int n = 0; n < BATCH; n++) r->seeds[n * CLASSES + CLASS] = 1;
    float *x = read_npy(net, "input");
    memcpy(xai_session_data(r->session, "input"), x, (size_t)xai_value_count(r->program->inputs[0]) * sizeof *x);
    free(x);
    xai_session_forward(r->session, &r->par);
}

static void close_rig(rig *r)
{
    xai_session_free(r->session);
    xai_program_free(r->program);
    xai_graph_free(r->graph);
}

static size_t count_of(const xai_value *v) { return (size_t)xai_value_count(v); }

static double norm_of_difference(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += pow((double)a[i] - (b ? (double)b[i] : 0), 2);
    return sqrt(sum);
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static void product(rig *r, const xai_value *at, const float *v, float *gradient, float *out)
{
    xai_error err = {0};
    xai_hvp hvp = {at, v, gradient, out};
    ck_assert_msg(xai_session_hvp(r->session, &r->seed, 1, &hvp, &r->par, &err) == XAI_OK, "%s", err.msg);
}

/* Bound: METHODS' tolerance of a gradient, relative L2 <= 1e-3. */
static void compare_golden(rig *r, const smooth *net, const xai_value *at, const char *where)
{
    char file[64];
    size_t n = count_of(at);
    float *gradient = malloc(n * sizeof *gradient), *out = malloc(n * sizeof *out);
    snprintf(file, sizeof file, "direction_%s", where);
    float *v = read_npy(net->name, file);
    snprintf(file, sizeof file, "gradient_%s", where);
    float *expected_gradient = read_npy(net->name, file);
    snprintf(file, sizeof file, "product_%s", where);
    float *expected = read_npy(net->name, file);
    product(r, at, v, gradient, out);
    ck_assert_double_le(norm_of_difference(gradient, expected_gradient, n),
                        1e-3 * norm_of_difference(expected_gradient, NULL, n));
    ck_assert_double_le(norm_of_difference(out, expected, n), 1e-3 * norm_of_difference(expected, NULL, n));
    free(gradient), free(out), free(v), free(expected_gradient), free(expected);
}

START_TEST(products_equal_pytorch)
{
    rig r;
    open_net(&r, NETS[_i].name, NETS[_i].layer);
    compare_golden(&r, &NETS[_i], r.program->inputs[0], "input");
    compare_golden(&r, &NETS[_i], xai_program_find(r.program, NETS[_i].layer), "layer");
    compare_golden(&r, &NETS[_i], r.program->inputs[0], "input"); /* nothing is left over */
    close_rig(&r);
}
END_TEST

static void gradient_at(rig *r, xai_session *suffix, const xai_value *layer, float *out)
{
    xai_session_forward(suffix, &r->par);
    ck_assert_int_eq(xai_session_backward(suffix, &r->seed, 1, &(xai_wanted){layer, out}, 1, XAI_POLICY_PLAIN,
                                          &r->par, NULL), XAI_OK);
}

/*
 * Central differences with h = 3e-4 of the direction: a gradient's rounding, 3e-7, makes 1e-3 of it.
 * Where the two one-sided differences disagree, a maximum has changed its place: those elements are left out.
 */
START_TEST(products_are_slopes_of_gradients)
{
    rig r;
    open_net(&r, NETS[_i].name, NETS[_i].layer);
    xai_value *layer = xai_program_find(r.program, NETS[_i].layer);
    xai_value *wanted = xai_program_find(r.program, r.seed.value->name);
    size_t n = count_of(layer), kinks = 0;
    xai_arena *arena = xai_arena_new(0);
    xai_part part;
    xai_session *suffix = NULL;
    xai_session_spec spec = {.mode = XAI_PLAN_GRADIENT, .threads = 2, .part = &part, .base = r.session};
    ck_assert_int_eq(xai_part_after(r.program, layer, &wanted, 1, arena, &part, NULL), XAI_OK);
    ck_assert_int_eq(xai_session_new(r.program, &spec, &suffix, NULL), XAI_OK);
    float *v = read_npy(NETS[_i].name, "direction_layer"), *a = xai_session_value_data(suffix, layer);
    float *base = malloc(n * sizeof *base), *out = malloc(n * sizeof *out), *at[3];
    product(&r, layer, v, NULL, out);
    memcpy(base, a, n * sizeof *a);
    const float h = 3e-4F;
    for (int k = 0; k < 3; k++) {
        at[k] = malloc(n * sizeof(float));
        for (size_t i = 0; i < n; i++) a[i] = base[i] + h * (float)(k - 1) * v[i];
        gradient_at(&r, suffix, layer, at[k]);
    }
    double noise = 1e-3 * norm_of_difference(at[1], NULL, n), error = 0;
    double size = norm_of_difference(out, NULL, n), each = size / sqrt((double)n);
    for (size_t i = 0; i < n; i++) {
        double left = (double)(at[1][i] - at[0][i]) / (double)h, right = (double)(at[2][i] - at[1][i]) / (double)h;
        bool kink = fabs(left - right) > 0.1 * each + 0.1 * fabs(left + right);
        kinks += kink;
        if (!kink) error += pow((double)out[i] - (left + right) / 2, 2);
    }
    ck_assert_double_le(sqrt(error), 1e-2 * size + noise);
    ck_assert_uint_lt(kinks, n / 4);
    for (int k = 0; k < 3; k++) free(at[k]);
    free(v), free(base), free(out);
    xai_session_free(suffix);
    xai_arena_free(arena);
    close_rig(&r);
}
END_TEST

START_TEST(hessian_is_symmetric)
{
    rig r;
    open_net(&r, NETS[_i].name, NETS[_i].layer);
    const xai_value *x = r.program->inputs[0];
    size_t n = count_of(x);
    float *u = read_npy(NETS[_i].name, "input"), *v = read_npy(NETS[_i].name, "direction_input");
    float *hu = malloc(n * sizeof *hu), *hv = malloc(n * sizeof *hv);
    product(&r, x, u, NULL, hu);
    product(&r, x, v, NULL, hv);
    double scale = norm_of_difference(hu, NULL, n) * norm_of_difference(v, NULL, n);
    ck_assert_double_eq_tol(dot(v, hu, n), dot(u, hv, n), 1e-5 * scale);
    free(u), free(v), free(hu), free(hv);
    close_rig(&r);
}
END_TEST

/* Threads change no byte. */
START_TEST(threads_give_the_same_bytes)
{
    rig r;
    xai_pool *pool;
    ck_assert_int_eq(xai_pool_new(2, &pool, NULL), XAI_OK);
    open_net(&r, NETS[_i].name, NETS[_i].layer);
    xai_session_free(r.session);
    xai_session_spec spec = {.mode = XAI_PLAN_GRADIENT, .threads = 2, .tangents = true};
    ck_assert_int_eq(xai_session_new(r.program, &spec, &r.session, NULL), XAI_OK);
    const xai_value *x = r.program->inputs[0];
    size_t n = count_of(x);
    float *v = read_npy(NETS[_i].name, "direction_input"), *in = read_npy(NETS[_i].name, "input");
    float *out[2] = {malloc(n * sizeof(float)), malloc(n * sizeof(float))};
    memcpy(xai_session_value_data(r.session, x), in, n * sizeof *in);
    for (int k = 0; k < 2; k++) {
        r.par.pool = k ? pool : NULL;
        if (k) xai_pool_enter(pool, false);
        xai_session_forward(r.session, &r.par);
        product(&r, x, v, NULL, out[k]);
        if (k) xai_pool_leave(pool);
    }
    ck_assert_int_eq(memcmp(out[0], out[1], n * sizeof(float)), 0);
    free(v), free(in), free(out[0]), free(out[1]);
    close_rig(&r);
    xai_pool_free(pool);
}
END_TEST

START_TEST(piecewise_linear_nets_have_no_curvature)
{
    static const char *const FLAT[] = {"tiny-resnet", "tiny-mobilenet", "tiny-vgg", "tiny-densenet"};
    rig r;
    open_net(&r, FLAT[_i], NULL);
    const xai_value *x = r.program->inputs[0];
    size_t n = count_of(x);
    float *gradient = malloc(n * sizeof *gradient), *out = malloc(n * sizeof *out);
    float *expected = read_npy(FLAT[_i], "grad_input_class3");
    product(&r, x, xai_session_value_data(r.session, x), gradient, out);
    for (size_t i = 0; i < n; i++) ck_assert(out[i] == 0);
    ck_assert_double_le(norm_of_difference(gradient, expected, n), 1e-3 * norm_of_difference(expected, NULL, n));
    free(gradient), free(out), free(expected);
    close_rig(&r);
}
END_TEST

START_TEST(operator_without_second_derivative_is_named)
{
    onnx_builder b;
    rig r;
    xai_error err = {0};
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "0x3x8x8");
    onnx_output(&b, "y");
    onnx_attr_int(onnx_node(&b, "LRN", "x", "y"), "size", 3);
    open_file(&r, onnx_write(&b), "y", NULL);
    onnx_end(&b);
    float v[BATCH * 192] = {1}, seed[BATCH * 192] = {1}, out[BATCH * 192];
    xai_hvp hvp = {r.program->inputs[0], v, NULL, out};
    r.seed.grad = seed;
    memset(xai_session_data(r.session, "x"), 0, sizeof v);
    xai_session_forward(r.session, &r.par);
    ck_assert_int_eq(xai_session_hvp(r.session, &r.seed, 1, &hvp, &r.par, &err), XAI_E_UNSUPPORTED_METHOD);
    ck_assert_ptr_nonnull(strstr(err.msg, "LRN"));
    ck_assert_ptr_nonnull(strstr(err.msg, "second derivative"));
    close_rig(&r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/tangent");
    TCase *tc = tcase_create("tangent");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, products_equal_pytorch, 0, 2);
    tcase_add_loop_test(tc, products_are_slopes_of_gradients, 0, 2);
    tcase_add_loop_test(tc, hessian_is_symmetric, 0, 2);
    tcase_add_loop_test(tc, threads_give_the_same_bytes, 0, 2);
    tcase_add_loop_test(tc, piecewise_linear_nets_have_no_curvature, 0, 4);
    tcase_add_test(tc, operator_without_second_derivative_is_named);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
