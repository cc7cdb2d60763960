/* Splits the histogram of a picture. Sums run in the order of cells, so that results are the same everywhere. */
#include "palette.h"

#include <math.h>

typedef struct cell {
    double weight, sum[3]; /* of its pixels */
    int part;              /* that it belongs to; -1: it is empty */
} cell;

typedef struct part {
    double weight, sum[3], square[3];
} part;

static double mean_of(const cell *c, int channel) { return c->sum[channel] / c->weight; }

static void add(part *p, const cell *c)
{
    p->weight += c->weight;
    for (int k = 0; k < 3; k++) {
        p->sum[k] += c->sum[k];
        p->square[k] += c->sum[k] * mean_of(c, k);
    }
}

static double spread(const part *p, int channel)
{
    return p->weight > 0 ? p->square[channel] - p->sum[channel] * p->sum[channel] / p->weight : 0;
}

static double spread_of_all(const part *p) { return spread(p, 0) + spread(p, 1) + spread(p, 2); }

static void count_pixels(const uint8_t *rgb, size_t count, cell *cells)
{
    for (size_t i = 0; i < count; i++, rgb += 3) {
        cell *c = &cells[(rgb[0] >> 3) << 10 | (rgb[1] >> 3) << 5 | rgb[2] >> 3];
        c->weight++;
        for (int k = 0; k < 3; k++) c->sum[k] += rgb[k];
    }
}

static int widest_channel(const part *p)
{
    int widest = 0;
    for (int k = 1; k < 3; k++)
        if (spread(p, k) > spread(p, widest)) widest = k;
    return widest;
}

/* Moves what lies above part `at`'s mean into part `fresh`. */
static void split(cell *cells, part *parts, int at, int fresh)
{
    int channel = widest_channel(&parts[at]);
    double mean = parts[at].sum[channel] / parts[at].weight;
    parts[at] = parts[fresh] = (part){0};
    for (int i = 0; i < XAI_PALETTE_CELLS; i++) {
        if (cells[i].part != at) continue;
        if (mean_of(&cells[i], channel) > mean) cells[i].part = fresh;
        add(&parts[cells[i].part], &cells[i]);
    }
}

static int cut(cell *cells, part *parts)
{
    int count = 1;
    for (int i = 0; i < XAI_PALETTE_CELLS; i++) {
        cells[i].part = cells[i].weight > 0 ? 0 : -1;
        if (cells[i].part == 0) add(&parts[0], &cells[i]);
    }
    while (count < 256) {
        int worst = 0;
        for (int i = 1; i < count; i++)
            if (spread_of_all(&parts[i]) > spread_of_all(&parts[worst])) worst = i;
        if (spread_of_all(&parts[worst]) < 0.5) break; /* every colour has an entry */
        split(cells, parts, worst, count++);
    }
    return count;
}

static uint8_t nearest(const xai_palette *p, const double *rgb)
{
    int best = 0;
    double least = INFINITY;
    for (int i = 0; i < p->count; i++) {
        double distance = 0;
        for (int k = 0; k < 3; k++) distance += (rgb[k] - p->rgb[i][k]) * (rgb[k] - p->rgb[i][k]);
        if (distance < least) best = i;
        if (distance < least) least = distance;
    }
    return (uint8_t)best;
}

xai_status xai_palette_make(const uint8_t *rgb, size_t count, xai_arena *arena, xai_palette *out, xai_error *err)
{
    cell *cells = XAI_NEW(arena, cell, XAI_PALETTE_CELLS);
    if (!cells) XAI_NO_MEMORY(err);
    part parts[256] = {{0}};
    count_pixels(rgb, count, cells);
    *out = (xai_palette){.count = cut(cells, parts)};
    for (int i = 0; i < out->count; i++)
        for (int k = 0; k < 3; k++) out->rgb[i][k] = (uint8_t)lround(parts[i].sum[k] / parts[i].weight);
    for (int i = 0; i < XAI_PALETTE_CELLS; i++) {
        double middle[3] = {8 * (i >> 10) + 4, 8 * (i >> 5 & 31) + 4, 8 * (i & 31) + 4};
        for (int k = 0; k < 3 && cells[i].weight > 0; k++) middle[k] = mean_of(&cells[i], k);
        out->index[i] = nearest(out, middle);
    }
    return XAI_OK;
}
