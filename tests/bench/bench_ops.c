/*
 * Speed of single operators, forward and backward, without a model: best of several runs, in microseconds and in
 * gigabytes a second of what they read and write (a copy of memory is shown first, to compare with).
 *
 *     build/tests/bench/bench_ops [threads] [type]
 *
 * The buffers are those of the tests' harness, which works within Check alone: all is one test that cannot fail.
 * Those that networks spend time in have a size from a network here; all others run their first case, so that no
 * operator is without a figure. Not a test: nothing here fails. Compare only numbers of one run, on a machine that is
 * doing nothing else.
 */
#include "base/token.h"
#include "kernels/kernels.h"
#include "support/op_harness.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sized {
    const char *type;
    xai_op_case made;
} sized;

static const sized SIZES[] = {
    {"Add", {"residual", {"1x256x56x56", "1x256x56x56"}, "", 0}},
    {"AveragePool", {"transition", {"1x128x56x56"}, "kernel_shape=2,2;strides=2,2", 0}},
    {"BatchNormalization", {"unfused", {"1x64x112x112", "~64", "~64", "~64", "+64"}, "", 0}},
    {"Concat", {"dense", {"1x128x56x56", "1x128x56x56"}, "axis=1", 0}},
    {"ConvTranspose", {"u_net", {"1x128x56x56", "~128x64x2x2", "~64"}, "strides=2,2", 0}},
    {"ConvTranspose", {"fcn", {"1x21x28x28", "~21x21x4x4"}, "strides=2,2;pads=1,1,1,1", 0}},
    {"DepthToSpace", {"superresolution", {"1x64x112x112"}, "blocksize=2;mode=CRD", 0}},
    {"Einsum", {"attention", {"1x12x197x64", "1x12x197x64"}, "equation=bhid,bhjd->bhij", 12}},
    {"Gelu", {"convnext", {"1x384x56x56"}, "", 20}},
    {"GroupNormalization", {"u_net", {"1x64x112x112", "~64", "~64"}, "num_groups=8", 21}},
    {"HardSwish", {"mobilenet_v3", {"1x64x112x112"}, "", 14}},
    {"InstanceNormalization", {"style", {"1x64x112x112", "~64", "~64"}, "", 0}},
    {"LayerNormalization", {"vit", {"1x197x768", "~768", "~768"}, "", 17}},
    {"LayerNormalization", {"convnext", {"1x56x56x96", "~96", "~96"}, "", 17}},
    {"MatMul", {"vit_mlp", {"1x197x768", "~768x3072"}, "", 0}},
    {"MatMul", {"vit_scores", {"1x12x197x64", "1x12x64x197"}, "", 0}},
    {"MatMul", {"convnext_mlp", {"1x3136x96", "~96x384"}, "", 0}},
    {"MaxPool", {"stem", {"1x64x112x112"}, "kernel_shape=3,3;strides=2,2;pads=1,1,1,1", 0}},
    {"Mul", {"excitation", {"1x96x112x112", "1x96x1x1"}, "", 0}},
    {"Resize", {"linear", {"1x21x56x56", "", "", "=1,21,224,224"}, "mode=linear", 0}},
    {"Resize", {"nearest", {"1x128x56x56", "", "", "=1,128,112,112"}, "", 0}},
    {"ReduceMean", {"pool", {"1x1280x7x7"}, "axes=2,3", 11}},
    {"Sigmoid", {"efficientnet", {"1x96x112x112"}, "", 0}},
    {"Softmax", {"attention", {"1x12x197x197"}, "", 0}},
    {"Softmax", {"segmentation", {"1x21x224x224"}, "axis=1", 0}},
    {"Transpose", {"to_channels_last", {"1x96x56x56"}, "perm=0,2,3,1", 0}},
};
enum { SIZE_COUNT = sizeof SIZES / sizeof SIZES[0], LEAST_NS = 20000000 };

typedef struct session {
    xai_par par;
    void *data[OP_VALUES];
    float *grads[OP_VALUES];
    xai_exec exec;
} session;

