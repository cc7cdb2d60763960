/*
 * The depthwise kernel: tiles of eight vectors of outputs, so that eight chains of multiply-adds are under way, and a
 * weight is loaded once for eight uses. The input is read where it lies, one unaligned vector a multiply-add.
 *
 * Tiles at the lower and right edge are shifted back to end with the plane: outputs that two tiles cover are computed
 * twice, to the same bytes. Narrow planes take one vector of eight rows and store a part of it.
 */
#include "vector.h"

INLINE void depthwise_tile(const xai_depthwise *d, const int rows, const int vecs, size_t row, const size_t column[2],
                           size_t lanes)
{
    vec acc[8], lo = v_set(d->clamp.lo), hi = v_set(d->clamp.hi);
    for (int i = 0; i < rows * vecs; i++) acc[i] = v_set(d->bias);
    const float *in = d->in + row * d->row_step;
    for (int t = 0; t < d->taps; t++) {
        vec weight = v_set(d->weight[t]);
        const float *p = in + d->offset[t];
        for (int r = 0; r < rows; r++, p += d->row_step)
            for (int v = 0; v < vecs; v++) acc[r * vecs + v] = v_fma(weight, v_load(p + column[v]), acc[r * vecs + v]);
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++)
            v_store_part(d->out + (row + (size_t)r) * d->out_pitch + column[v], v_clamp(acc[r * vecs + v], lo, hi), lanes);
}

/* All columns of `rows` rows: pairs of vectors, the last pair shifted back; one part of a vector if narrower. */
INLINE void depthwise_rows(const xai_depthwise *d, const int rows, size_t row)
{
    size_t cols = (size_t)d->cols;
    if (cols <= WIDTH) {
        depthwise_tile(d, rows, 1, row, (const size_t[2]){0, 0}, cols);
        return;
    }
    for (size_t c = 0; c < cols; c += 2 * WIDTH) {
        size_t second = c + WIDTH;
        if (second + WIDTH > cols) second = cols - WIDTH;
        size_t first = c + WIDTH > cols ? cols - WIDTH : c;
        depthwise_tile(d, rows, 2, row, (const size_t[2]){first, second}, WIDTH);
    }
}

static void depthwise(const xai_depthwise *d)
{
    size_t rows = (size_t)d->rows, high = d->cols <= WIDTH ? 8 : 4;
    if (rows < high) {
        for (size_t r = 0; r < rows; r++) depthwise_rows(d, 1, r);
        return;
    }
    for (size_t r = 0; r < rows; r += high) {
        size_t row = r + high > rows ? rows - high : r;
        if (high == 8) depthwise_rows(d, 8, row);
        else depthwise_rows(d, 4, row);
    }
}
