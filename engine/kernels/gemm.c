/*
 * The product's outer loops (gemm.h).
 *
 * A piece of work is some panels of columns times some rows of A. For each block of k a panel of B is gathered into
 * the thread's scratch (several, if k is small), where it stays in the first-level cache while the piece's rows of A
 * stream past it from the second. Pieces write disjoint outputs; how many there are follows the thread count and
 * changes no byte.
 */
#include "gemm.h"

#include <assert.h>
#include <string.h>

enum {
    K_BLOCK = 320,         /* x PANEL_COLS floats: a panel of B in half a first-level cache */
    PIECE_PANELS = 8,      /* most panels of columns in a piece */
    PIECE_ROWS = 288,      /* most rows: x K_BLOCK floats of A in the second-level cache; a multiple of every MR */
    PIECE_ROWS_LEAST = 48, /* fewer rows would not pay for gathering the panel again */
    PIECES_A_THREAD = 4,
};

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static size_t round_up(size_t a, size_t b) { return ceil_div(a, b) * b; }

/* Blocks of nearly equal size; a function of k alone. */
static size_t block_size(size_t k) { return k <= K_BLOCK ? k : ceil_div(k, ceil_div(k, K_BLOCK)); }

size_t xai_gemm_packed_size(size_t rows, size_t k)
{
    size_t size, padded = round_up(rows, xai_kernels_get()->rows);
    return __builtin_mul_overflow(padded, k, &size) ? 0 : size;
}

static float weight_at(const xai_gemm_weights *w, size_t row, size_t k)
{
    size_t channel = k / (size_t)w->taps, tap = k % (size_t)w->taps;
    return w->data[row * w->row_step + channel * w->channel_step + (size_t)w->tap[tap]];
}

void xai_gemm_pack(const xai_gemm_weights *weights, size_t rows, size_t k, float *packed)
{
    size_t mr = xai_kernels_get()->rows, block = block_size(k);
    for (size_t k0 = 0; k0 < k; k0 += block)
        for (size_t panel = 0; panel < rows; panel += mr)
            for (size_t i = k0; i < k && i < k0 + block; i++)
                for (size_t r = panel; r < panel + mr; r++) *packed++ = r < rows ? weight_at(weights, r, i) : 0;
}

/* ---- one run of the product */

typedef struct job {
    const xai_gemm *gemm;
    const xai_kernels *kernels;
    size_t columns, block;
    size_t piece_columns, piece_rows; /* multiples of NR and MR */
    size_t column_pieces, row_pieces;
    unsigned char *scratch;
    size_t stride;
} job;

/* A panel: which columns, and where they come from and go to. */
typedef struct panel {
    size_t group, count;
    int run_count;
    xai_gather_run runs[XAI_MAX_PANEL_COLS];
    size_t out[XAI_MAX_PANEL_COLS]; /* offset of each run in the output, channel 0 of the group */
    bool direct;                    /* the columns are neighbours in the output */
} panel;

static void find_runs(const xai_gemm *g, size_t first, panel *p)
{
    size_t cols = (size_t)g->grid.cols, points = (size_t)g->grid.rows * cols;
    p->run_count = 0;
    for (size_t at = 0; at < p->count;) {
        size_t image = (first + at) / points, point = (first + at) % points;
        size_t row = point / cols, col = point % cols;
        size_t count = cols - col < p->count - at ? cols - col : p->count - at;
        size_t plane = image * g->in_image + p->group * g->in_group;
        p->runs[p->run_count] = (xai_gather_run){
            .plane = g->in + plane,
            .y = g->gate_y ? g->gate_y + plane : NULL,
            .row = g->grid.top + (int)row * g->step_row,
            .column = g->grid.left + (int)col * g->gather.step,
            .count = (int)count,
            .at = (int)at,
        };
        p->out[p->run_count++] = image * g->out_image + p->group * g->out_group + row * g->out_row + col * g->out_col;
        at += count;
    }
    bool one_image = first / points == (first + p->count - 1) / points;
    p->direct = g->out_col == 1 && (p->run_count == 1 || (one_image && g->out_row == cols));
}

/* Moves the panel's outputs between C and a tile of `rows` rows of NR floats. */
static void move_tile(const job *j, const panel *p, size_t row, size_t rows, float *tile, bool store)
{
    const xai_gemm *g = j->gemm;
    for (size_t r = 0; r < rows; r++, tile += j->kernels->cols)
        for (int i = 0; i < p->run_count; i++) {
            float *c = g->out + p->out[i] + (row + r) * g->out_channel, *t = tile + p->runs[i].at;
            for (int n = 0; n < p->runs[i].count; n++) {
                if (store)
                    c[(size_t)n * g->out_col] = t[n];
                else
                    t[n] = c[(size_t)n * g->out_col];
            }
        }
}

/* One block of k of one panel (or several, side by side in C), for rows [row, row + rows). `b` holds what was
 * gathered, `tile` is spare. */
