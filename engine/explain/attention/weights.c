/* Reading gates: sums in the order in which the elements lie, in double. Pure. */
#include "weights.h"

#include <math.h>
#include <string.h>

/* Where an element is along each kind of axis. */
typedef struct place {
    int64_t axis[XAI_MAX_RANK];  /* its index */
    int64_t step[XAI_MAX_RANK];  /* of the axis within its kind */
    int64_t at[XAI_AXIS_KINDS];
} place;

static void begin(const xai_gate *g, place *p)
{
    int64_t step[XAI_AXIS_KINDS] = {1, 1, 1, 1};
    memset(p, 0, sizeof *p);
    for (int i = g->shape.rank; i-- > 0;) {
        p->step[i] = step[g->axes[i]];
        step[g->axes[i]] *= g->shape.dim[i];
    }
}

static void advance(const xai_gate *g, place *p)
{
    for (int i = g->shape.rank; i-- > 0;) {
        p->at[g->axes[i]] += p->step[i];
        if (++p->axis[i] < g->shape.dim[i]) return;
        p->at[g->axes[i]] -= p->step[i] * g->shape.dim[i];
        p->axis[i] = 0;
    }
}

/* The class token's row says what the answer rests on; where there is none, every row counts alike. */
static int64_t shown_query(const xai_gate *g)
{
    bool square = g->size[XAI_AXIS_QUERY] == g->size[XAI_AXIS_POSITION];
    return g->kind == XAI_GATE_SELF && g->lead > 0 && square ? 0 : -1;
}

static bool counts(const xai_gate_weights *w, const place *p) { return w->query < 0 || p->at[XAI_AXIS_QUERY] == w->query; }

static void accumulate(const xai_gate *g, const float *data, xai_gate_weights *w, double *channels, double *positions)
{
    place p;
    int64_t n = xai_shape_count(&g->shape);
    double sum = 0;
    begin(g, &p);
    w->min = INFINITY;
    w->max = -INFINITY;
    for (int64_t i = 0; i < n; i++, advance(g, &p)) {
        double v = (double)data[i];
        sum += v;
        w->min = fmin(w->min, v);
        w->max = fmax(w->max, v);
        channels[p.at[XAI_AXIS_CHANNEL]] += v;
        if (counts(w, &p)) positions[p.at[XAI_AXIS_POSITION]] += v;
    }
    w->mean = sum / (double)n;
}

static xai_status means(xai_arena *arena, const double *sums, int64_t n, int64_t of, float **out, xai_error *err)
{
    if (!(*out = XAI_NEW(arena, float, (size_t)n))) XAI_NO_MEMORY(err);
    for (int64_t i = 0; i < n; i++) (*out)[i] = (float)(sums[i] / (double)of);
    return XAI_OK;
}

xai_status xai_gate_weigh(const xai_gate *g, const float *data, xai_arena *arena, xai_gate_weights *w, xai_error *err)
{
    int64_t channels = g->size[XAI_AXIS_CHANNEL], positions = g->size[XAI_AXIS_POSITION];
    int64_t n = xai_shape_count(&g->shape);
    double *by_channel = XAI_NEW(arena, double, (size_t)channels), *by_position = XAI_NEW(arena, double, (size_t)positions);
    if (!by_channel || !by_position) XAI_NO_MEMORY(err);
    *w = (xai_gate_weights){.query = shown_query(g)};
    accumulate(g, data, w, by_channel, by_position);
    int64_t rows = w->query < 0 ? g->size[XAI_AXIS_QUERY] : 1;
    if (channels > 1 || positions == 1)
        XAI_TRY(means(arena, by_channel, channels, n / channels, &w->channels, err));
    if (positions == 1) return XAI_OK;
    return means(arena, by_position, positions, g->size[XAI_AXIS_HEAD] * channels * rows, &w->positions, err);
}

int64_t xai_gate_head_count(const xai_gate *g)
{
    int64_t heads = g->size[XAI_AXIS_HEAD] * g->size[XAI_AXIS_CHANNEL];
    return g->kind == XAI_GATE_SELF ? heads : heads * g->size[XAI_AXIS_QUERY];
}

void xai_gate_heads(const xai_gate *g, const xai_gate_weights *w, const float *data, float *out)
{
    place p;
    int64_t n = xai_shape_count(&g->shape), area = g->rows * g->cols;
    bool by_query = g->kind != XAI_GATE_SELF;
    double share = w->query < 0 && !by_query ? 1 / (double)g->size[XAI_AXIS_QUERY] : 1;
    memset(out, 0, (size_t)(xai_gate_head_count(g) * area) * sizeof *out);
    begin(g, &p);
    for (int64_t i = 0; i < n; i++, advance(g, &p)) {
        int64_t at = p.at[XAI_AXIS_POSITION] - g->lead;
        int64_t head = p.at[XAI_AXIS_HEAD] * g->size[XAI_AXIS_CHANNEL] + p.at[XAI_AXIS_CHANNEL];
        if (by_query) head = head * g->size[XAI_AXIS_QUERY] + p.at[XAI_AXIS_QUERY];
        if (at >= 0 && counts(w, &p)) out[head * area + at] += (float)((double)data[i] * share);
    }
}

void xai_gate_matrix(const xai_gate *g, const float *data, float *out)
{
    place p;
    int64_t n = xai_shape_count(&g->shape);
    begin(g, &p);
    for (int64_t i = 0; i < n; i++, advance(g, &p))
        out[(p.at[XAI_AXIS_HEAD] * g->size[XAI_AXIS_QUERY] + p.at[XAI_AXIS_QUERY]) * g->size[XAI_AXIS_POSITION] +
            p.at[XAI_AXIS_POSITION]] = data[i];
}
