/*
 * Operators in bfloat16. A product is the float32 product of rounded factors: every case of Conv, Gemm and MatMul gives
 * what float32 gives on inputs and weights that have been rounded before, but for the order of the sum; or, where an
 * operator stays float32 (depthwise, grouped, joined rows, weights that vary), the very bytes of float32. Multiply-adds
 * give the bytes of the plain loops, and so does the instruction (to 1e-6, should a processor round it otherwise); each
 * way gives its own at one thread and at three, and in a box of the output.
 */
#include "kernels/bf16.h"
#include "support/op_harness.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the largest output: another order of some hundred sums in float32. */
static const double BOUND = 1e-5;

/* Beside the operators' own cases: what makes long sums, odd channels, cuts and steps. */
static const xai_op_case CONVS[] = {
    {"pointwise_in_several_blocks", {"2x301x5x6", "~51x301x1x1", "~51", NULL}, "", 0},
    {"pointwise_stride_two", {"1x34x9x8", "~20x34x1x1", NULL}, "strides=2,2", 0},
    {"stride_two_in_several_pieces", {"2x20x31x29", "~35x20x3x3", "~35", NULL}, "strides=2,2;pads=1,1,1,1", 0},
    {"odd_channels_dilated", {"1x17x12x11", "~19x17x3x2", "~19", NULL}, "dilations=2,3;pads=2,1,0,2", 0},
    {"large_planes_of_small_kernels", {"1x33x13x13", "~70x33x3x3", NULL}, "pads=1,1,1,1", 0},
    {0},
};
static const xai_op_case GEMMS[] = {
    {"long_sums", {"3x700", "~51x700", "~51", NULL}, "transB=1", 0},
    {"scaled_stays", {"3x37", "~37x51", NULL}, "alpha=0.5", 0},
    {0},
};
static const xai_op_case MAT_MULS[] = {{"long_odd_sums", {"1x300x151", "~151x50", NULL}, "", 0}, {0}};

static const char *const WAYS[] = {"scalar", "avx512", "avx512bf16"};
enum { WAY_COUNT = 3 };

typedef struct pair {
    op_bench bench;
    bool last;
} pair;

static void open_case(pair *p, const xai_op *op, const xai_op_case *c)
{
    ck_assert(op_bench_init(&p->bench, op, c, 5, NULL) == XAI_OK);
    p->last = op->order && op->order(&p->bench.node) == XAI_ORDER_LAST;
}

/* Data of the first two inputs becomes what bfloat16 holds. */
static void round_factors(op_bench *b)
{
    for (int i = 0; i < 2 && i < b->node.in_count; i++)
        for (int k = 0; k < op_bench_count(b, i); k++)
            op_bench_f32(b, i)[k] = xai_float_of_bits(xai_bf16_of(op_bench_f32(b, i)[k]) << 16);
}

static void run(pair *p, const xai_bf16 *bf16, xai_pool *pool)
{
    ck_assert(op_bench_again(&p->bench, p->last, bf16, NULL) == XAI_OK);
    op_bench_forward(&p->bench, pool);
    ck_assert_ptr_null(op_bench_damage(&p->bench));
}

static const float *output(pair *p) { return op_bench_f32(&p->bench, op_bench_out(&p->bench, 0)); }
static size_t output_bytes(pair *p) { return p->bench.data[op_bench_out(&p->bench, 0)].bytes; }
static bool same(pair *a, pair *b) { return memcmp(output(a), output(b), output_bytes(a)) == 0; }

static double distance(pair *a, pair *b)
{
    double most = 0, worst = 0;
    for (size_t i = 0; i < output_bytes(a) / sizeof(float); i++) {
        most = fmax(most, fabs((double)output(a)[i]));
        worst = fmax(worst, fabs((double)output(a)[i] - (double)output(b)[i]));
    }
    return worst / fmax(most, 1e-30);
}

