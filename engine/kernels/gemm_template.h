/*
 * The gemm kernel: tiles of PANEL_ROWS x PANEL_COLS outputs held in registers, one fused multiply-add a step of k.
 *
 * Fewer rows or columns at the edges run other tiles; an output's sum is made of the same chains in each.
 */
#include "vector.h"

#if WIDTH == 16
enum { PANEL_ROWS = 12, PANEL_VECS = 2 };
#elif WIDTH == 8
enum { PANEL_ROWS = 6, PANEL_VECS = 2 };
#else
enum { PANEL_ROWS = 4, PANEL_VECS = 4 };
#endif
enum { PANEL_COLS = PANEL_VECS * WIDTH };

/*
 * Steps of k that one chain of multiply-adds takes before it joins the sum. Rounding errors grow with the length of a
 * chain, and an activation that lands on the wrong side of a rectifier's kink changes every gradient before it: chains
 * of 32 bring the error of deep sums down to that of other engines, for three per cent of the time.
 */
enum { CHAIN = 32 };

/* Lanes of vector v that lie within `cols` columns. */
INLINE size_t lanes_of(size_t cols, int v)
{
    size_t first = (size_t)v * WIDTH;
    return cols <= first ? 0 : cols - first < WIDTH ? cols - first : WIDTH;
}

INLINE void tile_start(const xai_gemm_panel *p, size_t row, const int rows, const int vecs,
                       vec acc[PANEL_ROWS][PANEL_VECS])
{
    bool whole = p->cols == (size_t)(vecs * WIDTH);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++) {
            const float *c = p->c + (row + (size_t)r) * p->ldc + (size_t)v * WIDTH;
            if (p->accumulate) acc[r][v] = whole ? v_load(c) : v_load_part(c, lanes_of(p->cols, v));
            else acc[r][v] = p->bias ? v_set(p->bias[row + (size_t)r]) : v_zero();
        }
}

INLINE void tile_finish(const xai_gemm_panel *p, size_t row, const int rows, const int vecs,
                        vec acc[PANEL_ROWS][PANEL_VECS])
{
    vec lo = v_set(p->clamp.lo), hi = v_set(p->clamp.hi);
    bool whole = p->cols == (size_t)(vecs * WIDTH);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++) {
            float *c = p->c + (row + (size_t)r) * p->ldc + (size_t)v * WIDTH;
            vec out = v_clamp(acc[r][v], lo, hi);
            if (whole) v_store(c, out);
            else v_store_part(c, out, lanes_of(p->cols, v));
        }
}