static void run_panel(const job *j, const panel *p, size_t row, size_t rows, size_t k0, size_t k, const float *b,
                      float *tile)
{
    const xai_gemm *g = j->gemm;
    bool first = k0 == 0, last = k0 + k == g->k;
    xai_gemm_panel call = {
        .a = g->packed + p->group * xai_gemm_packed_size(g->rows, g->k) + k0 * round_up(g->rows, j->kernels->rows) +
             row * k,
        .b = b,
        .ldb = j->kernels->cols,
        .b_step = k * j->kernels->cols,
        .c = p->direct ? g->out + p->out[0] + row * g->out_channel : tile,
        .ldc = p->direct ? g->out_channel : j->kernels->cols,
        .rows = rows,
        .cols = p->count,
        .k = k,
        .bias = first && g->bias ? g->bias + p->group * g->rows + row : NULL,
        .accumulate = g->accumulate || !first,
        .clamp = last ? g->clamp : xai_clamp_none(),
    };
    if (!p->direct && call.accumulate) move_tile(j, p, row, rows, tile, false);
    j->kernels->gemm_panel(&call);
    if (!p->direct) move_tile(j, p, row, rows, tile, true);
}

/* Gathers panels from `column` on, as many as the scratch holds and C has side by side; returns their columns. */
static size_t gather_group(const job *j, panel *p, size_t column, size_t end, size_t k0, size_t k, float *b)
{
    size_t nr = j->kernels->cols, most = K_BLOCK / k, done = 0, out = 0;
    for (size_t i = 0; i < most && column + done < end; i++) {
        p->count = end - column - done < nr ? end - column - done : nr;
        find_runs(j->gemm, column + done, p);
        bool joins = p->direct && p->count == nr && (i == 0 || p->out[0] == out + done);
        if (i > 0 && !joins) break;
        if (i == 0) out = p->out[0];
        j->kernels->gather_panel(&j->gemm->gather, p->runs, p->run_count, k0, k0 + k, b + i * k * nr);
        done += p->count;
        if (!joins) return done;
    }
    p->out[0] = out;
    p->count = done;
    p->direct = true;
    return done;
}

static void run_piece(void *context, size_t index, int thread)
{
    const job *j = context;
    const xai_gemm *g = j->gemm;
    float *b = (float *)(void *)(j->scratch + (size_t)thread * j->stride);
    float *tile = b + K_BLOCK * j->kernels->cols;
    size_t row = index / j->column_pieces % j->row_pieces * j->piece_rows;
    size_t rows = g->rows - row < j->piece_rows ? g->rows - row : j->piece_rows;
    size_t begin = index % j->column_pieces * j->piece_columns, end = begin + j->piece_columns;
    if (end > j->columns) end = j->columns;
    panel p = {.group = index / j->column_pieces / j->row_pieces};
    for (size_t k0 = 0; k0 < g->k; k0 += j->block) {
        size_t k = g->k - k0 < j->block ? g->k - k0 : j->block;
        for (size_t column = begin; column < end;) {
            size_t done = gather_group(j, &p, column, end, k0, k, b);
            run_panel(j, &p, row, rows, k0, k, b, tile);
            column += done;
        }
    }
}

/* Enough pieces to keep the threads busy to the end, each of a size that the caches hold. */
static void cut(job *j, int threads)
{
    const xai_gemm *g = j->gemm;
    size_t panels = ceil_div(j->columns, j->kernels->cols), wanted = (size_t)threads * PIECES_A_THREAD;
    j->column_pieces = ceil_div(panels, PIECE_PANELS);
    j->piece_columns = ceil_div(panels, j->column_pieces) * j->kernels->cols;
    j->column_pieces = ceil_div(j->columns, j->piece_columns);
    size_t most = ceil_div(g->rows, PIECE_ROWS_LEAST), pieces = ceil_div(wanted, j->column_pieces * g->groups);
    if (threads == 1 || pieces < 1) pieces = 1;
    if (pieces > most) pieces = most;
    if (pieces < ceil_div(g->rows, PIECE_ROWS)) pieces = ceil_div(g->rows, PIECE_ROWS);
    j->piece_rows = round_up(ceil_div(g->rows, pieces), j->kernels->rows);
    j->row_pieces = ceil_div(g->rows, j->piece_rows);
}

size_t xai_gemm_scratch(size_t rows)
{
    const xai_kernels *kernels = xai_kernels_get();
    size_t most = round_up(rows < PIECE_ROWS ? rows : PIECE_ROWS, kernels->rows);
    return (K_BLOCK + most) * kernels->cols * sizeof(float);
}

void xai_gemm_run(const xai_gemm *gemm, const xai_par *par, unsigned char *scratch, size_t stride)
{
    job j = {
        .gemm = gemm,
        .kernels = xai_kernels_get(),
        .columns = gemm->grid.images * (size_t)gemm->grid.rows * (size_t)gemm->grid.cols,
        .block = block_size(gemm->k),
        .scratch = scratch,
        .stride = stride,
    };
    assert(!(gemm->accumulate && gemm->bias));
    if (j.columns == 0 || gemm->rows == 0 || gemm->k == 0) return;
    cut(&j, xai_par_threads(par));
    xai_par_for(par, gemm->groups * j.row_pieces * j.column_pieces, run_piece, &j);
}
