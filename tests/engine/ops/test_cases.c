/*
 * Every operator of ops.def against its own cases, without knowledge of what it computes:
 *
 *   slopes     the gradient along random directions, and by single elements, against central differences
 *   adjoint    where the operator is affine: <f(d) - f(0), w> = <d, backward(w)>, to rounding
 *   adding     a backward adds to what is there, and nothing else
 *   bytes      one thread, two threads and three give the same bytes, and so does a second run
 *   guards     nothing is written outside the buffers
 *
 * Differences are taken output by output, so that the few outputs that cross a kink (their two one-sided differences
 * disagree) can be left out: their weight is set to 0 before the backward pass. How many may be left out is bounded.
 * The last tests plant errors and see that the checks above find them.
 */
#include "support/op_harness.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPS 6e-8 /* half a unit in the last place of float32 */

/* ---------------------------------------------------------------- float outputs as one vector */

static int output_count(const op_bench *b)
{
    int n = 0;
    for (int i = 0; i < b->node.out_count; i++)
        if (op_bench_grad(b, op_bench_out(b, i))) n += op_bench_count(b, op_bench_out(b, i));
    return n;
}

static double *read_outputs(op_bench *b)
{
    double *y = malloc(((size_t)output_count(b) + 1) * sizeof *y);
    ck_assert_ptr_nonnull(y);
    int n = 0;
    for (int i = 0; i < b->node.out_count; i++)
        for (int k = 0; op_bench_grad(b, op_bench_out(b, i)) && k < op_bench_count(b, op_bench_out(b, i)); k++)
            y[n++] = (double)op_bench_f32(b, op_bench_out(b, i))[k];
    return y;
}

static void set_output_grads(op_bench *b, const float *w)
{
    for (int i = 0; i < b->node.out_count; i++) {
        int id = op_bench_out(b, i), n = op_bench_count(b, id);
        if (!op_bench_grad(b, id)) continue;
        memcpy(op_bench_grad(b, id), w, (size_t)n * sizeof *w);
        w += n;
    }
}

static bool has_gradient(const op_bench *b)
{
    bool found = false;
    for (int i = 0; i < 6; i++) found = found || b->differentiable[i];
    return found && (b->node.op->backward || b->node.op->view) && b->node.out[0]->dtype == XAI_F32;
}

/* ---------------------------------------------------------------- differences */

/* A direction over all differentiable inputs; `single` >= 0: only that element, counted over all of them. */
typedef struct direction {
    float *step[6], *base[6];
} direction;

static direction direction_new(op_bench *b, xai_rng *rng, int single)
{
    direction d = {0};
    int at = 0;
    for (int i = 0; i < 6; i++) {
        int n = b->differentiable[i] ? op_bench_count(b, i) : 0;
        if (!b->differentiable[i]) continue;
        d.step[i] = calloc((size_t)n + 1, sizeof(float));
        d.base[i] = malloc(((size_t)n + 1) * sizeof(float));
        ck_assert(d.step[i] && d.base[i]);
        memcpy(d.base[i], op_bench_f32(b, i), (size_t)n * sizeof(float));
        for (int k = 0; k < n; k++, at++)
            d.step[i][k] = single < 0 ? (float)xai_rng_normal(rng) : at == single ? 1.0F : 0.0F;
    }
    return d;
}

static void direction_free(direction *d)
{
    for (int i = 0; i < 6; i++) free(d->step[i]), free(d->base[i]);
}

/* x = base * keep + h * step, then forward. */
static void run_at(op_bench *b, const direction *d, float keep, float h)
{
    for (int i = 0; i < 6; i++)
        for (int k = 0; d->step[i] && k < op_bench_count(b, i); k++)
            op_bench_f32(b, i)[k] = d->base[i][k] * keep + h * d->step[i][k];
    op_bench_forward(b, NULL);
}

static double *outputs_at(op_bench *b, const direction *d, float keep, float h)
{
    run_at(b, d, keep, h);
    return read_outputs(b);
}

