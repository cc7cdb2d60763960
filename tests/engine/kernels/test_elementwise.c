/* The element by element kernels and the products with a vector, of every instruction set, at every length. */
#include "tables.h"

enum { MOST = 70 };

/* -0 and 0 are told apart: bytes are compared. */
static void check_equal(const float *got, const float *expected, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(memcmp(&got[i], &expected[i], sizeof *got) == 0, "element %zu of %zu is %g, expected %g", i, n,
                      (double)got[i], (double)expected[i]);
    check_guards(got, n);
}

START_TEST(add_clamp_and_clamp_pass_a_nan_on)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    const xai_clamp by = {-0.5f, 1};
    for (size_t n = 0; n < MOST; n++) {
        float *a = new_floats(n, 1), *b = new_floats(n, 2), *out = new_floats(n, 3), *expected = new_floats(n, 3);
        if (n > 2) a[n / 2] = NAN;
        for (size_t i = 0; i < n; i++) expected[i] = xai_clamp_apply(by, a[i] + b[i]);
        t->add_clamp(a, b, by, out, n);
        check_equal(out, expected, n);
        for (size_t i = 0; i < n; i++) expected[i] = xai_clamp_apply(by, a[i]);
        t->clamp(a, by, a, n);
        check_equal(a, expected, n);
        free_floats(a), free_floats(b), free_floats(out), free_floats(expected);
    }
}
END_TEST

START_TEST(lines_are_one_fused_product_by_channel)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    const xai_clamp by = {-0.5f, 1};
    enum { PIXELS = 3 };
    bool fused = strcmp(t->isa, "scalar") != 0;
    for (size_t n = 1; n < MOST; n++) {
        size_t step = n + 5, count = (PIXELS - 1) * step + n;
        float *in = new_floats(PIXELS * n, 1), *scale = new_floats(n, 2), *shift = new_floats(n, 4);
        float *out = new_floats(count, 3), *expected = new_floats(count, 3);
        xai_pixel_lines p = {PIXELS, n, in, scale, shift, by, out, step};
        for (size_t i = 0; i < PIXELS; i++)
            for (size_t c = 0; c < n; c++) {
                float x = in[i * n + c], y = fused ? fmaf(scale[c], x, shift[c]) : scale[c] * x + shift[c];
                expected[i * step + c] = xai_clamp_apply(by, y);
            }
        t->pixel_lines(&p);
        check_equal(out, expected, count);
        p.scale = p.shift = NULL;
        t->pixel_lines(&p);
        for (size_t i = 0; i < PIXELS; i++) memcpy(expected + i * step, in + i * n, n * sizeof *in);
        check_equal(out, expected, count);
        free_floats(in), free_floats(scale), free_floats(shift), free_floats(out), free_floats(expected);
    }
}
END_TEST

START_TEST(raise_takes_the_larger_and_nan)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    for (size_t n = 1; n < MOST; n++)
        for (size_t step = 1; step <= 3; step++) {
            float *in = new_floats((n - 1) * step + 1, 1), *out = new_floats(n, 2), *expected = new_floats(n, 2);
            in[n / 2 * step] = NAN;
            out[n / 3] = expected[n / 3] = NAN;
            for (size_t i = 0; i < n; i++)
                if (!(expected[i] > in[i * step]) && expected[i] == expected[i]) expected[i] = in[i * step];
            t->raise_to(in, step, out, n);
            check_equal(out, expected, n);
            free_floats(in), free_floats(out), free_floats(expected);
        }
}
END_TEST

/* The rule as ops/rectifier.h writes it. */
static float rule(xai_gate g, float y, float gy)
{
    if (g.by_output && !(y > g.clamp.lo && y < g.clamp.hi)) return 0;
    return g.by_gradient && !(gy > 0) ? 0 : gy;
}

START_TEST(gate_follows_the_rule)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    for (size_t n = 0; n < MOST; n++)
        for (int way = 0; way < 4; way++) {
            xai_gate gate = {{0, 0.8f}, way & 1, way & 2};
            float *y = new_floats(n, 1), *gy = new_floats(n, 2), *expected = new_floats(n, 3);
            for (size_t i = 0; i < n; i++) y[i] = xai_clamp_apply(gate.clamp, y[i]);
            for (size_t i = 0; i < n; i++) expected[i] = rule(gate, y[i], gy[i]);
            t->gate(gate, gate.by_output ? y : NULL, gy, gy, n);
            check_equal(gy, expected, n);
            free_floats(y), free_floats(gy), free_floats(expected);
        }
}
END_TEST

START_TEST(weave_add_takes_turns)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    for (size_t n = 0; n < MOST; n++)
        for (size_t phases = 1; phases <= 3; phases++) {
            float *in[3], *out = new_floats(n, 7), *expected = new_floats(n, 7);
            for (size_t p = 0; p < 3; p++) in[p] = new_floats((n + phases - 1) / phases, p);
            for (size_t i = 0; i < n; i++) expected[i] += in[i % phases][i / phases];
            t->weave_add((const float *const *)in, phases, out, n);
            check_equal(out, expected, n);
            for (size_t p = 0; p < 3; p++) free_floats(in[p]);
            free_floats(out), free_floats(expected);
        }
}
END_TEST

START_TEST(dots_agree_with_double)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    for (size_t k = 0; k < MOST; k++) {
        size_t rows = 1 + k % 9, ld = k + 2;
        float *w = new_floats(rows * ld, 1), *x = new_floats(k, 2), *out = new_floats(rows, 3);
        t->dots(w, ld, rows, x, k, out);
        for (size_t r = 0; r < rows; r++) {
            double sum = 0, size = 0;
            for (size_t i = 0; i < k; i++) {
                sum += (double)w[r * ld + i] * (double)x[i];
                size += fabs((double)w[r * ld + i] * (double)x[i]);
            }
            check_near(out[r], sum, size, k);
        }
        check_guards(out, rows);
        free_floats(w), free_floats(x), free_floats(out);
    }
}
END_TEST

START_TEST(add_rows_agrees_with_double)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    for (size_t n = 0; n < MOST; n++) {
        size_t rows = n % 19, ld = n + 1;
        float *w = new_floats(rows * ld, 1), *a = new_floats(rows, 2), *out = new_floats(n, 3), *old = new_floats(n, 3);
        t->add_rows(w, ld, rows, a, out, n);
        for (size_t j = 0; j < n; j++) {
            double sum = (double)old[j], size = fabs(sum);
            for (size_t r = 0; r < rows; r++) {
                sum += (double)a[r] * (double)w[r * ld + j];
                size += fabs((double)a[r] * (double)w[r * ld + j]);
            }
            check_near(out[j], sum, size, rows);
        }
        check_guards(out, n);
        free_floats(w), free_floats(a), free_floats(out), free_floats(old);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {add_clamp_and_clamp_pass_a_nan_on, lines_are_one_fused_product_by_channel,
                                  raise_takes_the_larger_and_nan,
                                  gate_follows_the_rule, weave_add_takes_turns, dots_agree_with_double,
                                  add_rows_agrees_with_double};
    return run_suite("elementwise", tests, sizeof tests / sizeof tests[0]);
}
