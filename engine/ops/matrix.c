/*
 * Products of matrices (matrix.h): a piece of work is a block of columns for some rows of the result. Where the rows
 * of the right factor are contiguous they are added up; where its columns are, dot products are taken.
 */
#include "matrix.h"

#include "kernels/kernels.h"

enum { CACHE_FLOATS = 1 << 16, MOST_COLS = 64, PIECE_ROWS = 32 };

typedef struct job {
    const xai_exec *exec;
    const xai_kernels *kernels;
    float alpha;
    xai_matrix a, b, out;
    int64_t block, column_blocks;
} job;

static float *at(const xai_matrix *m, int64_t row, int64_t col)
{
    return m->data + row * m->row_step + col * m->col_step;
}

xai_matrix xai_matrix_of_slots(const xai_exec *exec, int count, const xai_value *value)
{
    float *first = exec[0].data[value->id];
    int64_t cols = xai_value_count(value), step = count > 1 ? (float *)exec[1].data[value->id] - first : cols;
    return (xai_matrix){first, count, cols, step, 1};
}

size_t xai_matrix_scratch(int64_t m, int64_t n, int64_t k)
{
    int64_t longest = m > n ? m : n;
    return (size_t)((longest > k ? longest : k) + MOST_COLS) * sizeof(float);
}

/* Row i of a, times alpha, contiguous: in place if it is so already. */
static const float *left_row(const job *j, int64_t i, float *copy)
{
    if (j->alpha == 1 && j->a.col_step == 1) return at(&j->a, i, 0);
    for (int64_t k = 0; k < j->a.cols; k++) copy[k] = j->alpha * *at(&j->a, i, k);
    return copy;
}

/* Columns [col, col + count) of row i of the result. */
static void add_block(const job *j, int64_t i, int64_t col, int64_t count, float *scratch)
{
    float *sums = scratch, *to = at(&j->out, i, col);
    const float *left = left_row(j, i, scratch + MOST_COLS);
    size_t k = (size_t)j->a.cols, n = (size_t)count;
    bool rows_lie = j->b.col_step == 1, in_place = rows_lie && j->out.col_step == 1;
    if (in_place)
        sums = to;
    else
        for (int64_t c = 0; c < count; c++) sums[c] = rows_lie ? *at(&j->out, i, col + c) : 0;
    if (rows_lie)
        j->kernels->add_rows(at(&j->b, 0, col), (size_t)j->b.row_step, k, left, sums, n);
    else
        j->kernels->dots(at(&j->b, 0, col), (size_t)j->b.col_step, n, left, k, sums);
    if (in_place) return;
    for (int64_t c = 0; c < count; c++)
        *at(&j->out, i, col + c) = rows_lie ? sums[c] : *at(&j->out, i, col + c) + sums[c];
}

static void run_piece(void *context, size_t index, int thread)
{
    const job *j = context;
    int64_t col = (int64_t)index % j->column_blocks * j->block, row = (int64_t)index / j->column_blocks * PIECE_ROWS;
    int64_t count = j->out.cols - col < j->block ? j->out.cols - col : j->block;
    for (int64_t i = row; i < row + PIECE_ROWS && i < j->out.rows; i++)
        add_block(j, i, col, count, xai_scratch(j->exec, thread));
}

void xai_matrix_product(const xai_exec *exec, float alpha, xai_matrix a, xai_matrix b, xai_matrix out)
{
    job j = {.exec = exec, .kernels = xai_kernels_get(), .alpha = alpha, .a = a, .b = b, .out = out};
    if (a.cols == 0 || out.rows == 0 || out.cols == 0) return;
    j.block = CACHE_FLOATS / a.cols / 4 * 4; /* a block of b stays in the cache while the rows pass */
    if (j.block < 4) j.block = 4;
    if (j.block > MOST_COLS) j.block = MOST_COLS;
    j.column_blocks = (out.cols + j.block - 1) / j.block;
    int64_t row_blocks = (out.rows + PIECE_ROWS - 1) / PIECE_ROWS;
    xai_par_for(exec->par, (size_t)(j.column_blocks * row_blocks), run_piece, &j);
}
