/*
 * Products of matrices with many rows (tokens, pixels): blocks of the right factor are packed, and the rows of the
 * left one pass them through the registers, as the pixels of a convolution do (kernels.h, pixel_panel).
 *
 * A piece of work is some columns for some rows; they are summed beside each other, since rows of the result that lie
 * a multiple of 4 KiB apart would wait for each other. Sums are cut into blocks of K_BLOCK products, and a row's sums
 * do not depend on the rows beside it. But they have another order than those of xai_matrix_product: which of the two
 * is taken must follow from the shape of one sample.
 */
#include "matrix.h"

#include "kernels/kernels.h"

enum { K_BLOCK = 128, ROWS = 256, WIDEST = 16 };

typedef struct job {
    const xai_exec *exec;
    const xai_kernels *kernels;
    xai_matrix a, b, out;
    int64_t panel, panels; /* columns of one, and their number */
    const float *packed;   /* the whole of b, panel by panel, or NULL */
} job;

/* A thread's scratch. */
typedef struct desk {
    const float *x[ROWS];
    float *y[ROWS];
    float sums[ROWS * XAI_PIXEL_VECS * WIDEST];
    float packed[K_BLOCK * XAI_PIXEL_VECS * WIDEST];
} desk;

size_t xai_matrix_tall_scratch(void) { return sizeof(desk); }

bool xai_matrix_is_tall(xai_matrix a, xai_matrix out) { return a.col_step == 1 && out.col_step == 1; }

/* Rows k to k + count of some columns of b, `width` floats each, the last ones 0. */
static void pack(const xai_matrix *b, int64_t k, int64_t count, int64_t col, int64_t cols, int64_t width, float *out)
{
    for (int64_t i = k; i < k + count; i++, out += width) {
        const float *from = b->data + i * b->row_step + col * b->col_step;
        for (int64_t c = 0; c < cols; c++) out[c] = from[c * b->col_step];
        for (int64_t c = cols; c < width; c++) out[c] = 0;
    }
}

static void run_piece(void *context, size_t index, int thread)
{
    const job *j = context;
    desk *d = xai_scratch(j->exec, thread);
    int64_t col = (int64_t)index % j->panels * j->panel, row = (int64_t)index / j->panels * ROWS;
    int64_t cols = j->out.cols - col < j->panel ? j->out.cols - col : j->panel, width = (int64_t)j->kernels->width;
    int64_t rows = j->out.rows - row < ROWS ? j->out.rows - row : ROWS, vecs = (cols + width - 1) / width;
    for (int64_t i = 0; i < rows; i++) {
        d->x[i] = j->a.data + (row + i) * j->a.row_step;
        d->y[i] = d->sums + i * vecs * width;
    }
    for (int64_t k = 0; k < j->a.cols; k += K_BLOCK) {
        int64_t count = j->a.cols - k < K_BLOCK ? j->a.cols - k : K_BLOCK;
        const float *packed = j->packed ? j->packed + col * j->a.cols + k * vecs * width : d->packed;
        if (!j->packed) pack(&j->b, k, count, col, cols, vecs * width, d->packed);
        j->kernels->pixel_panel(&(xai_pixel_panel){.count = (size_t)rows,
                                                   .x = d->x,
                                                   .x_at = (size_t)k,
                                                   .taps = 1,
                                                   .k = (size_t)count,
                                                   .w = packed,
                                                   .vecs = (size_t)vecs,
                                                   .lanes = (size_t)cols,
                                                   .y = d->y,
                                                   .accumulate = k > 0,
                                                   .clamp = xai_clamp_none()});
    }
    for (int64_t i = 0; i < rows; i++) {
        float *to = j->out.data + (row + i) * j->out.row_step + col;
        for (int64_t c = 0; c < cols; c++) to[c] += d->y[i][c];
    }
}

void xai_matrix_packed_product(const xai_exec *exec, xai_matrix a, xai_matrix b, const float *packed, xai_matrix out)
{
    job j = {.exec = exec, .kernels = xai_kernels_get(), .a = a, .b = b, .out = out, .packed = packed};
    if (a.cols == 0 || out.rows == 0 || out.cols == 0) return;
    j.panel = (int64_t)(XAI_PIXEL_VECS * j.kernels->width);
    j.panels = (out.cols + j.panel - 1) / j.panel;
    int64_t chunks = (out.rows + ROWS - 1) / ROWS;
    xai_par_for(exec->par, (size_t)(j.panels * chunks), run_piece, &j);
}

void xai_matrix_tall_product(const xai_exec *exec, xai_matrix a, xai_matrix b, xai_matrix out)
{
    xai_matrix_packed_product(exec, a, b, NULL, out);
}

/* Every panel but the last is full, so panel p begins at its first column times the rows. */
xai_status xai_matrix_pack(xai_matrix b, xai_arena *arena, const float **packed, xai_error *err)
{
    int64_t width = (int64_t)xai_kernels_get()->width, panel = XAI_PIXEL_VECS * width;
    size_t all = (size_t)((b.cols + width - 1) / width * width), size;
    bool fits = !__builtin_mul_overflow(all, (size_t)b.rows, &size);
    float *out = fits ? XAI_NEW(arena, float, size) : NULL;
    *packed = out;
    if (!out) XAI_NO_MEMORY(err);
    for (int64_t col = 0; col < b.cols; col += panel) {
        int64_t cols = b.cols - col < panel ? b.cols - col : panel, wide = (cols + width - 1) / width * width;
        pack(&b, 0, b.rows, col, cols, wide, out + col * b.rows);
    }
    return XAI_OK;
}