/* <gradient, step> over all inputs. */
static double slope_of(op_bench *b, const direction *d)
{
    double sum = 0;
    for (int i = 0; i < 6; i++)
        for (int k = 0; d->step[i] && k < op_bench_count(b, i); k++)
            sum += (double)op_bench_grad(b, i)[k] * (double)d->step[i][k];
    return sum;
}

static void random_weights(float *w, int n, xai_rng *rng)
{
    for (int i = 0; i < n; i++) w[i] = (float)xai_rng_normal(rng);
}

/*
 * Compares along one direction; returns whether it agrees, or true with *skipped set when too many outputs have kinks
 * there. Error of a central difference with step h: h^2 / 6 * f''' (below 1e-6 here) plus EPS * |y| / h of rounding.
 */
static bool slope_agrees(op_bench *b, direction *d, double h, xai_rng *rng, bool *skipped)
{
    int n = output_count(b), kinks = 0;
    double *mid = outputs_at(b, d, 1, 0), *up = outputs_at(b, d, 1, (float)h), *down = outputs_at(b, d, 1, (float)-h);
    float *w = malloc(((size_t)n + 1) * sizeof *w);
    ck_assert_ptr_nonnull(w);
    random_weights(w, n, rng);
    double expected = 0, square = 0, noise = 0;
    for (int i = 0; i < n; i++) {
        double left = (mid[i] - down[i]) / h, right = (up[i] - mid[i]) / h, round = 4 * EPS * fabs(mid[i]) / h;
        bool kink = fabs(right - left) > 0.01 + 0.01 * (fabs(left) + fabs(right)) + round;
        kinks += kink;
        if (kink) w[i] = 0;
        double term = (double)w[i] * (up[i] - down[i]) / (2 * h);
        expected += term;
        square += term * term;
        if (up[i] != down[i]) noise += pow((double)w[i] * round, 2);
    }
    run_at(b, d, 1, 0);
    set_output_grads(b, w);
    op_bench_clear_grads(b);
    op_bench_backward(b, NULL, XAI_POLICY_PLAIN);
    double error = fabs(slope_of(b, d) - expected), bound = 2e-3 * sqrt(square) + 4 * sqrt(noise) + 1e-4;
    *skipped = kinks > n / 10 + 1;
    if (error > bound) fprintf(stderr, "  slope %g, expected %g, bound %g\n", slope_of(b, d), expected, bound);
    free(mid), free(up), free(down), free(w);
    return error <= bound;
}

/* All inputs at once along three directions, then up to 40 single elements. Returns NULL or what is wrong. */
static const char *check_slopes(op_bench *b)
{
    xai_rng rng = xai_rng_init(7, 1);
    int inputs = 0, tried = 0, skips = 0;
    for (int i = 0; i < 6; i++) inputs += b->differentiable[i] ? op_bench_count(b, i) : 0;
    for (int round = 0; round < 43 && round < inputs + 3; round++) {
        int single = round < 3 ? -1 : inputs <= 40 ? round - 3 : (int)xai_rng_below(&rng, (uint32_t)inputs);
        direction d = direction_new(b, &rng, single);
        bool skipped, agrees = slope_agrees(b, &d, single < 0 ? 0x1p-11 : 0x1p-9, &rng, &skipped);
        tried++;
        skips += skipped;
        direction_free(&d);
        if (!agrees)
            return single < 0 ? "a slope along a random direction is wrong" : "a partial derivative is wrong";
    }
    return skips > tried / 4 ? "too many kinks: the case checks nothing" : NULL;
}

/* Whether f(base + step) - f(base) = f(step) - f(0), to rounding. */
static bool is_affine(op_bench *b, direction *d)
{
    int n = output_count(b);
    double *moved = outputs_at(b, d, 1, 1), *base = outputs_at(b, d, 1, 0), *step = outputs_at(b, d, 0, 1);
    double *zero = outputs_at(b, d, 0, 0), error = 0, size = 0;
    for (int i = 0; i < n; i++) {
        error += fabs(moved[i] - base[i] - step[i] + zero[i]);
        size += fabs(moved[i]) + fabs(base[i]) + fabs(step[i]) + fabs(zero[i]);
    }
    free(moved), free(base), free(step), free(zero);
    return isfinite(size) && error <= 1e-5 * size; /* not finite: a division by 0, say */
}

