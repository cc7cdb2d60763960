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
    vec acc[16], lo = v_set(d->clamp.lo), hi = v_set(d->clamp.hi);
    for (int i = 0; i < rows * vecs; i++) acc[i] = v_set(d->bias);
    const float *in = d->in + row * d->row_step;
    for (int t = 0; t < d->taps; t++) {
        vec weight = v_set(d->weight[t]);
        const float *p = in + d->offset[t];
        for (int r = 0; r < rows; r++, p += d->row_step)
            for (int v = 0; v < vecs; v++)
                acc[r * vecs + v] = v_fma(weight, v_load(p + column[v]), acc[r * vecs + v]);
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++)
            v_store_part(d->out + (row + (size_t)r) * d->out_pitch + column[v], v_clamp(acc[r * vecs + v], lo, hi),
                         lanes);
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
    size_t rows = (size_t)d->rows, row = 0;
    if (d->cols <= WIDTH && rows == 7) { /* the last planes of most classifiers */
        depthwise_rows(d, 7, 0);
        return;
    }
    if (d->cols <= WIDTH && rows >= 8) {
        for (; row < rows; row += 8) depthwise_rows(d, 8, row + 8 > rows ? rows - 8 : row);
        return;
    }
    if (rows >= 4) {
        for (; row < rows; row += 4) depthwise_rows(d, 4, row + 4 > rows ? rows - 4 : row);
        return;
    }
    for (; row < rows; row++) depthwise_rows(d, 1, row);
}

/* One row of a plane, its columns sorted by remainder. */
static void spread_row(const xai_spread *s, const float *in, float *out)
{
    for (size_t p = 0; p < s->step && p < s->cols; p++) {
        size_t x = s->at + p, count = (s->cols - p + s->step - 1) / s->step;
        copy_run(in + p, s->step, count, out + x % s->step * s->phase + x / s->step);
    }
}

/* One row of a plane through the gate; a step of 1. */
static void gate_row(xai_gate by, const float *y, const float *gy, float *out, size_t n)
{
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) v_store(out + i, pass_gate(&by, v_load(gy + i), v_load(y + i)));
    if (i < n) v_store_part(out + i, pass_gate(&by, v_load_part(gy + i, n - i), v_load_part(y + i, n - i)), n - i);
}

static void spread(const xai_spread *s)
{
    for (size_t r = 0; r < s->rows; r++) {
        const float *in = s->in + r * s->in_pitch;
        float *out = s->out + r * s->pitch;
        if (s->y)
            gate_row(s->gate, s->y + r * s->in_pitch, in, out + s->at, s->cols);
        else if (s->step == 1)
            copy_run(in, 1, s->cols, out + s->at);
        else
            spread_row(s, in, out);
    }
}
