/* RISE's masks: drawing, replaying, and making rows of them. Read-only once made, so any thread may ask for rows. */
#include "rise_masks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EMIT_MAX ((size_t)1 << 30)

static xai_status make_axis(xai_rise_axis *axis, int length, int grid, xai_arena *arena, xai_error *err)
{
    axis->length = length;
    axis->cell = (length + grid - 1) / grid;
    int up = (grid + 1) * axis->cell;
    axis->low = XAI_NEW(arena, int, (size_t)up);
    axis->high = XAI_NEW(arena, int, (size_t)up);
    axis->weight = XAI_NEW(arena, float, (size_t)up);
    if (!axis->low || !axis->high || !axis->weight) XAI_NO_MEMORY(err);
    for (int u = 0; u < up; u++) {
        double source = (u + 0.5) * grid / up - 0.5;
        int below = (int)floor(source);
        axis->low[u] = xai_mirror(below, grid);
        axis->high[u] = xai_mirror(below + 1, grid);
        axis->weight[u] = (float)(source - below);
    }
    return XAI_OK;
}

static xai_status draw(xai_rise_masks *m, const xai_task *task, double p, xai_error *err)
{
    size_t cells = (size_t)m->grid * (size_t)m->grid;
    m->grids = XAI_NEW(task->arena, float, m->count * cells);
    m->offsets = XAI_NEW(task->arena, float, m->count * 2);
    if (!m->grids || !m->offsets) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < m->count; i++) {
        xai_rng rng = xai_rng_init(task->seed, i);
        for (size_t k = 0; k < cells; k++) m->grids[i * cells + k] = xai_rng_uniform(&rng) < p ? 1 : 0;
        m->offsets[2 * i] = (float)xai_rng_below(&rng, (uint32_t)m->rows.cell);
        m->offsets[2 * i + 1] = (float)xai_rng_below(&rng, (uint32_t)m->columns.cell);
    }
    return XAI_OK;
}

static xai_status replay_masks(xai_rise_masks *m, const xai_task *task, xai_error *err)
{
    xai_tensor t;
    bool found;
    XAI_TRY(xai_task_use_draws(task, "masks", 3, &t, &found, err));
    XAI_CHECK(t.shape.dim[1] == m->rows.length && t.shape.dim[2] == m->columns.length && t.shape.dim[0] > 0, err,
              BAD_TENSOR, "masks.npy", "masks.npy must have the shape (count, %d, %d)", m->rows.length,
              m->columns.length);
    m->count = (size_t)t.shape.dim[0];
    m->given = t.data;
    return XAI_OK;
}

static bool offset_fits(float offset, int cell) { return offset >= 0 && offset < (float)cell && offset == floorf(offset); }

static xai_status replay_grids(xai_rise_masks *m, const xai_task *task, xai_error *err)
{
    xai_tensor grids, offsets;
    bool found;
    XAI_TRY(xai_task_use_draws(task, "grids", 3, &grids, &found, err));
    XAI_TRY(xai_task_use_draws(task, "offsets", 2, &offsets, &found, err));
    XAI_CHECK(grids.shape.dim[0] > 0 && grids.shape.dim[1] == m->grid && grids.shape.dim[2] == m->grid &&
                  offsets.shape.dim[0] == grids.shape.dim[0] && offsets.shape.dim[1] == 2,
              err, BAD_TENSOR, "grids.npy", "grids.npy must be (count, %d, %d) and offsets.npy (count, 2)", m->grid,
              m->grid);
    m->count = (size_t)grids.shape.dim[0];
    m->grids = grids.data;
    m->offsets = offsets.data;
    for (size_t i = 0; i < m->count; i++)
        XAI_CHECK(offset_fits(m->offsets[2 * i], m->rows.cell) && offset_fits(m->offsets[2 * i + 1], m->columns.cell),
                  err, BAD_TENSOR, "offsets.npy", "offset %zu is not a whole number below a cell's size of %d", i,
                  m->rows.cell);
    return XAI_OK;
}

static xai_status emit_masks(const xai_rise_masks *m, const xai_task *task, xai_error *err)
{
    int height = m->rows.length, width = m->columns.length;
    size_t pixels = (size_t)height * (size_t)width;
    if (m->count > EMIT_MAX / sizeof(float) / pixels) return XAI_OK;
    float *all = malloc(m->count * pixels * sizeof *all);
    if (!all) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < m->count; i++)
        for (int y = 0; y < height; y++) xai_rise_masks_row(m, i, y, all + i * pixels + (size_t)y * (size_t)width);
    xai_array a = {.dtype = XAI_F32, .rank = 3, .shape = {(int64_t)m->count, height, width}, .data = all};
    xai_status status = xai_task_emit_draws(task, "masks", &a, err);
    free(all);
    return status;
}

static xai_status emit(const xai_rise_masks *m, const xai_task *task, xai_error *err)
{
    if (!task->emit_draws) return XAI_OK;
    if (m->grids) {
        xai_array grids = {.dtype = XAI_F32, .rank = 3, .shape = {(int64_t)m->count, m->grid, m->grid},
                           .data = m->grids};
        xai_array offsets = {.dtype = XAI_F32, .rank = 2, .shape = {(int64_t)m->count, 2}, .data = m->offsets};
        XAI_TRY(xai_task_emit_draws(task, "grids", &grids, err));
        XAI_TRY(xai_task_emit_draws(task, "offsets", &offsets, err));
    }
    return emit_masks(m, task, err);
}

xai_status xai_rise_masks_init(xai_rise_masks *m, xai_task *task, size_t count, int grid, double p, xai_error *err)
{
    *m = (xai_rise_masks){.count = count, .grid = grid};
    XAI_TRY(make_axis(&m->rows, task->context->height, grid, task->arena, err));
    XAI_TRY(make_axis(&m->columns, task->context->width, grid, task->arena, err));
    if (!task->use_draws) XAI_TRY(draw(m, task, p, err));
    else if (xai_task_has_draws(task, "masks")) XAI_TRY(replay_masks(m, task, err));
    else XAI_TRY(replay_grids(m, task, err));
    return emit(m, task, err);
}

void xai_rise_masks_row(const xai_rise_masks *m, size_t index, int y, float *out)
{
    size_t width = (size_t)m->columns.length, s = (size_t)m->grid;
    if (m->given) {
        memcpy(out, m->given + (index * (size_t)m->rows.length + (size_t)y) * width, width * sizeof *out);
        return;
    }
    const float *grid = m->grids + index * s * s;
    int v = y + (int)m->offsets[2 * index], first = (int)m->offsets[2 * index + 1];
    const float *low = grid + (size_t)m->rows.low[v] * s, *high = grid + (size_t)m->rows.high[v] * s;
    float line[XAI_RISE_GRID_MAX], wy = m->rows.weight[v];
    for (size_t k = 0; k < s; k++) line[k] = low[k] + wy * (high[k] - low[k]);
    for (size_t x = 0; x < width; x++) {
        size_t u = x + (size_t)first;
        float a = line[m->columns.low[u]], b = line[m->columns.high[u]];
        out[x] = a + m->columns.weight[u] * (b - a);
    }
}
