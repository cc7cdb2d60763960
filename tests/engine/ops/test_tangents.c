/*
 * Every operator's tangents (ops/tangent.h) against its own forward and backward passes, on its cases:
 *
 *   first order   <w, ydot> = <backward(w), xdot>, to rounding: the tangent is the adjoint of the backward pass, which
 *                 test_cases.c checks against differences
 *   second order  the curve against central differences of the backward pass along xdot
 *
 * with all inputs moving, and each alone; the gradients of inputs that move are looked at. Elements of a gradient that
 * cross a kink within a difference (its two one-sided differences disagree) are left out; how many may be is bounded.
 * The last tests plant errors.
 */
#include "ops/tangent.h"
#include "support/op_harness.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPS 6e-8 /* half a unit in the last place of float32 */

/* A bench with what a session has besides: tangents, and a second set of gradients. */
typedef struct mover {
    op_bench b;
    xai_par par;
    void *data[OP_VALUES];
    float *grads[OP_VALUES], *turned[OP_VALUES], *tangents[OP_VALUES], *base[OP_VALUES];
    xai_exec exec;
    xai_stage *stage;
    xai_rng rng;
    int kinks, count; /* of all movements: differences, and those that say nothing */
} mover;

static float *floats(int n)
{
    float *p = calloc((size_t)n + 1, sizeof *p);
    ck_assert_ptr_nonnull(p);
    return p;
}

static void randomise(mover *m, float *p, int n)
{
    for (int i = 0; i < n; i++) p[i] = (float)xai_rng_normal(&m->rng);
}

/* False: the case has nothing that could move. */
static bool mover_init(mover *m, const xai_op *op, const xai_op_case *c)
{
    xai_error err;
    memset(m, 0, sizeof *m);
    ck_assert_msg(op_bench_init(&m->b, op, c, 1, &err) == XAI_OK, "%s %s: %s", op->type, c->name, err.msg);
    m->rng = xai_rng_init(17, 3);
    bool any = false;
    for (int i = 0; i < OP_VALUES; i++) {
        m->data[i] = m->b.data[i].data;
        if (!m->b.differentiable[i]) continue;
        int n = op_bench_count(&m->b, i);
        any = any || (i < 6 && n > 0);
        m->grads[i] = op_bench_grad(&m->b, i);
        m->turned[i] = floats(n);
        m->base[i] = floats(n);
        memcpy(m->base[i], op_bench_f32(&m->b, i), (size_t)n * sizeof(float));
    }
    m->exec = (xai_exec){.par = &m->par, .data = m->data, .grads = m->turned, .firsts = m->grads,
                         .tangents = m->tangents, .scratch = m->b.scratch.data, .shared = m->b.shared.data,
                         .scratch_stride = (m->b.node.scratch + 63) / 64 * 64};
    xai_node *node = &m->b.node;
    ck_assert(xai_stage_new(&node, 1, m->b.arena, &m->stage, NULL) == XAI_OK);
    return any && m->b.node.out[0]->dtype == XAI_F32 && (op->backward || op->view);
}

static void stop_moving(mover *m)
{
    for (int i = 0; i < OP_VALUES; i++) free(m->tangents[i]), m->tangents[i] = NULL;
}

static void mover_free(mover *m)
{
    stop_moving(m);
    for (int i = 0; i < OP_VALUES; i++) free(m->turned[i]), free(m->base[i]);
    op_bench_free(&m->b);
}

/* `which` < 0: all inputs move. False: that input cannot. */
static bool start_moving(mover *m, int which)
{
    stop_moving(m);
    bool any = false;
    for (int i = 0; i < OP_VALUES; i++) {
        if (!m->b.differentiable[i] || (i < 6 && which >= 0 && i != which)) continue;
        m->tangents[i] = floats(op_bench_count(&m->b, i));
        if (i < 6) randomise(m, m->tangents[i], op_bench_count(&m->b, i));
        else memset(m->tangents[i], 0xff, (size_t)op_bench_count(&m->b, i) * sizeof(float));
        any = any || i < 6;
    }
    return any;
}

