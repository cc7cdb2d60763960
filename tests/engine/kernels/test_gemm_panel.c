/* The gemm kernel of every instruction set: against double, within its bounds, and to the same bytes however it is
 * cut. */
#include "tables.h"

typedef struct product {
    size_t rows, cols, k;
    float *packed, *b, *c, *bias;
    size_t packed_count;
    float *weights; /* rows x k, as they were before packing */
} product;

static product new_product(const xai_kernels *t, size_t rows, size_t cols, size_t k)
{
    size_t tiles = (rows + t->rows - 1) / t->rows, panels = (cols + t->cols - 1) / t->cols;
    product p = {rows, cols, k, .packed_count = tiles * t->rows * k};
    p.packed = new_floats(p.packed_count, 1); /* its guard is the slack: it must not reach a result */
    p.weights = new_floats(rows * k, 2);
    p.b = new_floats(panels * k * t->cols, 3);
    p.c = new_floats(rows * (cols + 3), 4);
    p.bias = new_floats(rows, 5);
    for (size_t i = 0; i < p.packed_count; i++) {
        size_t tile = i / (t->rows * k), step = i / t->rows % (k ? k : 1), row = tile * t->rows + i % t->rows;
        p.packed[i] = row < rows ? p.weights[row * k + step] : 0;
    }
    return p;
}

static void free_product(product *p)
{
    free_floats(p->packed), free_floats(p->weights), free_floats(p->b), free_floats(p->c), free_floats(p->bias);
}

static xai_gemm_panel call_of(const xai_kernels *t, const product *p)
{
    return (xai_gemm_panel){.a = p->packed,
                            .b = p->b,
                            .ldb = t->cols,
                            .b_step = p->k * t->cols,
                            .c = p->c,
                            .ldc = p->cols + 3,
                            .rows = p->rows,
                            .cols = p->cols,
                            .k = p->k,
                            .clamp = xai_clamp_none()};
}

static float b_at(const xai_kernels *t, const product *p, size_t k, size_t col)
{
    return p->b[col / t->cols * p->k * t->cols + k * t->cols + col % t->cols];
}

/* `old`: C as it was. Columns between the rows of C (ldc > cols) must be as they were. */
static void check_product(const xai_kernels *t, const product *p, const xai_gemm_panel *call, const float *old)
{
    for (size_t r = 0; r < p->rows; r++)
        for (size_t c = 0; c < p->cols + 3; c++) {
            size_t at = r * call->ldc + c;
            if (c >= p->cols) {
                ck_assert(p->c[at] == old[at]);
                continue;
            }
            double sum = call->accumulate ? (double)old[at] : call->bias ? (double)p->bias[r] : 0, size = fabs(sum);
            for (size_t k = 0; k < p->k; k++) {
                double v = (double)p->weights[r * p->k + k] * (double)b_at(t, p, k, c);
                sum += v;
                size += fabs(v);
            }
            if (sum > (double)call->clamp.hi) sum = (double)call->clamp.hi;
            if (sum < (double)call->clamp.lo) sum = (double)call->clamp.lo;
            check_near(p->c[at], sum, size, p->k);
        }
    check_guards(p->c, p->rows * call->ldc);
}

static void check_ways(const xai_kernels *t, size_t rows, size_t cols, size_t k)
{
    product p = new_product(t, rows, cols, k);
    size_t count = rows * (cols + 3);
    float *old = new_floats(count, 4);
    xai_gemm_panel call = call_of(t, &p);
    for (int way = 0; way < 3; way++) {
        memcpy(p.c, old, count * sizeof *old);
        call.bias = way == 1 ? p.bias : NULL;
        call.accumulate = way == 2;
        call.clamp = way == 1 ? (xai_clamp){-1, 2} : xai_clamp_none();
        t->gemm_panel(&call);
        check_product(t, &p, &call, old);
    }
    free_floats(old);
    free_product(&p);
}