static void session_begin(session *s, op_bench *b, xai_pool *pool)
{
    *s = (session){.par = {pool}};
    for (int i = 0; i < OP_VALUES; i++) {
        s->data[i] = b->data[i].data;
        s->grads[i] = op_bench_grad(b, i);
    }
    s->exec = (xai_exec){.par = &s->par,
                         .data = s->data,
                         .grads = s->grads,
                         .scratch = b->scratch.data,
                         .scratch_stride = (b->node.scratch + 63) / 64 * 64,
                         .shared = b->shared.data};
}

/* Nanoseconds of one call: the best of several, until LEAST_NS have passed. */
static double best_of(op_bench *b, xai_pool *pool, bool backward)
{
    double best = 1e30, spent = 0;
    session s;
    session_begin(&s, b, pool);
    for (int r = 0; r < 3 || spent < LEAST_NS; r++) {
        int64_t start = xai_clock_ns();
        if (backward) b->node.op->backward(&b->node, &s.exec);
        else b->node.op->forward(&b->node, &s.exec);
        double ns = (double)(xai_clock_ns() - start);
        spent += ns;
        if (ns < best) best = ns;
    }
    return best;
}

static double bytes_of(const op_bench *b)
{
    double bytes = 0;
    for (int i = 0; i < OP_VALUES; i++) bytes += (double)b->data[i].bytes;
    return bytes;
}

static void show(const xai_op *op, const xai_op_case *c, xai_pool *pool)
{
    op_bench b;
    xai_error err = {0};
    if (op_bench_init(&b, op, c, 1, &err) != XAI_OK) {
        printf("%-26s %-24s %s\n", op->type, c->name, err.msg);
        return;
    }
    if (op->view) {
        printf("%-26s %-24s nothing to do\n", op->type, c->name);
        op_bench_free(&b);
        return;
    }
    double ns = best_of(&b, pool, false);
    printf("%-26s %-24s %10.1f us %7.1f GB/s", op->type, c->name, ns / 1e3, bytes_of(&b) / ns);
    if (b.node.macs > 0) printf(" %7.1f GFLOP/s", 2 * b.node.macs / ns);
    bool wanted = op->backward && b.node.out[0]->dtype == XAI_F32;
    if (wanted) printf("   backward %10.1f us", best_of(&b, pool, true) / 1e3);
    printf("\n");
    fflush(stdout);
    op_bench_free(&b);
}

static void show_memory(void)
{
    enum { SIZE = 8 << 20 };
    char *from = calloc(1, SIZE), *to = calloc(1, SIZE);
    double best = 1e30;
    for (int r = 0; from && to && r < 20; r++) {
        int64_t start = xai_clock_ns();
        memcpy(to, from, SIZE);
        double ns = (double)(xai_clock_ns() - start);
        if (ns < best) best = ns;
    }
    printf("%s; a copy of %d MiB runs at %.1f GB/s\n", xai_isa_name(), SIZE >> 20, 2.0 * SIZE / best);
    free(from), free(to);
}

static int threads = 1;
static const char *only; /* type; NULL: all */

static void show_operator(const xai_op *op, xai_pool *pool)
{
    bool shown = false;
    for (size_t k = 0; k < SIZE_COUNT; k++) {
        if (strcmp(SIZES[k].type, op->type) != 0) continue;
        shown = true;
        show(op, &SIZES[k].made, pool);
    }
    if (!shown && op->cases && op->cases[0].name) show(op, &op->cases[0], pool);
}

START_TEST(figures)
{
    xai_pool *pool;
    ck_assert(xai_pool_new(threads, &pool, NULL) == XAI_OK);
    show_memory();
    for (size_t i = 0; i < xai_op_count(); i++)
        if (!only || strcmp(only, xai_op_at(i)->type) == 0) show_operator(xai_op_at(i), pool);
    xai_pool_free(pool);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 1) threads = atoi(argv[1]);
    if (argc > 2) only = argv[2];
    Suite *suite = suite_create("bench/ops");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 0);
    tcase_add_test(all, figures);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    srunner_free(runner);
    return EXIT_SUCCESS;
}
