/*
 * Operators that work with the channels last as well: on each of their cases they give what they give in ONNX's order,
 * forward and backward, and the same bytes at one thread and at three.
 */
#include "support/op_harness.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rounding alone may differ: sums are made in another order. */
static const double BOUND = 2e-5;

enum { MOST = 1 << 16 }; /* elements of a case's tensor */

static void draw(op_bench *b, int id, float *out)
{
    xai_rng rng = xai_rng_init(77, (uint64_t)id);
    for (int i = 0; i < op_bench_count(b, id); i++) out[i] = (float)xai_rng_normal(&rng);
}

static void compare(const op_bench *plain, const op_bench *last, int id, bool gradient, const char *where)
{
    static float a[MOST], c[MOST];
    int n = op_bench_count(plain, id);
    double most = 1;
    ck_assert(n <= MOST);
    op_bench_read(plain, id, gradient, a);
    op_bench_read(last, id, gradient, c);
    for (int i = 0; i < n; i++) most = fabs((double)a[i]) > most ? fabs((double)a[i]) : most;
    for (int i = 0; i < n; i++)
        ck_assert_msg(fabs((double)a[i] - (double)c[i]) <= BOUND * most, "%s: %s of value %d, element %d: %g, not %g",
                      where, gradient ? "gradient" : "data", id, i, (double)c[i], (double)a[i]);
}

static void run_both_ways(op_bench *b, xai_pool *pool, xai_policy policy)
{
    static float gy[MOST];
    int out = op_bench_out(b, 0);
    op_bench_forward(b, pool);
    op_bench_clear_grads(b);
    draw(b, out, gy);
    op_bench_write(b, out, true, gy);
    op_bench_backward(b, pool, policy);
}

static void check_case(const xai_op *op, const xai_op_case *c, xai_pool *pool)
{
    op_bench plain, last, threaded;
    ck_assert(op_bench_init(&plain, op, c, 5, NULL) == XAI_OK);
    if (op->order(&plain.node) != XAI_ORDER_PLAIN) {
        ck_assert(op_bench_count(&plain, op_bench_out(&plain, 0)) <= MOST);
        ck_assert(op_bench_init(&last, op, c, 5, NULL) == XAI_OK && op_bench_turn(&last, NULL) == XAI_OK);
        ck_assert(op_bench_init(&threaded, op, c, 5, NULL) == XAI_OK && op_bench_turn(&threaded, NULL) == XAI_OK);
        for (int policy = XAI_POLICY_PLAIN; policy <= XAI_POLICY_DECONV; policy++) {
            run_both_ways(&plain, NULL, (xai_policy)policy);
            run_both_ways(&last, NULL, (xai_policy)policy);
            run_both_ways(&threaded, pool, (xai_policy)policy);
            compare(&plain, &last, op_bench_out(&plain, 0), false, c->name);
            for (int i = 0; i < plain.node.in_count; i++) {
                if (!plain.differentiable[i]) continue;
                compare(&plain, &last, i, true, c->name);
                ck_assert_msg(memcmp(last.grad[i].data, threaded.grad[i].data, last.grad[i].bytes) == 0,
                              "%s: threads change the bytes", c->name);
            }
        }
        ck_assert_ptr_null(op_bench_damage(&last));
        op_bench_free(&last);
        op_bench_free(&threaded);
    }
    op_bench_free(&plain);
}

START_TEST(same_results_in_both_orders)
{
    const xai_op *op = xai_op_at((size_t)_i);
    xai_pool *pool;
    if (!op->order || !op->backward) return;
    ck_assert(xai_pool_new(3, &pool, NULL) == XAI_OK);
    for (const xai_op_case *c = op->cases; c && c->name; c++) check_case(op, c, pool);
    xai_pool_free(pool);
}
END_TEST

/* So that the test above has something to do. */
START_TEST(convolutions_want_their_channels_last)
{
    static const xai_op_case CASE = {"dense", {"1x2x5x5", "~3x2x3x3", NULL}, "", 0};
    op_bench b;
    ck_assert(op_bench_init(&b, xai_op_find("Conv"), &CASE, 1, NULL) == XAI_OK);
    ck_assert_int_eq(b.node.op->order(&b.node), XAI_ORDER_LAST);
    op_bench_free(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ops/orders");
    TCase *walk = tcase_create("walk");
    tcase_set_timeout(walk, 60);
    tcase_add_loop_test(walk, same_results_in_both_orders, 0, (int)xai_op_count());
    tcase_add_test(walk, convolutions_want_their_channels_last);
    suite_add_tcase(suite, walk);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
