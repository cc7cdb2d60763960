/*
 * Products of matrices with many rows (tokens, pixels): blocks of the right factor are packed, and the rows of the
 * left one pass them through the registers, as the pixels of a convolution do (kernels.h, pixel_panel).
 *
 * A piece of work is some columns for some rows; they are summed beside each other, since rows of the result that lie
 * a multiple of 4 KiB apart would wait for each other. Sums are cut into blocks of K_BLOCK products, and a row's sums
 * do not depend on the rows beside it. But they have another order than those of xai_matrix_product: which of the two
 * is taken must follow from the shape of one sample. In bfloat16 a block of the left factor is narrowed first.
 */
#include "matrix.h"

#include "kernels/bf16.h"

enum { K_BLOCK = 128, ROWS = 256, WIDEST = 16 };

typedef struct job {
    const xai_exec *exec;
    void (*panel_kernel)(const xai_pixel_panel *panel);
    xai_matrix a, b, out;
    int64_t width, panel, panels; /* floats of a vector; columns of a panel, and their number */
    const float *packed;          /* the whole of b, panel by panel, or NULL */
    const xai_bf16 *bf16;
} job;

/* A thread's scratch. */
typedef struct desk {
    const float *x[ROWS];
    float *y[ROWS];
    float sums[ROWS * XAI_PIXEL_VECS * WIDEST];
    float packed[K_BLOCK * XAI_PIXEL_VECS * WIDEST];
    float narrow[ROWS * K_BLOCK]; /* a block of the left factor in pairs; the last member: for bfloat16 alone */
} desk;

size_t xai_matrix_tall_scratch(const xai_bf16 *bf16) { return bf16 ? sizeof(desk) : offsetof(desk, narrow); }

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

/* Where the kernel reads the block of rows [row, row + rows), and from which float of each on. */
static size_t find_rows(const job *j, desk *d, int64_t row, int64_t rows, int64_t k, int64_t count)
{
    for (int64_t i = 0; i < rows; i++) {
        const float *from = j->a.data + (row + i) * j->a.row_step;
        d->x[i] = j->bf16 ? d->narrow + i * K_BLOCK : from;
        if (j->bf16) j->bf16->narrow(from + k, (size_t)count, d->narrow + i * K_BLOCK);
    }
    return j->bf16 ? 0 : (size_t)k;
}

static void run_piece(void *context, size_t index, int thread)
{
    const job *j = context;
    desk *d = xai_scratch(j->exec, thread);
    int64_t col = (int64_t)index % j->panels * j->panel, row = (int64_t)index / j->panels * ROWS;
    int64_t cols = j->out.cols - col < j->panel ? j->out.cols - col : j->panel, width = j->width;
    int64_t rows = j->out.rows - row < ROWS ? j->out.rows - row : ROWS, vecs = (cols + width - 1) / width;
    int64_t pair = j->bf16 ? 2 : 1, terms = (j->a.cols + pair - 1) / pair; /* terms: of a whole sum */
    for (int64_t i = 0; i < rows; i++) d->y[i] = d->sums + i * vecs * width;
    for (int64_t k = 0; k < j->a.cols; k += K_BLOCK) {
        int64_t count = j->a.cols - k < K_BLOCK ? j->a.cols - k : K_BLOCK;
        const float *packed = j->packed ? j->packed + col * terms + k / pair * vecs * width : d->packed;
        if (!j->packed) pack(&j->b, k, count, col, cols, vecs * width, d->packed);
        size_t at = find_rows(j, d, row, rows, k, count);
        j->panel_kernel(&(xai_pixel_panel){.count = (size_t)rows,
                                           .x = d->x,
                                           .x_at = at,
                                           .taps = 1,
                                           .k = (size_t)((count + pair - 1) / pair),
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

static int64_t width_of(const xai_bf16 *bf16) { return (int64_t)(bf16 ? bf16->width : xai_kernels_get()->width); }

void xai_matrix_packed_product(const xai_exec *exec, xai_matrix a, xai_matrix b, const xai_packed *packed,
                               xai_matrix out)
{
    job j = {.exec = exec, .a = a, .b = b, .out = out, .packed = packed->data, .bf16 = packed->bf16};
    if (a.cols == 0 || out.rows == 0 || out.cols == 0) return;
    j.panel_kernel = j.bf16 ? j.bf16->panel : xai_kernels_get()->pixel_panel;
    j.width = width_of(j.bf16);
    j.panel = XAI_PIXEL_VECS * j.width;
    j.panels = (out.cols + j.panel - 1) / j.panel;
    int64_t chunks = (out.rows + ROWS - 1) / ROWS;
    xai_par_for(exec->par, (size_t)(j.panels * chunks), run_piece, &j);
}

void xai_matrix_tall_product(const xai_exec *exec, xai_matrix a, xai_matrix b, xai_matrix out)
{
    xai_matrix_packed_product(exec, a, b, &(xai_packed){NULL, NULL}, out);
}

/* Pairs of rows of some columns of b, `width` pairs each, the last ones 0. */
static void pack_pairs(const xai_matrix *b, int64_t col, int64_t cols, int64_t width, float *out)
{
    for (int64_t k = 0; k < b->rows; k += 2, out += width) {
        const float *even = b->data + k * b->row_step + col * b->col_step;
        for (int64_t c = 0; c < cols; c++)
            out[c] = xai_bf16_pair(even[c * b->col_step], k + 1 < b->rows ? even[b->row_step + c * b->col_step] : 0);
        for (int64_t c = cols; c < width; c++) out[c] = 0;
    }
}

/* Every panel but the last is full, so panel p begins at its first column times the rows (or pairs of rows). */
xai_status xai_matrix_pack(xai_matrix b, const xai_bf16 *bf16, xai_arena *arena, xai_packed *packed, xai_error *err)
{
    int64_t width = width_of(bf16), panel = XAI_PIXEL_VECS * width, terms = bf16 ? (b.rows + 1) / 2 : b.rows;
    size_t all = (size_t)((b.cols + width - 1) / width * width), size;
    bool fits = !__builtin_mul_overflow(all, (size_t)terms, &size);
    float *out = fits ? XAI_NEW(arena, float, size) : NULL;
    *packed = (xai_packed){out, bf16};
    if (!out) XAI_NO_MEMORY(err);
    for (int64_t col = 0; col < b.cols; col += panel) {
        int64_t cols = b.cols - col < panel ? b.cols - col : panel, wide = (cols + width - 1) / width * width;
        if (bf16) pack_pairs(&b, col, cols, wide, out + col * terms);
        else pack(&b, 0, b.rows, col, cols, wide, out + col * terms);
    }
    return XAI_OK;
}
