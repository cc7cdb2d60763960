/*
 * Packing of a panel of B (struct xai_gather): PANEL_COLS floats for each k. Columns beyond the last run become 0.
 * The common case, a whole panel inside one row of one image, is a copy of vectors.
 */
#include "vector.h"

/* out[i] = in[i * step] */
static void copy_run(const float *in, size_t step, size_t count, float *out)
{
    if (step == 1) {
        for (; count >= WIDTH; count -= WIDTH, in += WIDTH, out += WIDTH) v_store(out, v_load(in));
        if (count) v_store_part(out, v_load_part(in, count), count);
        return;
    }
    if (step == 2)
        for (; count >= WIDTH; count -= WIDTH, in += 2 * WIDTH, out += WIDTH) v_store(out, v_even(in));
    for (size_t i = 0; i < count; i++) out[i] = in[i * step];
}

static vec pass_gate(const xai_gate *gate, vec g, vec y)
{
    if (gate->by_output) g = v_inside(g, y, v_set(gate->clamp.lo), v_set(gate->clamp.hi));
    if (gate->by_gradient) g = v_inside(g, g, v_zero(), v_set(INFINITY));
    return g;
}

/* As copy_run with a step of 1, through the gate. */
static void gate_run(const xai_gate *gate, const float *y, const float *gy, size_t count, float *out)
{
    for (; count >= WIDTH; count -= WIDTH, y += WIDTH, gy += WIDTH, out += WIDTH)
        v_store(out, pass_gate(gate, v_load(gy), v_load(y)));
    if (count) v_store_part(out, pass_gate(gate, v_load_part(gy, count), v_load_part(y, count)), count);
}

/* One run of one row of B, without the positions that the tap shifts out of the plane. */
static void gather_run(const xai_gather *g, const xai_gather_run *run, size_t channel, const int tap[2], float *out)
{
    int y = run->row + tap[0], x = run->column + tap[1], first = 0, last = run->count;
    if (y < 0 || y >= g->height) return;
    if (x < 0) first = (-x + g->step - 1) / g->step;
    if (x + (last - 1) * g->step >= g->width) last = (g->width - x + g->step - 1) / g->step;
    if (first >= last) return;
    ptrdiff_t at = (ptrdiff_t)(channel * g->channel) + (ptrdiff_t)y * g->width + x + first * g->step;
    float *to = out + run->at + first;
    if (run->y) gate_run(&g->gate, run->y + at, run->plane + at, (size_t)(last - first), to);
    else copy_run(run->plane + at, (size_t)g->step, (size_t)(last - first), to);
}

/* A whole panel of a pointwise convolution: consecutive floats of each channel. */
static void gather_points(const xai_gather *g, const xai_gather_run *run, size_t k0, size_t k1, float *out)
{
    const float *in = run->plane + k0 * g->channel + (ptrdiff_t)run->row * g->width + run->column;
    for (size_t k = k0; k < k1; k++, in += g->channel, out += PANEL_COLS)
        for (int v = 0; v < PANEL_VECS; v++) v_store(out + v * WIDTH, v_load(in + v * WIDTH));
}

static bool is_points(const xai_gather *g, const xai_gather_run *run)
{
    return g->taps == 1 && g->tap[0][0] == 0 && g->tap[0][1] == 0 && g->step == 1 && run->count == PANEL_COLS &&
           !run->y && run->row < g->height && run->column + PANEL_COLS <= g->width;
}

static void gather_panel(const xai_gather *g, const xai_gather_run *runs, int count, size_t k0, size_t k1, float *out)
{
    if (count == 1 && is_points(g, runs)) {
        gather_points(g, runs, k0, k1, out);
        return;
    }
    size_t channel = k0 / (size_t)g->taps;
    int tap = (int)(k0 % (size_t)g->taps);
    for (size_t k = k0; k < k1; k++, out += PANEL_COLS) {
        for (int v = 0; v < PANEL_VECS; v++) v_store(out + v * WIDTH, v_zero());
        for (int i = 0; i < count; i++) gather_run(g, &runs[i], channel, g->tap[tap], out);
        if (++tap < g->taps) continue;
        tap = 0;
        channel++;
    }
}
