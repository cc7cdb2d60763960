/* The kernels on planes, gather, spread and depthwise, of every instruction set, against their definitions. */
#include "tables.h"

/* ---- gather */

static float gathered(const xai_gather *g, const xai_gather_run *run, size_t k, int i)
{
    int tap = (int)(k % (size_t)g->taps);
    int y = run->row + g->tap[tap][0], x = run->column + i * g->step + g->tap[tap][1];
    if (y < 0 || y >= g->height || x < 0 || x >= g->width) return 0;
    size_t at = k / (size_t)g->taps * g->channel + (size_t)(y * g->width + x);
    float v = run->plane[at];
    if (!run->y) return v;
    if (g->gate.by_output && !(run->y[at] > g->gate.clamp.lo && run->y[at] < g->gate.clamp.hi)) return 0;
    return g->gate.by_gradient && !(v > 0) ? 0 : v;
}

static void check_gather(const xai_kernels *t, const xai_gather *g, const xai_gather_run *runs, int count)
{
    size_t k0 = 3, k1 = 4 * (size_t)g->taps;
    if (k1 < k0) return;
    float *out = new_floats((k1 - k0) * t->cols, 8);
    t->gather_panel(g, runs, count, k0, k1, out);
    for (size_t k = k0; k < k1; k++) {
        const float *row = out + (k - k0) * t->cols;
        size_t used = 0;
        for (int r = 0; r < count; r++)
            for (int i = 0; i < runs[r].count; i++, used++)
                ck_assert(row[runs[r].at + i] == gathered(g, &runs[r], k, i));
        for (; used < t->cols; used++) ck_assert(row[used] == 0);
    }
    check_guards(out, (k1 - k0) * t->cols);
    free_floats(out);
}

static const int SHIFTS[][2] = {{-1, -1}, {-1, 0}, {0, 2}, {1, -3}, {2, 1}, {0, 0}};
static const int NO_SHIFT[][2] = {{0, 0}};

/* A panel in the middle of a row, one over the edges of rows and images, one that is not full. */
static void check_gathers(const xai_kernels *t, int taps, const int (*shifts)[2], int step, bool gated)
{
    enum { H = 9, W = 80 };
    float *in = new_floats(2 * 4 * H * W, 1), *y = new_floats(2 * 4 * H * W, 2);
    xai_gather g = {.channel = H * W,
                    .height = H,
                    .width = W,
                    .taps = taps,
                    .tap = shifts,
                    .step = step,
                    .gate = {{-0.5f, 0.7f}, true, true}};
    int n = (int)t->cols, some = n / 2 > 3 ? n / 2 : n;
    xai_gather_run middle = {in, gated ? y : NULL, 3, 5, n, 0};
    xai_gather_run edges[] = {{in, gated ? y : NULL, 8, W - some * step, some, 0},
                              {in + 4 * H * W, gated ? y + 4 * H * W : NULL, 0, 0, n - some, some}};
    xai_gather_run part = {in, gated ? y : NULL, 2, 1, n - 1, 0};
    check_gather(t, &g, &middle, 1);
    check_gather(t, &g, edges, some < n ? 2 : 1);
    check_gather(t, &g, &part, 1);
    free_floats(in), free_floats(y);
}

START_TEST(gather_takes_shifted_columns_and_zeros_outside)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    for (int gated = 0; gated < 2; gated++) {
        check_gathers(t, 1, NO_SHIFT, 1, gated);
        check_gathers(t, 6, SHIFTS, 1, gated);
    }
    check_gathers(t, 6, SHIFTS, 2, false);
    check_gathers(t, 1, NO_SHIFT, 2, false);
}
END_TEST

/* ---- spread */