static const char *check_adjoint(op_bench *b, bool *affine)
{
    xai_rng rng = xai_rng_init(11, 2);
    direction d = direction_new(b, &rng, -1);
    int n = output_count(b);
    float *w = malloc(((size_t)n + 1) * sizeof *w);
    ck_assert_ptr_nonnull(w);
    random_weights(w, n, &rng);
    *affine = is_affine(b, &d);
    double *step = outputs_at(b, &d, 0, 1), *zero = outputs_at(b, &d, 0, 0), left = 0, size = 0;
    for (int i = 0; i < n; i++) {
        left += (step[i] - zero[i]) * (double)w[i];
        size += (fabs(step[i]) + fabs(zero[i])) * fabs((double)w[i]);
    }
    run_at(b, &d, 1, 0);
    set_output_grads(b, w);
    op_bench_clear_grads(b);
    op_bench_backward(b, NULL, XAI_POLICY_PLAIN);
    bool agrees = !*affine || fabs(slope_of(b, &d) - left) <= 1e-5 * size + 1e-6;
    free(step), free(zero), free(w);
    direction_free(&d);
    return agrees ? NULL : "the backward pass is not the adjoint of the forward pass";
}

/* ---------------------------------------------------------------- adding, bytes, guards */

static void random_grads(op_bench *b, uint64_t seed)
{
    for (int i = 0; i < OP_VALUES; i++) {
        xai_rng rng = xai_rng_init(seed, (uint64_t)i);
        if (b->differentiable[i]) random_weights(op_bench_grad(b, i), op_bench_count(b, i), &rng);
    }
}

/* Gradients that begin with some numbers end as those plus what comes from zero. */
static const char *check_adding(op_bench *b)
{
    float *clean[6] = {0};
    const char *wrong = NULL;
    random_grads(b, 3);
    op_bench_clear_grads(b);
    op_bench_forward(b, NULL);
    op_bench_backward(b, NULL, XAI_POLICY_PLAIN);
    for (int i = 0; i < 6; i++) {
        int n = b->differentiable[i] ? op_bench_count(b, i) : 0;
        clean[i] = malloc(((size_t)n + 1) * sizeof(float));
        ck_assert_ptr_nonnull(clean[i]);
        if (n) memcpy(clean[i], op_bench_grad(b, i), (size_t)n * sizeof(float));
        for (int k = 0; k < n; k++) op_bench_grad(b, i)[k] = (float)(100 + k % 10);
    }
    op_bench_backward(b, NULL, XAI_POLICY_PLAIN);
    for (int i = 0; i < 6; i++) {
        int n = b->differentiable[i] ? op_bench_count(b, i) : 0;
        for (int k = 0; k < n; k++) {
            double change = (double)op_bench_grad(b, i)[k] - (100 + k % 10), want = (double)clean[i][k];
            if (!(fabs(change - want) <= 1e-4 + 1e-5 * fabs(want))) wrong = "a backward pass does not add";
        }
        free(clean[i]);
    }
    return wrong;
}

static size_t all_bytes(const op_bench *b, unsigned char *to)
{
    size_t n = 0;
    for (int i = 0; i < OP_VALUES; i++)
        for (int k = 0; k < 2; k++) {
            const op_buffer *buf = k ? &b->grad[i] : &b->data[i];
            if (to && buf->block) memcpy(to + n, buf->data, buf->bytes);
            n += buf->bytes;
        }
    return n;
}

static void run_all(op_bench *b, xai_pool *pool)
{
    random_grads(b, 5);
    op_bench_forward(b, pool);
    if (has_gradient(b)) op_bench_backward(b, pool, XAI_POLICY_PLAIN);
}