/* A part of the output, computed over what was there, changes no byte. */
static void check_box(pair *p, const char *name)
{
    op_bench *b = &p->bench;
    const xai_shape *s = &b->values[op_bench_out(b, 0)].shape;
    if (!b->node.op->forward_box || s->rank != 4) return;
    void *whole = malloc(output_bytes(p));
    ck_assert_ptr_nonnull(whole);
    memcpy(whole, output(p), output_bytes(p));
    for (int64_t cols = 1; cols <= s->dim[3]; cols += 3) {
        xai_box box = xai_box_whole(s);
        box.low[2] = s->dim[2] / 3;
        box.low[3] = s->dim[3] - cols;
        op_bench_forward_box(b, NULL, &box);
        ck_assert_msg(memcmp(whole, output(p), output_bytes(p)) == 0, "%s: a box of %d columns differs", name, (int)cols);
    }
    ck_assert_ptr_null(op_bench_damage(b));
    free(whole);
}

/* Whether the case is in bfloat16. */
static bool check_case(const xai_op *op, const xai_op_case *c, xai_pool *pool)
{
    pair exact, rounded, first, one, three;
    open_case(&exact, op, c);
    open_case(&rounded, op, c);
    open_case(&first, op, c);
    round_factors(&rounded.bench);
    run(&exact, NULL, NULL);
    run(&rounded, NULL, NULL);
    run(&first, xai_bf16_for("scalar"), NULL);
    bool stays = same(&exact, &first);
    ck_assert_msg(stays || distance(&rounded, &first) <= BOUND, "%s %s: off by %g", op->type, c->name,
                  distance(&rounded, &first));
    check_box(&first, c->name);
    for (int way = 0; way < WAY_COUNT; way++) {
        const xai_bf16 *bf16 = xai_bf16_for(WAYS[way]);
        if (!bf16) continue; /* not on this machine */
        open_case(&one, op, c), open_case(&three, op, c);
        run(&one, bf16, NULL), run(&three, bf16, pool);
        double off = same(&first, &one) ? 0 : distance(&first, &one);
        ck_assert_msg(off <= (way == WAY_COUNT - 1 ? 1e-6 : 0), "%s %s: off by %g by %s", op->type, c->name, off, bf16->isa);
        ck_assert_msg(same(&one, &three), "%s %s: threads change the bytes by %s", op->type, c->name, bf16->isa);
        check_box(&one, c->name);
        op_bench_free(&one.bench), op_bench_free(&three.bench);
    }
    op_bench_free(&exact.bench), op_bench_free(&rounded.bench), op_bench_free(&first.bench);
    return !stays;
}

/* How many of the cases are in bfloat16. */
static int check_cases(const char *type, const xai_op_case *cases)
{
    const xai_op *op = xai_op_find(type);
    xai_pool *pool;
    int count = 0;
    ck_assert(xai_pool_new(3, &pool, NULL) == XAI_OK);
    xai_pool_enter(pool, false);
    for (const xai_op_case *c = cases ? cases : op->cases; c->name; c++) count += check_case(op, c, pool);
    xai_pool_leave(pool);
    xai_pool_free(pool);
    return count;
}

START_TEST(products_of_rounded_factors)
{
    ck_assert_int_eq(check_cases("Conv", CONVS), 5);
    ck_assert_int_eq(check_cases("Gemm", GEMMS), 1);
    ck_assert_int_eq(check_cases("MatMul", MAT_MULS), 1);
}
END_TEST

START_TEST(the_operators_own_cases)
{
    ck_assert_int_ge(check_cases("Conv", NULL), 2);
    ck_assert_int_ge(check_cases("Gemm", NULL), 1);
    ck_assert_int_ge(check_cases("MatMul", NULL), 2);
    ck_assert_int_eq(check_cases("Relu", NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ops/bf16");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, products_of_rounded_factors);
    tcase_add_test(all, the_operators_own_cases);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