static void check_spread(const xai_kernels *t, size_t cols, size_t step, size_t at)
{
    enum { ROWS = 3 };
    size_t phase = (at + cols + step - 1) / step, pitch = phase * step;
    float *in = new_floats(ROWS * (cols + 1), 1), *out = new_floats(ROWS * pitch, 2),
          *old = new_floats(ROWS * pitch, 2);
    t->spread(&(xai_spread){.in = in,
                            .in_pitch = cols + 1,
                            .rows = ROWS,
                            .cols = cols,
                            .out = out,
                            .pitch = pitch,
                            .phase = phase,
                            .step = step,
                            .at = at});
    for (size_t r = 0; r < ROWS; r++)
        for (size_t x = 0; x < at + cols; x++) {
            size_t to = r * pitch + x % step * phase + x / step;
            ck_assert(out[to] == (x < at ? old[to] : in[r * (cols + 1) + x - at]));
        }
    check_guards(out, ROWS * pitch);
    free_floats(in), free_floats(out), free_floats(old);
}

START_TEST(spread_sorts_columns_by_remainder)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    for (size_t cols = 1; cols < 70; cols++)
        for (size_t step = 1; step <= 3; step++)
            for (size_t at = 0; at < 4; at++) check_spread(t, cols, step, at);
}
END_TEST

/* ---- depthwise */

static void check_depthwise(const xai_kernels *t, int rows, int cols, int taps, bool fused)
{
    size_t pitch = (size_t)cols + 5, row_step = 2 * pitch, in_count = (size_t)(2 * rows + 5) * pitch + 32;
    float *in = new_floats(in_count, 1), *weight = new_floats((size_t)taps, 2);
    size_t out_pitch = (size_t)cols + 2, out_count = (size_t)rows * out_pitch;
    float *out = new_floats(out_count, 3), *old = new_floats(out_count, 3);
    ptrdiff_t offset[25];
    for (int i = 0; i < taps; i++) offset[i] = (ptrdiff_t)((size_t)(i / 5) * pitch) + i % 5;
    t->depthwise(&(xai_depthwise){in, row_step, offset, weight, taps, 0.25f, {-1, 1.5f}, out, out_pitch, rows, cols});
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < (int)out_pitch; c++) {
            size_t at = (size_t)r * out_pitch + (size_t)c;
            double sum = 0.25, size = 0.25;
            float chain = 0.25f;
            for (int i = 0; i < taps; i++) {
                float v = in[(size_t)r * row_step + (size_t)offset[i] + (size_t)c];
                sum += (double)weight[i] * (double)v;
                size += fabs((double)weight[i] * (double)v);
                chain = fmaf(weight[i], v, chain);
            }
            if (c >= cols)
                ck_assert(out[at] == old[at]);
            else if (fused)
                ck_assert(out[at] == xai_clamp_apply((xai_clamp){-1, 1.5f}, chain));
            else
                check_near(out[at], fmin(fmax(sum, -1), 1.5), size, (size_t)taps);
        }
    check_guards(out, out_count);
    free_floats(in), free_floats(weight), free_floats(out), free_floats(old);
}

START_TEST(depthwise_agrees_with_double_at_every_size)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    for (int rows = 1; rows <= 18; rows++)
        for (int cols = 1; cols <= 40; cols++) check_depthwise(t, rows, cols, 1 + rows * cols % 25, false);
    check_depthwise(t, 28, 113, 25, false);
}
END_TEST

START_TEST(depthwise_has_the_bytes_of_a_chain_of_fused_products)
{
    const xai_kernels *t = table_at(_i);
    if (!t || strcmp(t->isa, "scalar") == 0) return;
    for (int cols = 1; cols <= 40; cols++) check_depthwise(t, 9, cols, 9, true);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {gather_takes_shifted_columns_and_zeros_outside, spread_sorts_columns_by_remainder,
                                  depthwise_agrees_with_double_at_every_size,
                                  depthwise_has_the_bytes_of_a_chain_of_fused_products};
    return run_suite("planes", tests, sizeof tests / sizeof tests[0]);
}
