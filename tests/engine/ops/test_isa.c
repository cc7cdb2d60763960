/*
 * Every operator on its cases under every instruction set that the machine has, against the plain loops of the scalar
 * one: outputs and gradients. The bound is stated: 1e-5 of the largest element of the tensor, which is what another
 * order of some thousand sums may change; what is no float must be equal.
 *
 * The instruction set is chosen once a process, so each one runs in a child of its own, which writes what it gets into
 * memory that is shared. The parent never asks for kernels.
 */
#include "kernels/kernels.h"
#include "support/op_harness.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECORDS = 256, BYTES = 64 << 20 };
static const char *const ISAS[] = {"scalar", "avx2", "avx512"};
enum { ISA_COUNT = 3 };

/* One tensor that a child has left. */
typedef struct record {
    xai_dtype dtype;
    int count;
    size_t at; /* in `bytes` */
} record;

typedef struct notes {
    char isa[16];   /* which the child really used */
    char error[256];
    int records;
    size_t used;
    record record[RECORDS];
    unsigned char bytes[BYTES];
} notes;

static void note(notes *n, xai_dtype dtype, const void *data, int count)
{
    size_t bytes = (size_t)count * xai_dtype_size(dtype);
    ck_assert(n->records < RECORDS && bytes <= BYTES - n->used);
    n->record[n->records++] = (record){dtype, count, n->used};
    if (bytes) memcpy(n->bytes + n->used, data, bytes);
    n->used += (bytes + 7) / 8 * 8;
}

static bool has_gradient(const op_bench *b)
{
    bool wanted = false;
    for (int i = 0; i < 6; i++) wanted = wanted || b->differentiable[i];
    return wanted && (b->node.op->backward || b->node.op->view) && b->node.out[0]->dtype == XAI_F32;
}

static void run_case(notes *n, const xai_op *op, const xai_op_case *c)
{
    op_bench b;
    xai_error err = {0};
    if (op_bench_init(&b, op, c, 17, &err) != XAI_OK) {
        memcpy(n->error, err.msg, sizeof n->error - 1);
        return;
    }
    op_bench_forward(&b, NULL);
    for (int i = 0; i < b.node.out_count; i++) {
        int id = op_bench_out(&b, i);
        note(n, b.values[id].dtype, b.data[id].data, op_bench_count(&b, id));
        xai_rng rng = xai_rng_init(5, (uint64_t)i);
        for (int k = 0; op_bench_grad(&b, id) && k < op_bench_count(&b, id); k++)
            op_bench_grad(&b, id)[k] = (float)xai_rng_normal(&rng);
    }
    if (has_gradient(&b)) op_bench_backward(&b, NULL, XAI_POLICY_PLAIN);
    for (int i = 0; i < 6; i++)
        if (op_bench_grad(&b, i)) note(n, XAI_F32, op_bench_grad(&b, i), op_bench_count(&b, i));
    if (op_bench_damage(&b)) strcpy(n->error, op_bench_damage(&b));
    op_bench_free(&b);
}

/* All cases in a child. NULL: the machine lacks the instruction set. */
static notes *run_under(const char *isa, const xai_op *op)
{
    notes *n = mmap(NULL, sizeof *n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(n != MAP_FAILED);
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
        setenv("XAI_ISA", isa, 1);
        strcpy(n->isa, xai_isa_name());
        bool here = strcmp(n->isa, isa) == 0;
        for (const xai_op_case *c = op->cases; here && c && c->name && !n->error[0]; c++) run_case(n, op, c);
        _exit(0);
    }
    int status;
    ck_assert(waitpid(child, &status, 0) == child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s under %s: ended with %d", op->type, isa, status);
    ck_assert_msg(!n->error[0], "%s under %s: %s", op->type, isa, n->error);
    if (strcmp(n->isa, isa) == 0) return n;
    munmap(n, sizeof *n);
    return NULL;
}

static void compare_floats(const char *what, const char *isa, const float *want, const float *got, int count)
{
    double largest = 1e-6;
    for (int i = 0; i < count; i++)
        if (isfinite(want[i])) largest = fmax(largest, fabs((double)want[i]));
    for (int i = 0; i < count; i++) {
        bool same = want[i] == got[i] || (isnan(want[i]) && isnan(got[i]));
        ck_assert_msg(same || fabs((double)want[i] - (double)got[i]) <= 1e-5 * largest,
                      "%s under %s: element %d is %.9g, not %.9g", what, isa, i, (double)got[i], (double)want[i]);
    }
}

START_TEST(like_the_plain_loops)
{
    const xai_op *op = xai_op_at((size_t)_i);
    notes *plain = run_under(ISAS[0], op);
    ck_assert_ptr_nonnull(plain);
    for (int k = 1; k < ISA_COUNT; k++) {
        notes *n = run_under(ISAS[k], op);
        if (!n) continue;
        ck_assert_int_eq(n->records, plain->records);
        for (int i = 0; i < n->records; i++) {
            const record *a = &plain->record[i], *b = &n->record[i];
            ck_assert(a->dtype == b->dtype && a->count == b->count);
            const void *want = plain->bytes + a->at, *got = n->bytes + b->at;
            if (a->dtype == XAI_F32) compare_floats(op->type, ISAS[k], want, got, a->count);
            else ck_assert(memcmp(want, got, (size_t)a->count * xai_dtype_size(a->dtype)) == 0);
        }
        munmap(n, sizeof *n);
    }
    munmap(plain, sizeof *plain);
}
END_TEST

/* If the processor has the instructions of a table, forcing it down must reach that table. */
START_TEST(forcing_reaches_each_table)
{
    for (int k = 0; k < ISA_COUNT; k++) {
        bool here = k == 0;
#if defined(__x86_64__)
        here = here || (k == 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
        here = here || (k == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"));
#endif
        notes *n = run_under(ISAS[k], xai_op_find("Identity"));
        ck_assert_msg((n != NULL) == here, "%s is %s", ISAS[k], here ? "not reached" : "reached");
        if (n) munmap(n, sizeof *n);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ops/isa");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, like_the_plain_loops, 0, (int)xai_op_count());
    tcase_add_test(tests, forcing_reaches_each_table);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
