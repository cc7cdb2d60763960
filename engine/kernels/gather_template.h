/*
 * Packing of a panel of B (struct xai_gather): PANEL_COLS floats for each k. Columns beyond the last run become 0.
 *
 * Where the edges of rows, images and padding cut a panel depends on the tap and not on the channel: it is worked out
 * once a tap, as masks, and then all channels are read through them.
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

/* What a run gives to one tap: columns [first, last) of the run, the first at offset `at` of a channel's plane. */
typedef struct gather_clip {
    int first, last;
    ptrdiff_t at;
} gather_clip;

static gather_clip clip_run(const xai_gather *g, const xai_gather_run *run, const int tap[2])
{
    int y = run->row + tap[0], x = run->column + tap[1];
    gather_clip c = {0, run->count, 0};
    if (y < 0 || y >= g->height) return (gather_clip){0};
    if (x < 0) c.first = (-x + g->step - 1) / g->step;
    if (x + (c.last - 1) * g->step >= g->width) c.last = (g->width - x + g->step - 1) / g->step;
    c.at = (ptrdiff_t)y * g->width + x + (ptrdiff_t)c.first * g->step;
    return c;
}

/* Some lanes of one vector of the panel, read from `in` + lane; channel 0. */
typedef struct gather_part {
    const float *in, *y;
    vmask mask;
    bool whole;
} gather_part;

static int find_parts(const xai_gather *g, const xai_gather_run *runs, int count, const int tap[2], int v,
                      gather_part parts[XAI_MAX_PANEL_COLS])
{
    int n = 0, begin = v * WIDTH, end = begin + WIDTH;
    for (int i = 0; i < count; i++) {
        gather_clip c = clip_run(g, &runs[i], tap);
        int from = runs[i].at + c.first, to = runs[i].at + c.last;
        int low = from > begin ? from : begin, high = to < end ? to : end;
        if (low >= high) continue;
        ptrdiff_t lane0 = c.at - (from - begin);
        parts[n++] = (gather_part){
            .in = runs[i].plane + lane0,
            .y = runs[i].y ? runs[i].y + lane0 : NULL,
            .mask = v_lanes((size_t)(low - begin), (size_t)(high - low)),
            .whole = high - low == WIDTH,
        };
    }
    return n;
}

static vec load_part_at(const xai_gather *g, const gather_part *part, size_t at)
{
    vec v = v_load_lanes(part->in + at, part->mask);
    return part->y ? pass_gate(&g->gate, v, v_load_lanes(part->y + at, part->mask)) : v;
}

/* Vector v of one tap, for channels [channel, end); `out` is the first one's and `pitch` from there to the next. */
static void gather_vector(const xai_gather *g, const gather_part *parts, int count, size_t channel, size_t end,
                          float *out, size_t pitch)
{
    size_t at = channel * g->channel;
    if (count == 1 && parts->whole && !parts->y) {
        for (; channel < end; channel++, at += g->channel, out += pitch) v_store(out, v_load(parts->in + at));
        return;
    }
    if (count == 1 && parts->whole) {
        xai_gate gate = g->gate;
        for (; channel < end; channel++, at += g->channel, out += pitch)
            v_store(out, pass_gate(&gate, v_load(parts->in + at), v_load(parts->y + at)));
        return;
    }
    for (; channel < end; channel++, at += g->channel, out += pitch) {
        vec sum = v_zero();
        for (int i = 0; i < count; i++) sum = v_join(sum, load_part_at(g, &parts[i], at));
        v_store(out, sum);
    }
}

/* The same for all vectors of a tap, with a step: run by run. */
static void gather_steps(const xai_gather *g, const xai_gather_run *runs, int count, const int tap[2], size_t channel,
                         size_t end, float *out, size_t pitch)
{
    for (; channel < end; channel++, out += pitch) {
        for (int v = 0; v < PANEL_VECS; v++) v_store(out + v * WIDTH, v_zero());
        for (int i = 0; i < count; i++) {
            gather_clip c = clip_run(g, &runs[i], tap);
            if (c.first >= c.last) continue;
            copy_run(runs[i].plane + channel * g->channel + c.at, (size_t)g->step, (size_t)(c.last - c.first),
                     out + runs[i].at + c.first);
        }
    }
}

static void gather_panel(const xai_gather *g, const xai_gather_run *runs, int count, size_t k0, size_t k1, float *out)
{
    size_t taps = (size_t)g->taps, pitch = taps * PANEL_COLS;
    for (size_t t = 0; t < taps; t++) {
        size_t channel = k0 > t ? (k0 - t + taps - 1) / taps : 0, end = k1 > t ? (k1 - t + taps - 1) / taps : 0;
        if (channel >= end) continue;
        float *to = out + (channel * taps + t - k0) * PANEL_COLS;
        if (g->step != 1) {
            gather_steps(g, runs, count, g->tap[t], channel, end, to, pitch);
            continue;
        }
        for (int v = 0; v < PANEL_VECS; v++) {
            gather_part parts[XAI_MAX_PANEL_COLS];
            int n = find_parts(g, runs, count, g->tap[t], v, parts);
            gather_vector(g, parts, n, channel, end, to + v * WIDTH, pitch);
        }
    }
}
