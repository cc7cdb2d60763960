/* Element by element kernels, and products of a matrix with a vector. */
#include "vector.h"

static void add_clamp(const float *a, const float *b, xai_clamp clamp, float *out, size_t n)
{
    vec lo = v_set(clamp.lo), hi = v_set(clamp.hi);
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) v_store(out + i, v_clamp(v_add(v_load(a + i), v_load(b + i)), lo, hi));
    for (; i < n; i++) out[i] = xai_clamp_apply(clamp, a[i] + b[i]);
}

static void clamp(const float *in, xai_clamp to, float *out, size_t n)
{
    vec lo = v_set(to.lo), hi = v_set(to.hi);
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) v_store(out + i, v_clamp(v_load(in + i), lo, hi));
    for (; i < n; i++) out[i] = xai_clamp_apply(to, in[i]);
}

static void raise_to(const float *in, size_t step, float *out, size_t n)
{
    size_t i = 0;
    if (step == 1)
        for (; i + WIDTH <= n; i += WIDTH) v_store(out + i, v_most(v_load(out + i), v_load(in + i)));
    if (step == 2)
        for (; i + WIDTH <= n; i += WIDTH) v_store(out + i, v_most(v_load(out + i), v_even(in + 2 * i)));
    for (; i < n; i++) out[i] = out[i] > in[i * step] || out[i] != out[i] ? out[i] : in[i * step];
}

static void gate(xai_gate by, const float *y, const float *gy, float *out, size_t n)
{
    gate_row(by, by.by_output ? y : gy, gy, out, n);
}

static void add_to(const float *in, float *out, size_t n)
{
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) v_store(out + i, v_add(v_load(out + i), v_load(in + i)));
    if (i < n) v_store_part(out + i, v_add(v_load_part(out + i, n - i), v_load_part(in + i, n - i)), n - i);
}

/* out[0], out[1], out[2], ... += even[0], odd[0], even[1], ... */
static void add_woven(const float *even, const float *odd, float *out, size_t n)
{
    for (; n >= 2 * WIDTH; n -= 2 * WIDTH, even += WIDTH, odd += WIDTH, out += 2 * WIDTH) {
        vec a = v_load(even), b = v_load(odd);
        v_store(out, v_add(v_load(out), v_weave_low(a, b)));
        v_store(out + WIDTH, v_add(v_load(out + WIDTH), v_weave_high(a, b)));
    }
    for (size_t i = 0; i < n; i++) out[i] += i % 2 ? odd[i / 2] : even[i / 2];
}

static void weave_add(const float *const *in, size_t phases, float *out, size_t n)
{
    if (phases == 1) add_to(in[0], out, n);
    else if (phases == 2) add_woven(in[0], in[1], out, n);
    else
        for (size_t i = 0; i < n; i++) out[i] += in[i % phases][i / phases];
}

/* The lanes of a sum in a fixed order. */
static float sum_lanes(vec v)
{
    float lane[WIDTH], sum = 0;
    v_store(lane, v);
    for (int i = 0; i < WIDTH; i++) sum += lane[i];
    return sum;
}

/* `rows` dot products at once, each in two interleaved vectors of partial sums. */
INLINE void dot_rows(const float *w, size_t ld, const int rows, const float *x, size_t k, float *out)
{
    vec even[4], odd[4];
    for (int r = 0; r < rows; r++) even[r] = odd[r] = v_zero();
    size_t i = 0;
    for (; i + 2 * WIDTH <= k; i += 2 * WIDTH) {
        vec x0 = v_load(x + i), x1 = v_load(x + i + WIDTH);
        for (int r = 0; r < rows; r++) {
            const float *row = w + (size_t)r * ld + i;
            even[r] = v_fma(v_load(row), x0, even[r]);
            odd[r] = v_fma(v_load(row + WIDTH), x1, odd[r]);
        }
    }
    for (; i < k; i += WIDTH) {
        size_t lanes = k - i < WIDTH ? k - i : WIDTH;
        vec rest = v_load_part(x + i, lanes);
        for (int r = 0; r < rows; r++) even[r] = v_fma(v_load_part(w + (size_t)r * ld + i, lanes), rest, even[r]);
    }
    for (int r = 0; r < rows; r++) out[r] = sum_lanes(v_add(even[r], odd[r]));
}

static void dots(const float *w, size_t ld, size_t rows, const float *x, size_t k, float *out)
{
    size_t r = 0;
    for (; r + 4 <= rows; r += 4) dot_rows(w + r * ld, ld, 4, x, k, out + r);
    for (; r < rows; r++) dot_rows(w + r * ld, ld, 1, x, k, out + r);
}

/* Rows are taken by eights, so that `out` is read and written once for eight of them. */
INLINE void add_some_rows(const float *w, size_t ld, const int rows, const float *a, float *out, size_t n)
{
    for (size_t j = 0; j < n; j += WIDTH) {
        size_t lanes = n - j < WIDTH ? n - j : WIDTH;
        vec sum = v_load_part(out + j, lanes);
        if (lanes == WIDTH)
            for (int r = 0; r < rows; r++) sum = v_fma(v_set(a[r]), v_load(w + (size_t)r * ld + j), sum);
        else
            for (int r = 0; r < rows; r++)
                sum = v_fma(v_set(a[r]), v_load_part(w + (size_t)r * ld + j, lanes), sum);
        v_store_part(out + j, sum, lanes);
    }
}

static void add_rows(const float *w, size_t ld, size_t rows, const float *a, float *out, size_t n)
{
    size_t r = 0;
    for (; r + 8 <= rows; r += 8) add_some_rows(w + r * ld, ld, 8, a + r, out, n);
    for (; r < rows; r++) add_some_rows(w + r * ld, ld, 1, a + r, out, n);
}
