/*
 * Smooth masks forward and backward. Rows of windows are independent pieces; each sums into a place of its own, and
 * the places are added up in one order, so that threads leave no trace. Belongs to one thread at a time.
 */
#include "smooth_mask.h"

#include "kernels/kernels.h"

#include <math.h>

static const float COLDNESS = 20;

static int ceil_ratio(int a, int b) { return (a + b - 1) / b; }

bool xai_smooth_mask_fits(int step, int sigma)
{
    return step * (2 * ceil_ratio(2 * sigma, step) - 2 * ceil_ratio(sigma, step) - 1) >= sigma;
}

/* In float, as PyTorch finds the nearest cell. */
static xai_status make_axis(const xai_smooth_mask *m, int length, xai_mask_axis *a, xai_arena *arena, xai_error *err)
{
    a->length = length;
    a->in = ceil_ratio(length, m->step);
    a->mid = a->in + 2 * m->padding - m->taps + 1;
    a->out = a->mid * m->step - m->step + 1;
    a->window = XAI_NEW(arena, int, (size_t)a->out);
    a->offset = XAI_NEW(arena, int, (size_t)a->out);
    if (!a->window || !a->offset) XAI_NO_MEMORY(err);
    float scale = (float)a->mid / (float)(a->mid * m->step);
    for (int u = 0; u < a->out; u++) {
        a->window[u] = (int)floorf((float)u * scale);
        a->offset[u] = u - m->step * a->window[u];
    }
    return XAI_OK;
}

/* The bump of tap k at an offset from the cell: its place lies (k - padding) cells further, and the margin. */
static double distance(const xai_smooth_mask *m, int offset, int k)
{
    return (double)(offset - m->sigma - m->step * (k - m->padding));
}

static float *weights_at(const xai_smooth_mask *m, int down, int across)
{
    return m->weights + (size_t)(down * (m->step + 1) + across) * (size_t)(m->taps * m->taps);
}

static void fill_weights(const xai_smooth_mask *m)
{
    for (int down = 0; down <= m->step; down++)
        for (int across = 0; across <= m->step; across++)
            for (int k = 0; k < m->taps * m->taps; k++) {
                double y = distance(m, down, k / m->taps), x = distance(m, across, k % m->taps);
                double beyond = fmax(sqrt(y * y + x * x) / m->sigma - 0.5, 0);
                weights_at(m, down, across)[k] = (float)exp(-2 * beyond * beyond);
            }
}

static int padded_columns(const xai_smooth_mask *m) { return m->columns.in + 2 * m->padding; }

xai_status xai_smooth_mask_init(xai_smooth_mask *m, int height, int width, int step, int sigma, xai_arena *arena,
                                xai_error *err)
{
    *m = (xai_smooth_mask){.step = step, .sigma = sigma, .padding = 1 + ceil_ratio(2 * sigma, step),
                           .taps = 2 * (1 + ceil_ratio(sigma, step)) + 1};
    XAI_TRY(make_axis(m, height, &m->rows, arena, err));
    XAI_TRY(make_axis(m, width, &m->columns, arena, err));
    size_t taps = (size_t)(m->taps * m->taps), count = xai_smooth_mask_count(m);
    m->weights = XAI_NEW(arena, float, (size_t)((step + 1) * (step + 1)) * taps);
    m->parameters = XAI_NEW(arena, float, xai_smooth_mask_parameters(m));
    m->padded = XAI_NEW(arena, float, (size_t)(m->rows.in + 2 * m->padding) * (size_t)padded_columns(m));
    m->mask = XAI_NEW(arena, float, count);
    m->by_mask = XAI_NEW(arena, float, count);
    m->by_window = XAI_NEW(arena, double, (size_t)m->rows.mid * (size_t)m->columns.mid * taps);
    if (!m->weights || !m->parameters || !m->padded || !m->mask || !m->by_mask || !m->by_window) XAI_NO_MEMORY(err);
    fill_weights(m);
    for (size_t i = 0; i < xai_smooth_mask_parameters(m); i++) m->parameters[i] = 1;
    return XAI_OK;
}