/* Adds n steps of k to `sum`, with accumulators of their own. */
INLINE void tile_chain(size_t n, const float *a, const float *b, size_t ldb, const int rows, const int vecs,
                       vec sum[PANEL_ROWS][PANEL_VECS])
{
    vec acc[PANEL_ROWS][PANEL_VECS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++) acc[r][v] = v_zero();
    for (size_t k = 0; k < n; k++, a += PANEL_ROWS, b += ldb) {
        vec column[PANEL_VECS];
        for (int v = 0; v < vecs; v++) column[v] = v_load(b + v * WIDTH);
        for (int r = 0; r < rows; r++) {
            vec weight = v_set(a[r]);
            for (int v = 0; v < vecs; v++) acc[r][v] = v_fma(weight, column[v], acc[r][v]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++) sum[r][v] = v_add(sum[r][v], acc[r][v]);
}

INLINE void tile(const xai_gemm_panel *p, size_t row, const int rows, const int vecs)
{
    vec sum[PANEL_ROWS][PANEL_VECS];
    const float *a = p->a + row * p->k, *b = p->b;
    tile_start(p, row, rows, vecs, sum);
    for (size_t done = 0; done < p->k; done += CHAIN) {
        size_t n = p->k - done < CHAIN ? p->k - done : CHAIN;
        tile_chain(n, a + done * PANEL_ROWS, b + done * p->ldb, p->ldb, rows, vecs, sum);
    }
    tile_finish(p, row, rows, vecs, sum);
}

/* The rows that are left after the last whole tile. */
INLINE void tile_rest(const xai_gemm_panel *p, size_t row, const int vecs)
{
    switch (p->rows - row) {
    case 1: tile(p, row, 1, vecs); break;
    case 2: tile(p, row, 2, vecs); break;
    case 3: tile(p, row, 3, vecs); break;
#if WIDTH > 1
    case 4: tile(p, row, 4, vecs); break;
    case 5: tile(p, row, 5, vecs); break;
#endif
#if WIDTH > 8
    case 6: tile(p, row, 6, vecs); break;
    case 7: tile(p, row, 7, vecs); break;
    case 8: tile(p, row, 8, vecs); break;
    case 9: tile(p, row, 9, vecs); break;
    case 10: tile(p, row, 10, vecs); break;
    case 11: tile(p, row, 11, vecs); break;
#endif
    default: break;
    }
}

/* ---- a few columns: vectors run down the rows of A instead, one multiply-add for a whole tile's column */

#if WIDTH > 1
enum { SLIM_COLS = 4, SLIM_TILES = 4 };

INLINE vec slim_start(const xai_gemm_panel *p, size_t row, size_t rows, int col)
{
    if (!p->accumulate) return p->bias ? v_load_part(p->bias + row, rows) : v_zero();
    float lane[WIDTH] = {0};
    for (size_t r = 0; r < rows; r++) lane[r] = p->c[(row + r) * p->ldc + (size_t)col];
    return v_load(lane);
}

INLINE void slim_finish(const xai_gemm_panel *p, size_t row, size_t rows, int col, vec acc)
{
    float lane[WIDTH];
    v_store(lane, v_clamp(acc, v_set(p->clamp.lo), v_set(p->clamp.hi)));
    for (size_t r = 0; r < rows; r++) p->c[(row + r) * p->ldc + (size_t)col] = lane[r];
}

INLINE size_t slim_rows(const xai_gemm_panel *p, size_t row)
{
    return p->rows - row < PANEL_ROWS ? p->rows - row : PANEL_ROWS;
}

/* As tile_chain; the tiles of A are `next` floats apart. */
INLINE void slim_chain(size_t n, const float *a, size_t next, const float *b, size_t ldb, const int tiles,
                       const int cols, vec sum[SLIM_TILES][SLIM_COLS])
{
    vec acc[SLIM_TILES][SLIM_COLS];
    for (int t = 0; t < tiles; t++)
        for (int c = 0; c < cols; c++) acc[t][c] = v_zero();
    for (size_t k = 0; k < n; k++, a += PANEL_ROWS, b += ldb)
        for (int t = 0; t < tiles; t++) {
            vec weights = v_load(a + (size_t)t * next);
            for (int c = 0; c < cols; c++) acc[t][c] = v_fma(weights, v_set(b[c]), acc[t][c]);
        }
    for (int t = 0; t < tiles; t++)
        for (int c = 0; c < cols; c++) sum[t][c] = v_add(sum[t][c], acc[t][c]);
}

/* `tiles` tiles of rows, `cols` columns; lanes beyond a tile's rows hold the next step's weights and are dropped. */
INLINE void slim_tile(const xai_gemm_panel *p, size_t row, const int tiles, const int cols)
{
    vec sum[SLIM_TILES][SLIM_COLS];
    for (int t = 0; t < tiles; t++)
        for (int c = 0; c < cols; c++) {
            size_t at = row + (size_t)t * PANEL_ROWS;
            sum[t][c] = slim_start(p, at, slim_rows(p, at), c);
        }
    const float *a = p->a + row * p->k, *b = p->b;
    for (size_t done = 0; done < p->k; done += CHAIN) {
        size_t n = p->k - done < CHAIN ? p->k - done : CHAIN;
        slim_chain(n, a + done * PANEL_ROWS, PANEL_ROWS * p->k, b + done * p->ldb, p->ldb, tiles, cols, sum);
    }
    for (int t = 0; t < tiles; t++)
        for (int c = 0; c < cols; c++) {
            size_t at = row + (size_t)t * PANEL_ROWS;
            slim_finish(p, at, slim_rows(p, at), c, sum[t][c]);
        }
}

INLINE void slim_panel(const xai_gemm_panel *p, const int tiles, const int cols)
{
    size_t row = 0, step = (size_t)tiles * PANEL_ROWS;
    for (; row + step <= p->rows; row += step) slim_tile(p, row, tiles, cols);
    for (; row < p->rows; row += PANEL_ROWS) slim_tile(p, row, 1, cols);
}

/* True if it has done the panel. */
static bool try_slim(const xai_gemm_panel *p)
{
    switch (p->cols) {
    case 1: slim_panel(p, 4, 1); return true;
    case 2: slim_panel(p, 4, 2); return true;
    case 3: slim_panel(p, 3, 3); return true;
    case 4: slim_panel(p, 2, 4); return true;
    default: return false;
    }
}
#else
static bool try_slim(const xai_gemm_panel *p)
{
    (void)p;
    return false;
}
#endif

static void one_panel(const xai_gemm_panel *p)
{
    size_t row = 0;
    if (try_slim(p)) return;
    if (p->cols > WIDTH) {
        for (; row + PANEL_ROWS <= p->rows; row += PANEL_ROWS) tile(p, row, PANEL_ROWS, PANEL_VECS);
        tile_rest(p, row, PANEL_VECS);
    } else {
        for (; row + PANEL_ROWS <= p->rows; row += PANEL_ROWS) tile(p, row, PANEL_ROWS, 1);
        tile_rest(p, row, 1);
    }
}

/* Whole panels side by side, tile row by tile row: C is written in long runs. */
static void many_panels(const xai_gemm_panel *all)
{
    xai_gemm_panel p = *all;
    p.cols = PANEL_COLS;
    size_t row = 0, panels = all->cols / PANEL_COLS;
    for (; row < all->rows; row += PANEL_ROWS) {
        p.b = all->b;
        p.c = all->c;
        for (size_t i = 0; i < panels; i++, p.b += all->b_step, p.c += PANEL_COLS) {
            if (row + PANEL_ROWS <= all->rows) tile(&p, row, PANEL_ROWS, PANEL_VECS);
            else tile_rest(&p, row, PANEL_VECS);
        }
    }
}

static void gemm_panel(const xai_gemm_panel *p)
{
    if (p->cols > PANEL_COLS) many_panels(p);
    else one_panel(p);
}
