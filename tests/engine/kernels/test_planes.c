/* The kernels on planes, gather, spread, depthwise and windows, of every instruction set, against their definitions. */
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

/* ---- windows, channels last */

typedef struct windows_case {
    int taps[2], gap[2], step[2], first[2];
} windows_case;

static const windows_case WINDOWS[] = {
    {{3, 3}, {1, 1}, {1, 1}, {-1, -1}}, {{3, 3}, {1, 1}, {2, 2}, {0, -1}}, {{5, 5}, {1, 1}, {1, 1}, {-2, -2}},
    {{5, 5}, {1, 1}, {2, 2}, {-1, -2}}, {{7, 7}, {1, 1}, {1, 1}, {-3, -3}}, {{2, 1}, {1, 1}, {1, 1}, {0, 1}},
    {{1, 2}, {1, 1}, {1, 1}, {-1, 0}},  {{3, 2}, {2, 3}, {1, 1}, {-2, -1}}, {{2, 4}, {1, 1}, {3, 3}, {-1, -4}},
};
enum { WINDOWS_COUNT = sizeof WINDOWS / sizeof WINDOWS[0], HIGH = 6, WIDE = 9, TOP = 1, MOST_ROWS = 3 };

/* One output, as the definition has it: in double and, fused, as a chain of fused products. */
static void window_sum(const xai_pixel_windows *p, int row, int col, size_t c, float start, double *sum, double *size,
                       float *chain)
{
    *sum = (double)start;
    *size = fabs((double)start);
    *chain = start;
    for (int a = 0; a < p->taps[0]; a++)
        for (int b = 0; b < p->taps[1]; b++) {
            int y = p->first[0] + row * p->step[0] + a * p->gap[0], x = p->first[1] + col * p->step[1] + b * p->gap[1];
            if (y < 0 || y >= HIGH || x < 0 || x >= WIDE) continue;
            float in = p->x[(size_t)(y - p->top) * p->x_row + (size_t)x * p->x_pixel + c];
            float weight = p->w[(size_t)(a * p->taps[1] + b) * p->w_tap + c];
            *sum += (double)in * (double)weight;
            *size += fabs((double)in * (double)weight);
            *chain = fmaf(in, weight, *chain);
        }
}

static void check_windows(const xai_kernels *t, const windows_case *w, int rows, int cols, size_t channels, bool add)
{
    size_t pixel = channels + 3, in_count = HIGH * WIDE * pixel, w_tap = channels + 1;
    size_t w_count = (size_t)(w->taps[0] * w->taps[1]) * w_tap, y_pixel = channels + 2;
    size_t y_row = y_pixel * (size_t)cols + 4, out_count = (size_t)rows * y_row;
    float *in = new_floats(in_count, 1), *weight = new_floats(w_count, 2), *bias = new_floats(channels, 4);
    float *out = new_floats(out_count, 3), *old = new_floats(out_count, 3);
    bool fused = strcmp(t->isa, "scalar") != 0;
    /* The source is held from row TOP on where the window needs no more of it. */
    int top = w->first[0] >= TOP ? TOP : 0;
    xai_pixel_windows p = {.channels = channels, .rows = rows, .cols = cols, .taps = {w->taps[0], w->taps[1]},
                           .gap = {w->gap[0], w->gap[1]}, .first = {w->first[0], w->first[1]},
                           .step = {w->step[0], w->step[1]}, .high = HIGH, .wide = WIDE, .x = in, .top = top,
                           .x_row = WIDE * pixel, .x_pixel = pixel, .w = weight, .w_tap = w_tap, .y = out,
                           .y_row = y_row, .y_pixel = y_pixel, .bias = add ? NULL : bias, .accumulate = add,
                           .clamp = {-1, 1.5f}};
    t->pixel_windows(&p);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            for (size_t k = 0; k < y_pixel; k++) {
                size_t at = (size_t)r * y_row + (size_t)c * y_pixel + k;
                double sum, size;
                float chain;
                if (k >= channels) {
                    ck_assert(out[at] == old[at]);
                    continue;
                }
                window_sum(&p, r, c, k, add ? old[at] : bias[k], &sum, &size, &chain);
                if (fused) ck_assert(out[at] == xai_clamp_apply(p.clamp, chain));
                else check_near(out[at], fmin(fmax(sum, -1), 1.5), size, 49);
            }
    check_guards(out, out_count);
    free_floats(in), free_floats(weight), free_floats(bias), free_floats(out), free_floats(old);
}

START_TEST(windows_are_chains_of_their_taps_in_every_tile)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    for (int w = 0; w < WINDOWS_COUNT; w++)
        for (int rows = 1; rows <= MOST_ROWS; rows += 2)
            for (int cols = 1; cols <= 16; cols++)
                for (size_t channels = 5; channels <= 37; channels += 16)
                    check_windows(t, &WINDOWS[w], rows, cols, channels, cols % 2);
}
END_TEST

START_TEST(windows_take_a_source_that_begins_below_its_first_row)
{
    const xai_kernels *t = table_at(_i);
    if (!t) return;
    windows_case below = {{3, 3}, {1, 1}, {1, 1}, {TOP, -1}};
    check_windows(t, &below, MOST_ROWS, 7, 16, false);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {gather_takes_shifted_columns_and_zeros_outside, spread_sorts_columns_by_remainder,
                                  depthwise_agrees_with_double_at_every_size,
                                  depthwise_has_the_bytes_of_a_chain_of_fused_products,
                                  windows_are_chains_of_their_taps_in_every_tile,
                                  windows_take_a_source_that_begins_below_its_first_row};
    return run_suite("planes", tests, sizeof tests / sizeof tests[0]);
}
