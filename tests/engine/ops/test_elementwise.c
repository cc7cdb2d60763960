/*
 * Element-wise operators against their definitions in float64, and the backward rule of every rectifier under the
 * three policies against METHODS' words: the gradient; the gradient of what is left when the negative part of the
 * incoming one is cut off; for clamps under deconv, the incoming one with its negative part cut off.
 */
#include "reference.h"

/* ---------------------------------------------------------------- functions of one input */

#define UNARY(name, expression)                                                                                      \
    static void name(op_bench *b, double *y)                                                                         \
    {                                                                                                                \
        for (int i = 0; i < op_bench_count(b, op_bench_out(b, 0)); i++) {                                            \
            double x = element(b, 0, i);                                                                             \
            y[i] = (expression);                                                                                     \
        }                                                                                                            \
    }

#define ATTR(name, fallback) ((double)xai_attr_real(&b->node, name, fallback))

static double bound(const op_bench *b, int input, const char *name, double fallback)
{
    if (xai_has_input(&b->node, input)) return element(b, input, 0);
    const xai_attr *a = xai_attr_find(&b->node, name);
    return a ? (double)a->real : fallback;
}

static bool by_tanh(const op_bench *b) { return xai_attr_find(&b->node, "approximate") != NULL; }

UNARY(ref_abs, fabs(x))
UNARY(ref_acos, acos(x))
UNARY(ref_acosh, acosh(x))
UNARY(ref_asin, asin(x))
UNARY(ref_asinh, asinh(x))
UNARY(ref_atan, atan(x))
UNARY(ref_atanh, atanh(x))
UNARY(ref_cast, xai_attr_int(&b->node, "to", 0) == 7 ? trunc(x) : x)
UNARY(ref_ceil, ceil(x))
UNARY(ref_celu, x < 0 ? ATTR("alpha", 1) * (exp(x / ATTR("alpha", 1)) - 1) : x)
UNARY(ref_clip, fmin(fmax(x, bound(b, 1, "min", -INFINITY)), bound(b, 2, "max", INFINITY)))
UNARY(ref_cos, cos(x))
UNARY(ref_cosh, cosh(x))
UNARY(ref_elu, x < 0 ? ATTR("alpha", 1) * (exp(x) - 1) : x)
UNARY(ref_erf, erf(x))
UNARY(ref_exp, exp(x))
UNARY(ref_floor, floor(x))
UNARY(ref_gelu,
      by_tanh(b) ? x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * pow(x, 3)))) : x / 2 * (1 + erf(x / sqrt(2))))
UNARY(ref_hard_sigmoid, fmax(0, fmin(1, ATTR("alpha", 0.2F) * x + ATTR("beta", 0.5F))))
UNARY(ref_hard_swish, x * fmax(0, fmin(1, x / 6 + 0.5)))
UNARY(ref_leaky_relu, x < 0 ? ATTR("alpha", 0.01F) * x : x)
UNARY(ref_log, log(x))
UNARY(ref_mish, x * tanh(log(1 + exp(x))))
UNARY(ref_neg, -x)
UNARY(ref_not, x == 0)
UNARY(ref_reciprocal, 1 / x)
UNARY(ref_relu, x > 0 ? x : 0)
UNARY(ref_round, nearbyint(x))
UNARY(ref_selu, ATTR("gamma", 1.05070102F) * (x < 0 ? ATTR("alpha", 1.67326319F) * (exp(x) - 1) : x))
UNARY(ref_shrink, fabs(x) <= ATTR("lambd", 0.5F) ? 0 : x < 0 ? x + ATTR("bias", 0) : x - ATTR("bias", 0))
UNARY(ref_sigmoid, 1 / (1 + exp(-x)))
UNARY(ref_sign, x > 0 ? 1 : x < 0 ? -1 : 0)
UNARY(ref_sin, sin(x))
UNARY(ref_sinh, sinh(x))
UNARY(ref_softplus, log(exp(x) + 1))
UNARY(ref_softsign, x / (1 + fabs(x)))
UNARY(ref_sqrt, sqrt(x))
UNARY(ref_tan, tan(x))
UNARY(ref_tanh, tanh(x))
UNARY(ref_thresholded_relu, x > ATTR("alpha", 1) ? x : 0)