/* The node at base + h * tangent. */
static void run_at(mover *m, float h)
{
    for (int i = 0; i < 6; i++)
        for (int k = 0; m->base[i] && k < op_bench_count(&m->b, i); k++)
            op_bench_f32(&m->b, i)[k] = m->base[i][k] + (m->tangents[i] ? h * m->tangents[i][k] : 0);
    op_bench_forward(&m->b, NULL);
}

/* ---------------------------------------------------------------- first order */

static const char *check_first(mover *m)
{
    double left = 0, right = 0, size = 0;
    for (int o = 6; o < OP_VALUES; o++)
        if (m->grads[o]) randomise(m, m->grads[o], op_bench_count(&m->b, o));
    op_bench_clear_grads(&m->b);
    op_bench_backward(&m->b, NULL, XAI_POLICY_PLAIN);
    for (int i = 0; i < OP_VALUES; i++)
        for (int k = 0; m->tangents[i] && k < op_bench_count(&m->b, i); k++) {
            double term = (double)m->grads[i][k] * (double)m->tangents[i][k];
            *(i < 6 ? &right : &left) += term;
            size += fabs(term);
        }
    bool agrees = fabs(left - right) <= 1e-5 * size + 1e-6; /* false for NaN */
    if (!agrees) fprintf(stderr, "  <w, ydot> %g, <gx, xdot> %g\n", left, right);
    return agrees ? NULL : "the tangent is not the adjoint of the backward pass";
}

/* ---------------------------------------------------------------- second order */

static void gradients_at(mover *m, float h, float *to[6])
{
    run_at(m, h);
    op_bench_clear_grads(&m->b);
    op_bench_backward(&m->b, NULL, XAI_POLICY_PLAIN);
    for (int i = 0; i < 6; i++) {
        if (!m->grads[i]) continue;
        to[i] = floats(op_bench_count(&m->b, i));
        memcpy(to[i], m->grads[i], (size_t)op_bench_count(&m->b, i) * sizeof(float));
    }
}

typedef struct tally {
    double error, size, noise;
    int kinks, count;
} tally;

/* Error of a central difference: h^2 / 6 of the fourth derivative (below 1e-6 here), and rounding. */
static void compare(tally *t, double down, double mid, double up, double curve, double h)
{
    double left = (mid - down) / h, right = (up - mid) / h, slope = (up - down) / (2 * h);
    double round = 4 * EPS * (fabs(mid) + 1e-3) / h;
    t->count++;
    if (fabs(right - left) > 0.03 + 0.03 * (fabs(left) + fabs(right)) + 4 * round) {
        t->kinks++;
        return;
    }
    t->error += pow(curve - slope, 2);
    t->size += slope * slope;
    t->noise += round * round;
}

static const char *check_second(mover *m)
{
    const double h = 0x1p-9;
    float *at[3][6] = {{0}};
    tally t = {0};
    for (int k = 0; k < 3; k++) gradients_at(m, (float)(h * (k - 1)), at[k]);
    run_at(m, 0);
    for (int i = 0; i < 6; i++)
        if (m->turned[i]) memset(m->turned[i], 0, (size_t)op_bench_count(&m->b, i) * sizeof(float));
    if (!m->b.node.op->view && xai_node_curves(&m->b.node, &m->exec)) xai_node_curve(&m->b.node, &m->exec, m->stage);
    for (int i = 0; i < 6; i++)
        for (int k = 0; m->tangents[i] && k < op_bench_count(&m->b, i); k++)
            compare(&t, (double)at[0][i][k], (double)at[1][i][k], (double)at[2][i][k], (double)m->turned[i][k], h);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 6; i++) free(at[k][i]);
    bool agrees = sqrt(t.error) <= 5e-3 * sqrt(t.size) + 2 * sqrt(t.noise) + 1e-4;
    if (!agrees) fprintf(stderr, "  error %g of %g, noise %g\n", sqrt(t.error), sqrt(t.size), sqrt(t.noise));
    m->kinks += t.kinks;
    m->count += t.count;
    return agrees ? NULL : "the curve is not the slope of the backward pass";
}

/* ---------------------------------------------------------------- the walk */