static const char *check_bytes(op_bench *b, xai_pool *const pools[], int pool_count)
{
    size_t n = all_bytes(b, NULL);
    unsigned char *once = malloc(n + 1), *again = malloc(n + 1);
    ck_assert(once && again);
    run_all(b, NULL);
    all_bytes(b, once);
    const char *wrong = NULL;
    for (int i = -1; i < pool_count; i++) {
        run_all(b, i < 0 ? NULL : pools[i]);
        all_bytes(b, again);
        if (memcmp(once, again, n) != 0)
            wrong = i < 0 ? "a second run gives other bytes" : "threads change the bytes";
    }
    free(once), free(again);
    return wrong;
}

/* ---------------------------------------------------------------- the walk */

static const char *check_all(op_bench *b, xai_pool *const pools[], int pool_count, bool *affine)
{
    const char *wrong = NULL;
    *affine = false;
    op_bench_forward(b, NULL);
    if (has_gradient(b)) {
        wrong = check_slopes(b);
        if (!wrong) wrong = check_adjoint(b, affine);
        if (!wrong) wrong = check_adding(b);
    }
    if (!wrong) wrong = check_bytes(b, pools, pool_count);
    if (!wrong) wrong = op_bench_damage(b);
    return wrong;
}

/* Cases that must have been recognised as affine: else the adjoint check would check nothing. What an operator says of
 * itself (op.h) must be true; these say nothing, or are views. */
static bool must_be_affine(const op_bench *b)
{
    static const char *const TYPES[] = {"Add", "Reshape", "Sub"};
    const xai_op *op = b->node.op;
    bool inside = op->linear || op->bilinear;
    for (int i = 0; inside && i < 6; i++)
        if (b->differentiable[i]) inside = op->linear >> i & 1 || (op->bilinear && i == 0);
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) inside = inside || strcmp(op->type, TYPES[i]) == 0;
    return inside && has_gradient(b);
}

static void check_operator(const xai_op *op, xai_pool *const pools[], int pool_count)
{
    for (const xai_op_case *c = op->cases; c && c->name; c++) {
        op_bench b;
        xai_error err;
        bool affine;
        ck_assert_msg(op_bench_init(&b, op, c, 1, &err) == XAI_OK, "%s %s: %s", op->type, c->name, err.msg);
        const char *wrong = check_all(&b, pools, pool_count, &affine);
        ck_assert_msg(!wrong, "%s, case %s: %s", op->type, c->name, wrong);
        ck_assert_msg(affine || !must_be_affine(&b), "%s, case %s: not affine", op->type, c->name);
        op_bench_free(&b);
    }
}

START_TEST(every_operator_on_its_cases)
{
    xai_pool *pools[2];
    for (int i = 0; i < 2; i++) ck_assert(xai_pool_new(i + 2, &pools[i], NULL) == XAI_OK);
    check_operator(xai_op_at((size_t)_i), pools, 2);
    for (int i = 0; i < 2; i++) xai_pool_free(pools[i]);
}
END_TEST

/* An operator may lack a derivative or cases; which ones do is written down here, so that it is a decision. */
START_TEST(known_exceptions)
{
    static const char *const NO_BACKWARD =
        " And ArgMax ArgMin BitShift Constant ConstantOfShape Equal EyeLike Greater GreaterOrEqual IsInf IsNaN Less "
        "LessOrEqual NonZero Not OneHot Or Range ReduceProd Shape Size Xor ";
    static const char *const NO_CASES = " BitShift Constant ConstantOfShape EyeLike NonZero Range Shape Size ";
    for (size_t i = 0; i < xai_op_count(); i++) {
        const xai_op *op = xai_op_at(i);
        char word[64];
        snprintf(word, sizeof word, " %s ", op->type);
        bool differentiable = op->backward || op->view, has_cases = op->cases && op->cases[0].name;
        ck_assert_msg(differentiable == !strstr(NO_BACKWARD, word), "%s: %s", op->type,
                      differentiable ? "differentiable" : "not");
        ck_assert_msg(has_cases == !strstr(NO_CASES, word), "%s: %s", op->type, has_cases ? "has cases" : "has none");
    }
}
END_TEST