/* ---------------------------------------------------------------- one pixel */

enum { MOST_TAPS = XAI_SMOOTH_TAPS * XAI_SMOOTH_TAPS };

typedef struct pixel {
    const float *weights;
    float bumps[MOST_TAPS], shares[MOST_TAPS]; /* v; exp(20 v) */
    double total;                              /* of the shares */
    float value;
} pixel;

static void look(const xai_smooth_mask *m, int u, int v, pixel *p)
{
    int n = m->taps * m->taps;
    const float *row = m->padded + (size_t)m->rows.window[u] * (size_t)padded_columns(m) + m->columns.window[v];
    float heat[MOST_TAPS];
    p->weights = weights_at(m, m->rows.offset[u], m->columns.offset[v]);
    for (int i = 0, k = 0; i < m->taps; i++, row += padded_columns(m))
        for (int j = 0; j < m->taps; j++, k++) p->bumps[k] = p->weights[k] * row[j];
    for (int k = 0; k < n; k++) heat[k] = COLDNESS * p->bumps[k];
    xai_kernels_get()->map_exp(heat, p->shares, (size_t)n);
    double sum = 0;
    p->total = 0;
    for (int k = 0; k < n; k++) {
        p->total += (double)p->shares[k];
        sum += (double)p->shares[k] * (double)p->bumps[k];
    }
    p->value = (float)fmin(sum / p->total, 1);
}

/* ---------------------------------------------------------------- all */

static void make_row(void *user, size_t u, int thread)
{
    (void)thread;
    xai_smooth_mask *m = user;
    pixel p;
    for (int v = 0; v < m->columns.out; v++) {
        look(m, (int)u, v, &p);
        m->mask[u * (size_t)m->columns.out + (size_t)v] = p.value;
    }
}

void xai_smooth_mask_make(xai_smooth_mask *m, const xai_par *par)
{
    for (int i = 0; i < m->rows.in; i++)
        for (int j = 0; j < m->columns.in; j++)
            m->padded[(i + m->padding) * padded_columns(m) + j + m->padding] = m->parameters[i * m->columns.in + j];
    xai_par_for(par, (size_t)m->rows.out, make_row, m);
}

/* d mask / d v_k = share_k (1 + 20 (v_k - mask)), for the pixels of one row of windows. */
static void backward_windows(void *user, size_t window, int thread)
{
    (void)thread;
    xai_smooth_mask *m = user;
    int n = m->taps * m->taps;
    double *sums = m->by_window + window * (size_t)(m->columns.mid * n);
    for (int i = 0; i < m->columns.mid * n; i++) sums[i] = 0;
    pixel p;
    for (int u = 0; u < m->rows.out; u++) {
        if (m->rows.window[u] != (int)window) continue;
        for (int v = 0; v < m->columns.out; v++) {
            double g = (double)m->by_mask[(size_t)u * (size_t)m->columns.out + (size_t)v];
            if (g == 0) continue;
            look(m, u, v, &p);
            double *own = sums + m->columns.window[v] * n, scale = g / p.total;
            for (int k = 0; k < n; k++)
                own[k] += scale * (double)(p.shares[k] * p.weights[k] * (1 + COLDNESS * (p.bumps[k] - p.value)));
        }
    }
}

void xai_smooth_mask_backward(xai_smooth_mask *m, double *gradient, const xai_par *par)
{
    xai_par_for(par, (size_t)m->rows.mid, backward_windows, m);
    for (size_t i = 0; i < xai_smooth_mask_parameters(m); i++) gradient[i] = 0;
    const double *from = m->by_window;
    for (int i = 0; i < m->rows.mid; i++)
        for (int j = 0; j < m->columns.mid; j++)
            for (int k = 0; k < m->taps * m->taps; k++, from++) {
                int y = i + k / m->taps - m->padding, x = j + k % m->taps - m->padding;
                if (y >= 0 && y < m->rows.in && x >= 0 && x < m->columns.in) gradient[y * m->columns.in + x] += *from;
            }
}
