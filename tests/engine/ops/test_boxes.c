/*
 * Operators that follow a change: on each of their cases, in every order of the axes that they know, a change in a
 * random box of an input reaches no more than `reach` says, and forward_box makes that part what a full forward makes
 * it, at one thread and at three, without touching the rest.
 */
#include "support/op_harness.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 16, ROUNDS = 12 };

/* Rounding alone may differ. */
static const double BOUND = 2e-5;

static uint32_t state;
static int64_t below(int64_t n)
{
    state = state * 1664525U + 1013904223U;
    return (int64_t)(state >> 8) % n;
}

static xai_box random_box(const xai_shape *shape)
{
    xai_box box = {0};
    for (int i = 0; i < shape->rank; i++) {
        int64_t length = below(3) == 0 ? shape->dim[i] : 1 + below(shape->dim[i]);
        box.low[i] = below(shape->dim[i] - length + 1);
        box.end[i] = box.low[i] + length;
    }
    return box;
}

static void change_row(void *context, const int64_t *index, int64_t at, int64_t n)
{
    (void)index;
    float *x = context;
    for (int64_t i = at; i < at + n; i++) x[i] = 0.6F * x[i] + 0.3F;
}

static void mark_row(void *context, const int64_t *index, int64_t at, int64_t n)
{
    (void)index;
    memset((bool *)context + at, true, (size_t)n);
}

static void compare(const char *name, const xai_value *out, const xai_box *box, const float *before, const float *full,
                    const float *part)
{
    static bool inside[MOST];
    int64_t n = xai_value_count(out);
    double most = 1;
    memset(inside, 0, sizeof inside);
    xai_box_rows(box, &out->shape, mark_row, inside);
    for (int64_t i = 0; i < n; i++) most = isfinite(full[i]) ? fmax(most, fabs((double)full[i])) : most;
    for (int64_t i = 0; i < n; i++) {
        if (!inside[i]) {
            ck_assert_msg(memcmp(&before[i], &full[i], sizeof *full) == 0, "%s: the change reaches element %d", name, (int)i);
            ck_assert_msg(memcmp(&before[i], &part[i], sizeof *part) == 0, "%s: element %d is touched", name, (int)i);
        } else
            ck_assert_msg((isnan(full[i]) && isnan(part[i])) || fabs((double)full[i] - (double)part[i]) <= BOUND * most,
                          "%s: element %d is %g, not %g", name, (int)i, (double)part[i], (double)full[i]);
    }
}

/* One change of input i. */
static void check_change(op_bench *b, xai_pool *pool, const char *name, int i)
{
    static float x[MOST], before[MOST], full[MOST], part[MOST];
    int in = b->node.in[i]->id, out = op_bench_out(b, 0);
    xai_box box = random_box(&b->values[in].shape), reached = {0};
    op_bench_forward(b, NULL);
    op_bench_read(b, out, false, before);
    op_bench_read(b, in, false, x);
    xai_box_rows(&box, &b->values[in].shape, change_row, x);
    op_bench_write(b, in, false, x);
    b->node.op->reach(&b->node, i, &box, &reached);
    op_bench_forward(b, NULL);
    op_bench_read(b, out, false, full);
    op_bench_write(b, out, false, before);
    if (xai_box_count(&reached, b->values[out].shape.rank)) op_bench_forward_box(b, pool, &reached);
    op_bench_read(b, out, false, part);
    compare(name, &b->values[out], &reached, before, full, part);
}

static void check_bench(op_bench *b, xai_pool *pool, const xai_op_case *c)
{
    ck_assert_int_le(op_bench_count(b, op_bench_out(b, 0)), MOST);
    for (int i = 0; i < b->node.in_count; i++) {
        if (!b->node.in[i] || !b->differentiable[i] || op_bench_count(b, i) == 0) continue;
        ck_assert_int_le(op_bench_count(b, i), MOST);
        for (int round = 0; round < ROUNDS; round++) check_change(b, round % 2 ? pool : NULL, c->name, i);
    }
    ck_assert_ptr_null(op_bench_damage(b));
}

START_TEST(boxes_are_what_a_full_forward_makes_them)
{
    const xai_op *op = xai_op_at((size_t)_i);
    xai_pool *pool;
    ck_assert((op->reach != NULL) == (op->forward_box != NULL));
    if (!op->reach) return;
    state = 1 + (uint32_t)_i;
    ck_assert(xai_pool_new(3, &pool, NULL) == XAI_OK);
    for (const xai_op_case *c = op->cases; c && c->name; c++) {
        op_bench b;
        ck_assert(op_bench_init(&b, op, c, 5, NULL) == XAI_OK);
        if (b.node.out[0]->dtype == XAI_F32) check_bench(&b, pool, c);
        bool turns = op->order && op->order(&b.node) != XAI_ORDER_PLAIN;
        op_bench_free(&b);
        if (!turns) continue;
        ck_assert(op_bench_init(&b, op, c, 5, NULL) == XAI_OK && op_bench_turn(&b, NULL) == XAI_OK);
        check_bench(&b, pool, c);
        op_bench_free(&b);
    }
    xai_pool_free(pool);
}
END_TEST

/* So that the test above has something to do. */
START_TEST(convolutions_follow_a_change)
{
    ck_assert(xai_op_find("Conv")->reach != NULL);
    ck_assert(xai_op_find("Add")->reach != NULL);
    ck_assert(xai_op_find("Gemm")->reach == NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ops/boxes");
    TCase *walk = tcase_create("walk");
    tcase_set_timeout(walk, 60);
    tcase_add_loop_test(walk, boxes_are_what_a_full_forward_makes_them, 0, (int)xai_op_count());
    tcase_add_test(walk, convolutions_follow_a_change);
    suite_add_tcase(suite, walk);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