/* ---------------------------------------------------------------- of two and three inputs */

#define BINARY(name, expression)                                                                                     \
    static void name(op_bench *b, double *y)                                                                         \
    {                                                                                                                \
        for (int i = 0; i < op_bench_count(b, op_bench_out(b, 0)); i++) {                                            \
            place at = place_of(out_shape(b), i);                                                                    \
            double p = element_broadcast(b, 0, at), q = element_broadcast(b, 1, at);                                 \
            y[i] = (expression);                                                                                     \
        }                                                                                                            \
    }

BINARY(ref_add, p + q)
BINARY(ref_and, p != 0 && q != 0)
BINARY(ref_div, p / q)
BINARY(ref_equal, p == q)
BINARY(ref_greater, p > q)
BINARY(ref_greater_or_equal, p >= q)
BINARY(ref_less, p < q)
BINARY(ref_less_or_equal, p <= q)
BINARY(ref_mod, fmod(p, q))
BINARY(ref_mul, (p * q))
BINARY(ref_or, p != 0 || q != 0)
BINARY(ref_p_relu, p < 0 ? p * q : p)
BINARY(ref_pow, pow(p, q))
BINARY(ref_sub, p - q)
BINARY(ref_xor, (p != 0) != (q != 0))
BINARY(ref_where, p != 0 ? q : element_broadcast(b, 2, at))

/* of any number of inputs: r joined with input p */
#define VARIADIC(name, expression, divisor)                                                                          \
    static void name(op_bench *b, double *y)                                                                         \
    {                                                                                                                \
        for (int i = 0; i < op_bench_count(b, op_bench_out(b, 0)); i++) {                                            \
            place at = place_of(out_shape(b), i);                                                                    \
            double r = element_broadcast(b, 0, at);                                                                  \
            for (int k = 1; k < b->node.in_count; k++) {                                                             \
                double p = element_broadcast(b, k, at);                                                              \
                r = (expression);                                                                                    \
            }                                                                                                        \
            y[i] = r / (divisor);                                                                                    \
        }                                                                                                            \
    }

VARIADIC(ref_max, fmax(p, r), 1)
VARIADIC(ref_mean, p + r, b->node.in_count)
VARIADIC(ref_min, fmin(p, r), 1)
VARIADIC(ref_sum, p + r, 1)

static const reference REFERENCES[] = {
    {"Abs", ref_abs},
    {"Acos", ref_acos},
    {"Acosh", ref_acosh},
    {"Add", ref_add},
    {"And", ref_and},
    {"Asin", ref_asin},
    {"Asinh", ref_asinh},
    {"Atan", ref_atan},
    {"Atanh", ref_atanh},
    {"Cast", ref_cast},
    {"Ceil", ref_ceil},
    {"Celu", ref_celu},
    {"Clip", ref_clip},
    {"Cos", ref_cos},
    {"Cosh", ref_cosh},
    {"Div", ref_div},
    {"Elu", ref_elu},
    {"Equal", ref_equal},
    {"Erf", ref_erf},
    {"Exp", ref_exp},
    {"Floor", ref_floor},
    {"Gelu", ref_gelu},
    {"Greater", ref_greater},
    {"GreaterOrEqual", ref_greater_or_equal},
    {"HardSigmoid", ref_hard_sigmoid},
    {"HardSwish", ref_hard_swish},
    {"LeakyRelu", ref_leaky_relu},
    {"Less", ref_less},
    {"LessOrEqual", ref_less_or_equal},
    {"Log", ref_log},
    {"Max", ref_max},
    {"Mean", ref_mean},
    {"Min", ref_min},
    {"Mish", ref_mish},
    {"Mod", ref_mod},
    {"Mul", ref_mul},
    {"Neg", ref_neg},
    {"Not", ref_not},
    {"Or", ref_or},
    {"PRelu", ref_p_relu},
    {"Pow", ref_pow},
    {"Reciprocal", ref_reciprocal},
    {"Relu", ref_relu},
    {"Round", ref_round},
    {"Selu", ref_selu},
    {"Shrink", ref_shrink},
    {"Sigmoid", ref_sigmoid},
    {"Sign", ref_sign},
    {"Sin", ref_sin},
    {"Sinh", ref_sinh},
    {"Softplus", ref_softplus},
    {"Softsign", ref_softsign},
    {"Sqrt", ref_sqrt},
    {"Sub", ref_sub},
    {"Sum", ref_sum},
    {"Tan", ref_tan},
    {"Tanh", ref_tanh},
    {"ThresholdedRelu", ref_thresholded_relu},
    {"Where", ref_where},
    {"Xor", ref_xor},
};

