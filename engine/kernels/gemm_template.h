/*
 * The gemm kernel: tiles of PANEL_ROWS x PANEL_COLS outputs held in registers, one fused multiply-add a step of k.
 *
 * Fewer rows or columns at the edges run smaller tiles; an output's sum is the same chain in each of them.
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

#define INLINE static inline __attribute__((always_inline))

/* Lanes of vector v that lie within `cols` columns. */
INLINE size_t lanes_of(size_t cols, int v)
{
    size_t first = (size_t)v * WIDTH;
    return cols <= first ? 0 : cols - first < WIDTH ? cols - first : WIDTH;
}

INLINE void tile_start(const xai_gemm_panel *p, size_t row, const int rows, const int vecs,
                       vec acc[PANEL_ROWS][PANEL_VECS])
{
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++) {
            const float *c = p->c + (row + (size_t)r) * p->ldc + (size_t)v * WIDTH;
            if (p->accumulate) acc[r][v] = v_load_part(c, lanes_of(p->cols, v));
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

INLINE void tile(const xai_gemm_panel *p, size_t row, const int rows, const int vecs)
{
    vec acc[PANEL_ROWS][PANEL_VECS];
    const float *a = p->a + row * p->k, *b = p->b;
    tile_start(p, row, rows, vecs, acc);
    for (size_t k = 0; k < p->k; k++, a += PANEL_ROWS, b += p->ldb) {
        vec column[PANEL_VECS];
        for (int v = 0; v < vecs; v++) column[v] = v_load(b + v * WIDTH);
        for (int r = 0; r < rows; r++) {
            vec weight = v_set(a[r]);
            for (int v = 0; v < vecs; v++) acc[r][v] = v_fma(weight, column[v], acc[r][v]);
        }
    }
    tile_finish(p, row, rows, vecs, acc);
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

static void gemm_panel(const xai_gemm_panel *p)
{
    size_t row = 0;
    if (p->cols > WIDTH) {
        for (; row + PANEL_ROWS <= p->rows; row += PANEL_ROWS) tile(p, row, PANEL_ROWS, PANEL_VECS);
        tile_rest(p, row, PANEL_VECS);
    } else {
        for (; row + PANEL_ROWS <= p->rows; row += PANEL_ROWS) tile(p, row, PANEL_ROWS, 1);
        tile_rest(p, row, 1);
    }
}