START_TEST(panel_agrees_with_double_for_every_edge)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    for (size_t rows = 1; rows <= 2 * t->rows + 1; rows++)
        for (size_t cols = 1; cols <= t->cols; cols++) check_ways(t, rows, cols, 7);
    check_ways(t, 4 * t->rows + 3, 1, 61); /* slim tiles, several at once */
    check_ways(t, 9 * t->rows + 5, 3, 61);
    check_ways(t, 50, 4, 0);
}
END_TEST

START_TEST(panels_side_by_side_agree_with_double)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    for (size_t rows = 1; rows <= 2 * t->rows + 1; rows += 3) check_ways(t, rows, 3 * t->cols, 11);
}
END_TEST

enum { PRODUCTS = 32 }; /* summed by themselves before they join the rest */

/* One call; then k in two blocks, cut between two chains, row by row tile, and column by column. */
START_TEST(panel_has_the_same_bytes_however_it_is_cut)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    size_t rows = 3 * t->rows, cols = t->cols, k = 75, half = PRODUCTS, count = rows * (cols + 3);
    product p = new_product(t, rows, cols, k);
    float *whole = new_floats(count, 9);
    xai_gemm_panel call = call_of(t, &p);
    call.bias = p.bias;
    call.clamp = (xai_clamp){0, 6};
    t->gemm_panel(&call);
    memcpy(whole, p.c, count * sizeof *whole);
    for (size_t tile = 0; tile < rows; tile += t->rows) /* a column is the panel with the column moved to the front */
        for (size_t c = 0; c < cols; c++) {
            float *b = new_floats(k * t->cols, 0);
            for (size_t i = 0; i < k; i++) b[i * t->cols] = p.b[i * t->cols + c];
            xai_gemm_panel one = call, rest;
            one.a += tile * k;
            one.b = b;
            one.c += tile * one.ldc + c;
            one.bias += tile;
            one.rows = t->rows;
            one.cols = 1;
            one.k = half;
            one.clamp = xai_clamp_none();
            t->gemm_panel(&one);
            rest = one;
            rest.a += half * t->rows;
            rest.b += half * t->cols;
            rest.k = k - half;
            rest.accumulate = true;
            rest.bias = NULL;
            rest.clamp = call.clamp;
            t->gemm_panel(&rest);
            free_floats(b);
        }
    for (size_t r = 0; r < rows; r++)
        ck_assert_mem_eq(whole + r * call.ldc, p.c + r * call.ldc, cols * sizeof *whole);
    free_floats(whole);
    free_product(&p);
}
END_TEST

/* Where products are fused the width of the vectors changes nothing: AVX2, AVX-512 and the plain C model agree. */
START_TEST(panel_has_the_bytes_of_short_chains_of_fused_products)
{
    const xai_kernels *t = table_at(_i);
    if (!t || strcmp(t->isa, "scalar") == 0) return;
    product p = new_product(t, t->rows + 2, t->cols, 100);
    xai_gemm_panel call = call_of(t, &p);
    call.bias = p.bias;
    t->gemm_panel(&call);
    for (size_t r = 0; r < p.rows; r++)
        for (size_t c = 0; c < p.cols; c++) {
            float sum = p.bias[r], chain = 0;
            for (size_t k = 0; k < p.k; k++) {
                chain = fmaf(p.weights[r * p.k + k], b_at(t, &p, k, c), chain);
                if ((k + 1) % PRODUCTS && k + 1 < p.k) continue;
                sum += chain;
                chain = 0;
            }
            ck_assert(memcmp(&sum, &p.c[r * call.ldc + c], sizeof sum) == 0);
        }
    free_product(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {panel_agrees_with_double_for_every_edge, panels_side_by_side_agree_with_double,
                                  panel_has_the_same_bytes_however_it_is_cut,
                                  panel_has_the_bytes_of_short_chains_of_fused_products};
    return run_suite("gemm_panel", tests, sizeof tests / sizeof tests[0]);
}