START_TEST(values)
{
    check_reference(&REFERENCES[_i], 3e-7);
}
END_TEST

/* ---------------------------------------------------------------- special numbers */

/* Runs an operator of one input, or two of equal shape, on given floats. */
static void run_on(const char *type, const float *a, const float *q, int n, const char *attributes, float *y)
{
    char shape[16];
    snprintf(shape, sizeof shape, "%d", n);
    xai_op_case c = {"given", {shape, q ? shape : NULL}, attributes, 14};
    op_bench b;
    ck_assert(op_bench_init(&b, xai_op_find(type), &c, 1, NULL) == XAI_OK);
    memcpy(op_bench_f32(&b, 0), a, (size_t)n * sizeof *a);
    if (q) memcpy(op_bench_f32(&b, 1), q, (size_t)n * sizeof *q);
    op_bench_forward(&b, NULL);
    memcpy(y, op_bench_f32(&b, op_bench_out(&b, 0)), (size_t)n * sizeof *y);
    op_bench_free(&b);
}

START_TEST(nan_is_never_swallowed)
{
    static const char *const ONE[] = {"Relu",        "Clip",      "LeakyRelu", "Elu",
                                      "HardSigmoid", "HardSwish", "Sigmoid",   "Softplus"};
    float in[20], other[20] = {0}, y[20];
    for (int i = 0; i < 20; i++) in[i] = NAN;
    for (size_t k = 0; k < sizeof ONE / sizeof *ONE; k++) {
        run_on(ONE[k], in, NULL, 20, strcmp(ONE[k], "Clip") == 0 ? "min=0.0;max=6.0" : "", y);
        for (int i = 0; i < 20; i++) ck_assert_msg(isnan(y[i]), "%s of NaN", ONE[k]);
    }
    static const char *const TWO[] = {"Max", "Min", "Add", "Mul"};
    for (size_t k = 0; k < sizeof TWO / sizeof *TWO; k++) {
        run_on(TWO[k], in, other, 20, "", y);
        for (int i = 0; i < 20; i++) ck_assert_msg(isnan(y[i]), "%s of NaN and 0", TWO[k]);
        run_on(TWO[k], other, in, 20, "", y);
        for (int i = 0; i < 20; i++) ck_assert_msg(isnan(y[i]), "%s of 0 and NaN", TWO[k]);
    }
}
END_TEST

START_TEST(large_arguments_do_not_overflow)
{
    float in[] = {-1000, 1000, -INFINITY, INFINITY}, y[4];
    run_on("Sigmoid", in, NULL, 4, "", y);
    ck_assert(y[0] == 0 && y[1] == 1 && y[2] == 0 && y[3] == 1);
    run_on("Softplus", in, NULL, 4, "", y);
    ck_assert(y[0] == 0 && y[1] == 1000 && y[2] == 0 && y[3] == INFINITY);
    run_on("Tanh", in, NULL, 4, "", y);
    ck_assert(y[0] == -1 && y[1] == 1 && y[2] == -1 && y[3] == 1);
}
END_TEST

/* ---------------------------------------------------------------- integers */

typedef struct integer_case {
    const char *type;
    int64_t a, q, y;
} integer_case;

