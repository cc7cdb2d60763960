/*
 * Both kinds are separable: a pixel takes from at most two bands of an axis. So a mask is widened row by row once
 * (rows x width), and every line of the picture blends two of those rows: simple loops over x that vectorise.
 *
 * Pure but for the arena in init; a regions object is read only afterwards and may be shared by threads.
 */
#include "regions.h"

#include <assert.h>
#include <string.h>

/* Where pixel p of `pixels` lies among `bands` grid points, the outer ones on the outer pixels. */
static void tent_axis(xai_region_axis *axis, int bands, int pixels)
{
    for (int p = 0; p < pixels; p++) {
        double at = pixels > 1 ? (double)p * (bands - 1) / (pixels - 1) : 0;
        int low = (int)at;
        if (low > bands - 2) low = bands - 2;
        axis->low[p] = low;
        axis->part[p] = (float)(at - low);
    }
}

static void hard_axis(xai_region_axis *axis, int bands, int pixels)
{
    for (int b = 0; b < bands; b++)
        for (int p = b * pixels / bands; p < (b + 1) * pixels / bands; p++) axis->low[p] = b;
}

static xai_status init_axis(xai_region_axis *axis, xai_region_kind kind, int bands, int pixels, xai_arena *arena,
                            xai_error *err)
{
    axis->low = XAI_NEW(arena, int, (size_t)pixels);
    axis->part = XAI_NEW(arena, float, (size_t)pixels);
    if (!axis->low || !axis->part) XAI_NO_MEMORY(err);
    (kind == XAI_REGION_TENT ? tent_axis : hard_axis)(axis, bands, pixels);
    return XAI_OK;
}

xai_status xai_regions_init(xai_regions *regions, xai_region_kind kind, int rows, int cols, int height, int width,
                            xai_arena *arena, xai_error *err)
{
    XAI_CHECK(rows >= 2 && rows <= 16 && cols >= 2 && cols <= 16, err, BAD_PARAM, "grid",
              "a grid of %d x %d regions: rows and columns must be 2 to 16", rows, cols);
    XAI_CHECK(rows <= height && cols <= width, err, BAD_PARAM, "grid",
              "a grid of %d x %d regions is finer than the model's input of %d x %d pixels", rows, cols, height, width);
    XAI_CHECK(height <= 1 << 16 && width <= 1 << 16, err, TOO_LARGE, "grid", "an input of %d x %d pixels is too large",
              height, width);
    *regions = (xai_regions){.kind = kind, .rows = rows, .cols = cols, .count = rows * cols, .height = height,
                             .width = width};
    XAI_TRY(init_axis(&regions->y, kind, rows, height, arena, err));
    return init_axis(&regions->x, kind, cols, width, arena, err);
}

/* Row r of the mask along the whole width. */
static void widen_row(const xai_regions *regions, xai_mask mask, int r, float *row)
{
    float band[17] = {0}; /* one more than there are: a band's next one always exists */
    for (int c = 0; c < regions->cols; c++) band[c] = xai_mask_has(mask, r * regions->cols + c) ? 1.0f : 0.0f;
    const int *low = regions->x.low;
    const float *part = regions->x.part;
    for (int x = 0; x < regions->width; x++) row[x] = (1.0f - part[x]) * band[low[x]] + part[x] * band[low[x] + 1];
}

void xai_regions_weight(const xai_regions *regions, xai_mask mask, float *rows_buffer, float *weight)
{
    size_t width = (size_t)regions->width;
    for (int r = 0; r < regions->rows; r++) widen_row(regions, mask, r, rows_buffer + (size_t)r * width);
    memset(rows_buffer + (size_t)regions->rows * width, 0, width * sizeof *rows_buffer);
    for (int y = 0; y < regions->height; y++) {
        const float *upper = rows_buffer + (size_t)regions->y.low[y] * width, *lower = upper + width;
        float *line = weight + (size_t)y * width, part = regions->y.part[y];
        for (size_t x = 0; x < width; x++) line[x] = (1.0f - part) * upper[x] + part * lower[x];
    }
}

size_t xai_regions_scratch(const xai_regions *regions)
{
    return (size_t)(regions->rows + 1 + regions->height) * (size_t)regions->width;
}

void xai_regions_compose(const xai_regions *regions, xai_mask mask, int channels, const float *view,
                         const float *baseline, float *scratch, float *out)
{
    size_t plane = (size_t)regions->height * (size_t)regions->width, all = (size_t)channels * plane;
    int kept = xai_mask_count(mask);
    if (kept == regions->count || kept == 0) {
        memcpy(out, kept ? view : baseline, all * sizeof *out);
        return;
    }
    float *weight = scratch + (size_t)(regions->rows + 1) * (size_t)regions->width;
    xai_regions_weight(regions, mask, scratch, weight);
    for (int c = 0; c < channels; c++) {
        const float *v = view + (size_t)c * plane, *b = baseline + (size_t)c * plane;
        float *o = out + (size_t)c * plane;
        for (size_t i = 0; i < plane; i++) o[i] = b[i] + weight[i] * (v[i] - b[i]);
    }
}