static const char *check_moving(mover *m)
{
    run_at(m, 0);
    if (!m->b.node.op->view) xai_node_tangent(&m->b.node, &m->exec, m->stage);
    else memcpy(m->tangents[6], m->tangents[0], (size_t)op_bench_count(&m->b, 6) * sizeof(float));
    const char *wrong = check_first(m);
    if (!wrong) wrong = check_second(m);
    return wrong ? wrong : op_bench_damage(&m->b);
}

/* How many movements the case allowed; 0: the operator has no tangents. */
static int check_case(const xai_op *op, const xai_op_case *c, const char **wrong)
{
    mover m;
    int done = 0;
    bool can_move = mover_init(&m, op, c);
    for (int which = -1; can_move && !*wrong && which < m.b.node.in_count; which++) {
        if (!start_moving(&m, which) || xai_node_check_tangent(&m.b.node, &m.exec, NULL) != XAI_OK) continue;
        *wrong = check_moving(&m);
        done++;
    }
    if (m.kinks > m.count / 8 + 1) *wrong = "too many kinks: the case checks nothing";
    mover_free(&m);
    return done;
}

START_TEST(every_operator_on_its_cases)
{
    /* Differentiable, but without a second derivative: written down, so that it is a decision. */
    static const char *const NONE =
        " Einsum GlobalLpPool Hardmax LpNormalization LpPool LRN MeanVarianceNormalization ReduceL1 ReduceL2 "
        "ReduceLogSum ReduceLogSumExp ReduceSumSquare Scatter ScatterElements ScatterND TopK ";
    const xai_op *op = xai_op_at((size_t)_i);
    char name[64];
    int done = 0;
    for (const xai_op_case *c = op->cases; c && c->name; c++) {
        const char *wrong = NULL;
        done += check_case(op, c, &wrong);
        ck_assert_msg(!wrong, "%s, case %s: %s", op->type, c->name, wrong);
    }
    snprintf(name, sizeof name, " %s ", op->type);
    if (op->cases && (op->backward || op->view))
        ck_assert_msg((done == 0) == (strstr(NONE, name) != NULL), "%s: %d movements were checked", op->type, done);
}
END_TEST

static const char *planted(const char *type, void (*tangent)(const xai_node *, const xai_exec *),
                           void (*curve)(const xai_node *, const xai_exec *))
{
    static const xai_op_case CASE = {"planted", {"*3x7", "*3x7", NULL}, "", 0};
    static const xai_op_case LONE = {"planted", {"*3x7", NULL}, "", 0};
    xai_op op = *xai_op_find(type);
    const char *wrong = NULL;
    if (tangent) op.tangent = tangent;
    op.curve = curve;
    ck_assert_int_gt(check_case(&op, op.max_in == 1 ? &LONE : &CASE, &wrong), 0);
    return wrong;
}

static void half_the_tangent(const xai_node *node, const xai_exec *exec)
{
    xai_op_find("Mul")->tangent(node, exec);
    for (int64_t i = 0; i < xai_value_count(node->out[0]); i++) xai_tangent_out(exec, node, 0)[i] *= 0.5F;
}

static void twice_the_curve(const xai_node *node, const xai_exec *exec)
{
    for (int i = 0; i < 2; i++) xai_op_find("Mul")->curve(node, exec);
}

START_TEST(planted_errors_are_found)
{
    ck_assert_ptr_null(planted("Mul", NULL, xai_op_find("Mul")->curve));
    ck_assert_ptr_nonnull(planted("Mul", half_the_tangent, xai_op_find("Mul")->curve));
    ck_assert_ptr_nonnull(planted("Mul", NULL, twice_the_curve));
    ck_assert_ptr_nonnull(planted("Mul", NULL, NULL));
    ck_assert_ptr_nonnull(planted("Sigmoid", NULL, NULL)); /* smooth, but said to be made of straight pieces */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ops/tangents");
    TCase *walk = tcase_create("walk");
    tcase_set_timeout(walk, 120);
    tcase_add_loop_test(walk, every_operator_on_its_cases, 0, (int)xai_op_count());
    tcase_add_test(walk, planted_errors_are_found);
    suite_add_tcase(suite, walk);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