static const integer_case INTEGERS[] = {
    {"Add", 5, -7, -2},
    {"Add", INT64_MAX, 1, INT64_MIN},
    {"Sub", 5, 7, -2},
    {"Mul", -3, 7, -21},
    {"Div", 7, 2, 3},
    {"Div", -7, 2, -3},
    {"Div", 7, -2, -3},
    {"Div", 7, 0, 0},
    {"Div", INT64_MIN, -1, INT64_MIN},
    {"Max", -2, -3, -2},
    {"Min", -2, -3, -3},
};

static void run_integers(const char *type, xai_dtype dtype, const void *a, const void *q, void *y)
{
    static const xai_op_case CASE = {"given", {"1", "1", NULL}, "", 0};
    const xai_op *op = xai_op_find(type);
    xai_arena *arena = xai_arena_new(0);
    xai_value v[3] = {
        {.id = 0, .dtype = dtype, .shape = {1, {1}}}, {.id = 1, .dtype = dtype, .shape = {1, {1}}}, {.id = 2}};
    xai_value *in[] = {&v[0], &v[1]}, *out[] = {&v[2]};
    xai_node node = {.op = op,
                     .name = CASE.name,
                     .opset = 13,
                     .in = in,
                     .in_count = 2,
                     .out = out,
                     .out_count = 1,
                     .state = xai_arena_alloc(arena, 1, op->state_size)};
    xai_setup setup = {.arena = arena};
    xai_error err;
    ck_assert_msg(op->setup(&node, &setup, &err) == XAI_OK, "%s", err.msg);
    ck_assert_int_eq(v[2].dtype, dtype);
    xai_par par = {NULL};
    void *data[] = {(void *)(uintptr_t)a, (void *)(uintptr_t)q, y};
    xai_exec exec = {.par = &par, .data = data};
    op->forward(&node, &exec);
    xai_arena_free(arena);
}

START_TEST(integer_arithmetic)
{
    const integer_case *c = &INTEGERS[_i];
    int64_t y = 99;
    run_integers(c->type, XAI_I64, &c->a, &c->q, &y);
    ck_assert_msg(y == c->y, "%s of %lld and %lld is %lld", c->type, (long long)c->a, (long long)c->q, (long long)y);
    if (c->a != (int32_t)c->a) return;
    int32_t a = (int32_t)c->a, q = (int32_t)c->q, y32 = 99;
    run_integers(c->type, XAI_I32, &a, &q, &y32);
    ck_assert_int_eq(y32, c->y);
}
END_TEST

/* ---------------------------------------------------------------- rectifiers */

typedef struct rectifier {
    const char *type, *attributes;
    double (*slope)(double x);
    bool clamps; /* deconv does not look at the forward signs */
} rectifier;

static double slope_relu(double x)
{
    return x > 0;
}
static double slope_relu6(double x)
{
    return x > 0 && x < 6;
}
static double slope_leaky(double x)
{
    return x < 0 ? 0.25 : 1;
}
static double slope_elu(double x)
{
    return x < 0 ? exp(x) : 1;
}
static double slope_hard_swish(double x)
{
    return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
}
static double slope_softplus(double x)
{
    return 1 / (1 + exp(-x));
}

static double slope_swish(double x)
{
    double s = 1 / (1 + exp(-x));
    return s + x * s * (1 - s);
}

static const rectifier RECTIFIERS[] = {
    {"Relu", "", slope_relu, true},
    {"Clip", "min=0.0;max=6.0", slope_relu6, true},
    {"LeakyRelu", "alpha=0.25", slope_leaky, false},
    {"Elu", "", slope_elu, false},
    {"HardSwish", "", slope_hard_swish, false},
    {"Softplus", "", slope_softplus, false},
    {"Swish", "", slope_swish, false},
};

static double rule(const rectifier *r, xai_policy policy, double x, double g)
{
    double cut = g > 0 ? g : 0;
    if (policy == XAI_POLICY_PLAIN) return g * r->slope(x);
    return r->clamps && policy == XAI_POLICY_DECONV ? cut : cut * r->slope(x);
}