START_TEST(names_are_unique_and_found)
{
    for (size_t i = 0; i < xai_op_count(); i++) ck_assert_ptr_eq(xai_op_find(xai_op_at(i)->type), xai_op_at(i));
    ck_assert_ptr_null(xai_op_find("NoSuchOperator"));
}
END_TEST

/* ---------------------------------------------------------------- planted errors */

static int planted_threads; /* what a planted forward saw */

static void scaled_backward(const xai_node *node, const xai_exec *exec)
{
    const float *gy = xai_grad_out(exec, node, 0);
    for (int i = 0; i < 2; i++)
        for (int64_t k = 0; k < xai_value_count(node->in[0]); k++)
            xai_grad_in(exec, node, i)[k] += gy[k] * (i ? 1.01F : 1.0F);
}

static void one_element_missing(const xai_node *node, const xai_exec *exec)
{
    const float *gy = xai_grad_out(exec, node, 0);
    for (int i = 0; i < 2; i++)
        for (int64_t k = i; k < xai_value_count(node->in[0]); k++) xai_grad_in(exec, node, i)[k] += gy[k];
}

static void overwriting(const xai_node *node, const xai_exec *exec)
{
    for (int i = 0; i < 2; i++)
        memcpy(xai_grad_in(exec, node, i), xai_grad_out(exec, node, 0),
               (size_t)xai_value_count(node->in[0]) * sizeof(float));
}

static void beyond_the_end(const xai_node *node, const xai_exec *exec)
{
    xai_op_find("Add")->forward(node, exec);
    xai_out_f32(exec, node, 0)[xai_value_count(node->out[0])] = 1;
}

static void count_threads(const xai_node *node, const xai_exec *exec)
{
    xai_op_find("Add")->forward(node, exec);
    planted_threads = xai_par_threads(exec->par);
    if (planted_threads > 1) xai_out_f32(exec, node, 0)[0] += 1;
}

static const char *planted(void (*forward)(const xai_node *, const xai_exec *),
                           void (*backward)(const xai_node *, const xai_exec *))
{
    static const xai_op_case CASE = {"planted", {"3x7", "3x7", NULL}, "", 0};
    xai_op op = *xai_op_find("Add");
    if (forward) op.forward = forward;
    if (backward) op.backward = backward;
    xai_pool *pool;
    op_bench b;
    bool affine;
    ck_assert(xai_pool_new(2, &pool, NULL) == XAI_OK);
    ck_assert(op_bench_init(&b, &op, &CASE, 1, NULL) == XAI_OK);
    const char *wrong = check_all(&b, &pool, 1, &affine);
    op_bench_free(&b);
    xai_pool_free(pool);
    return wrong;
}

START_TEST(planted_errors_are_found)
{
    ck_assert_ptr_null(planted(NULL, NULL));
    ck_assert_ptr_nonnull(planted(NULL, scaled_backward));
    ck_assert_ptr_nonnull(planted(NULL, one_element_missing));
    ck_assert_str_eq(planted(NULL, overwriting), "a backward pass does not add");
    ck_assert_str_eq(planted(beyond_the_end, NULL), "written outside the data of value 6");
    ck_assert_str_eq(planted(count_threads, NULL), "threads change the bytes");
    ck_assert_int_eq(planted_threads, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ops/cases");
    TCase *walk = tcase_create("walk");
    tcase_set_timeout(walk, 120);
    tcase_add_loop_test(walk, every_operator_on_its_cases, 0, (int)xai_op_count());
    tcase_add_test(walk, known_exceptions);
    tcase_add_test(walk, names_are_unique_and_found);
    tcase_add_test(walk, planted_errors_are_found);
    suite_add_tcase(suite, walk);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
