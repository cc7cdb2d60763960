/* Grid: masks and maps of cells. Read-only once made. */
#include "grid.h"

#include "blend.h"

#include <math.h>
#include <string.h>

/* In float, as TensorFlow has it: which cell a border pixel falls to is a matter of its rounding. */
static xai_status find_cells(int side, int length, xai_arena *arena, int **out, xai_error *err)
{
    float scale = (float)side / (float)length;
    if (!(*out = XAI_NEW(arena, int, (size_t)length))) XAI_NO_MEMORY(err);
    for (int i = 0; i < length; i++) {
        int cell = (int)floorf(((float)i + 0.5F) * scale);
        (*out)[i] = cell < side ? cell : side - 1;
    }
    return XAI_OK;
}

xai_status xai_grid_init(xai_grid *g, xai_task *task, int side, xai_baseline baseline, double sigma, xai_error *err)
{
    const xai_context *c = task->context;
    *g = (xai_grid){.context = c, .side = side};
    float *hidden = XAI_NEW(task->arena, float, c->input_count);
    if (!hidden) XAI_NO_MEMORY(err);
    XAI_TRY(xai_context_baseline(c, baseline, sigma, hidden, err));
    g->baseline = hidden;
    XAI_TRY(find_cells(side, c->height, task->arena, &g->rows, err));
    return find_cells(side, c->width, task->arena, &g->columns, err);
}

void xai_grid_apply(const xai_grid *g, const float *cells, float *input)
{
    const xai_context *c = g->context;
    float mask[XAI_MAX_SIDE];
    for (int y = 0; y < c->height; y++) {
        const float *row = cells + (size_t)g->rows[y] * (size_t)g->side;
        if (y == 0 || g->rows[y] != g->rows[y - 1])
            for (int x = 0; x < c->width; x++) mask[x] = row[g->columns[x]];
        xai_blend_row(c, g->baseline, y, mask, input);
    }
}

/* ---------------------------------------------------------------- maps */

enum { TAPS = 4, STEPS = 1024 };

typedef struct taps {
    int cell[TAPS];
    double weight[TAPS]; /* their sum is 1 */
} taps;

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static taps taps_of(int pixel, int length, int side)
{
    float at = ((float)pixel + 0.5F) * ((float)side / (float)length) - 0.5F, below = floorf(at);
    double between = (double)lrintf((at - below) * (float)STEPS) / (double)STEPS, sum = 0;
    taps t = {{0}, {0}};
    for (int k = 0; k < TAPS; k++) {
        int cell = (int)below + k - 1;
        if (cell < 0 || cell >= side) continue;
        t.cell[k] = cell;
        sum += t.weight[k] = cubic(between - (k - 1));
    }
    for (int k = 0; k < TAPS; k++) t.weight[k] /= sum;
    return t;
}

static void enlarge(const xai_grid *g, const float *cells, float *map)
{
    int height = g->context->height, width = g->context->width, side = g->side;
    for (int y = 0; y < height; y++) {
        taps down = taps_of(y, height, side);
        double row[XAI_GRID_MAX] = {0};
        for (int k = 0; k < TAPS; k++)
            for (int x = 0; x < side; x++) row[x] += down.weight[k] * (double)cells[down.cell[k] * side + x];
        for (int x = 0; x < width; x++) {
            taps across = taps_of(x, width, side);
            double sum = 0;
            for (int k = 0; k < TAPS; k++) sum += across.weight[k] * row[across.cell[k]];
            map[(size_t)y * (size_t)width + (size_t)x] = (float)sum;
        }
    }
}

xai_status xai_grid_add_maps(const xai_grid *g, xai_task *task, const float *cells, xai_error *err)
{
    const xai_context *c = g->context;
    size_t count = (size_t)g->side * (size_t)g->side;
    float *map = XAI_NEW(task->arena, float, (size_t)c->height * (size_t)c->width);
    float *own = XAI_NEW(task->arena, float, count);
    if (!map || !own) XAI_NO_MEMORY(err);
    memcpy(own, cells, count * sizeof *own);
    enlarge(g, cells, map);
    XAI_TRY(xai_task_add_map(task, "map", map, c->height, c->width, err));
    return xai_task_add_map(task, "cells", own, g->side, g->side, err);
}