START_TEST(rectifiers_obey_the_policies)
{
    static const float X[] = {-7, -2, -0.5F, 0, 0.5F, 2, 5.5F, 6, 7};
    static const float G[] = {-1.5F, 0, 2};
    enum { N = 27 };
    const rectifier *r = &RECTIFIERS[_i];
    xai_op_case c = {"grid", {"27", NULL}, r->attributes, 10};
    op_bench b;
    ck_assert(op_bench_init(&b, xai_op_find(r->type), &c, 1, NULL) == XAI_OK);
    float *x = op_bench_f32(&b, 0), *gx = op_bench_grad(&b, 0), *gy = op_bench_grad(&b, op_bench_out(&b, 0));
    for (int i = 0; i < N; i++) {
        x[i] = X[i / 3];
        gy[i] = G[i % 3];
    }
    op_bench_forward(&b, NULL);
    for (xai_policy policy = XAI_POLICY_PLAIN; policy <= XAI_POLICY_DECONV; policy++) {
        op_bench_clear_grads(&b);
        op_bench_backward(&b, NULL, policy);
        for (int i = 0; i < N; i++) {
            double want = rule(r, policy, (double)x[i], (double)gy[i]);
            ck_assert_msg(fabs((double)gx[i] - want) < 1e-6, "%s, policy %d, x = %g, g = %g: %g, not %g", r->type,
                          (int)policy, (double)x[i], (double)gy[i], (double)gx[i], want);
        }
    }
    op_bench_free(&b);
}
END_TEST

START_TEST(prelu_is_a_rectifier)
{
    xai_op_case c = {"grid", {"4", "1", NULL}, "", 0};
    op_bench b;
    ck_assert(op_bench_init(&b, xai_op_find("PRelu"), &c, 1, NULL) == XAI_OK);
    const float x[] = {-2, -2, 3, 3}, g[] = {-1, 1, -1, 1};
    memcpy(op_bench_f32(&b, 0), x, sizeof x);
    op_bench_f32(&b, 1)[0] = 0.5F;
    memcpy(op_bench_grad(&b, op_bench_out(&b, 0)), g, sizeof g);
    op_bench_forward(&b, NULL);
    op_bench_backward(&b, NULL, XAI_POLICY_GUIDED);
    const float want[] = {0, 0.5F, 0, 1};
    ck_assert_mem_eq(op_bench_grad(&b, 0), want, sizeof want);
    op_bench_free(&b);
}
END_TEST

/* Functions that don't rectify have one gradient. */
START_TEST(gates_ignore_the_policy)
{
    static const char *const TYPES[] = {"Sigmoid", "Tanh", "HardSigmoid", "Exp", "Abs"};
    for (size_t k = 0; k < sizeof TYPES / sizeof *TYPES; k++) {
        xai_op_case c = {"any", {"2x9", NULL}, "", 0};
        op_bench b;
        float plain[18];
        ck_assert(op_bench_init(&b, xai_op_find(TYPES[k]), &c, 1, NULL) == XAI_OK);
        op_bench_forward(&b, NULL);
        for (int i = 0; i < 18; i++) op_bench_grad(&b, op_bench_out(&b, 0))[i] = (float)(i % 5 - 2);
        op_bench_backward(&b, NULL, XAI_POLICY_PLAIN);
        memcpy(plain, op_bench_grad(&b, 0), sizeof plain);
        op_bench_clear_grads(&b);
        op_bench_backward(&b, NULL, XAI_POLICY_GUIDED);
        ck_assert_mem_eq(op_bench_grad(&b, 0), plain, sizeof plain);
        op_bench_free(&b);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ops/elementwise");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, values, 0, (int)(sizeof REFERENCES / sizeof *REFERENCES));
    tcase_add_test(tests, nan_is_never_swallowed);
    tcase_add_test(tests, large_arguments_do_not_overflow);
    tcase_add_loop_test(tests, integer_arithmetic, 0, (int)(sizeof INTEGERS / sizeof *INTEGERS));
    tcase_add_loop_test(tests, rectifiers_obey_the_policies, 0, (int)(sizeof RECTIFIERS / sizeof *RECTIFIERS));
    tcase_add_test(tests, prelu_is_a_rectifier);
    tcase_add_test(tests, gates_ignore_the_policy);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
