/*
 * Both kinds are separable: a pixel takes from at most two bands of an axis. So a line of the picture blends two rows
 * of the mask into one short row of bands, and runs through the bands, within which weights are linear: plain loops
 * over x that vectorise, and no scratch memory.
 *
 * Pure but for the arena in init; a regions object is read only afterwards and may be shared by threads.
 */
#include "regions.h"

#include <string.h>

enum { MOST_BANDS = 16 };

/* Grid points at equal distances, the outer ones on the outer pixels: the last pixel belongs to the last interval. */
static void tent_axis(xai_region_axis *axis, int bands, int pixels)
{
    for (int p = 0, band = -1; p < pixels; p++) {
        double at = pixels > 1 ? (double)p * (bands - 1) / (pixels - 1) : 0;
        int low = (int)at < bands - 2 ? (int)at : bands - 2;
        while (band < low) axis->start[++band] = p;
        axis->part[p] = (float)(at - low);
    }
    axis->start[bands - 1] = axis->start[bands] = pixels;
}

static void hard_axis(xai_region_axis *axis, int bands, int pixels)
{
    for (int b = 0; b <= bands; b++) axis->start[b] = b * pixels / bands;
}

static xai_status init_axis(xai_region_axis *axis, xai_region_kind kind, int bands, int pixels, xai_arena *arena,
                            xai_error *err)
{
    axis->start = XAI_NEW(arena, int, (size_t)bands + 1);
    axis->part = XAI_NEW(arena, float, (size_t)pixels);
    if (!axis->start || !axis->part) XAI_NO_MEMORY(err);
    (kind == XAI_REGION_TENT ? tent_axis : hard_axis)(axis, bands, pixels);
    return XAI_OK;
}

xai_status xai_regions_init(xai_regions *regions, xai_region_kind kind, int rows, int cols, int height, int width,
                            xai_arena *arena, xai_error *err)
{
    XAI_CHECK(rows >= 2 && rows <= MOST_BANDS && cols >= 2 && cols <= MOST_BANDS, err, BAD_PARAM, "params.grid",
              "a grid of %d x %d regions: rows and columns must be 2 to %d", rows, cols, MOST_BANDS);
    XAI_CHECK(rows <= height && cols <= width, err, BAD_PARAM, "params.grid",
              "a grid of %d x %d regions is finer than the model's input of %d x %d pixels", rows, cols, height,
              width);
    XAI_CHECK(height <= 1 << 16 && width <= 1 << 16, err, TOO_LARGE, "params.grid",
              "an input of %d x %d pixels is too large", height, width);
    *regions = (xai_regions){.kind = kind, .rows = rows, .cols = cols, .count = rows * cols, .height = height,
                             .width = width};
    XAI_TRY(init_axis(&regions->y, kind, rows, height, arena, err));
    return init_axis(&regions->x, kind, cols, width, arena, err);
}

/* The bands of line y: the two rows of the mask that it lies between, blended. bands[cols] is 0. */
static void blend_rows(const xai_regions *regions, xai_mask mask, int y, float *bands)
{
    int r = 0, cols = regions->cols;
    while (regions->y.start[r + 1] <= y) r++;
    float part = regions->y.part[y];
    for (int c = 0; c < cols; c++) {
        float upper = xai_mask_has(mask, r * cols + c) ? 1.0f : 0.0f;
        float lower = r + 1 < regions->rows && xai_mask_has(mask, (r + 1) * cols + c) ? 1.0f : 0.0f;
        bands[c] = (1.0f - part) * upper + part * lower;
    }
    bands[cols] = 0;
}

void xai_regions_line(const xai_regions *regions, xai_mask mask, int y, float *out)
{
    float bands[MOST_BANDS + 1];
    blend_rows(regions, mask, y, bands);
    const float *part = regions->x.part;
    for (int c = 0; c < regions->cols; c++) {
        float left = bands[c], right = bands[c + 1];
        for (int x = regions->x.start[c]; x < regions->x.start[c + 1]; x++)
            out[x] = (1.0f - part[x]) * left + part[x] * right;
    }
}

/* One line of one plane. */
static void blend_plane(const xai_regions *regions, const float *bands, const float *view, const float *baseline,
                        float *out)
{
    const float *part = regions->x.part;
    for (int c = 0; c < regions->cols; c++) {
        float left = bands[c], right = bands[c + 1];
        for (int x = regions->x.start[c]; x < regions->x.start[c + 1]; x++)
            out[x] = baseline[x] + ((1.0f - part[x]) * left + part[x] * right) * (view[x] - baseline[x]);
    }
}

/* One line whose channels lie side by side. */
static void blend_pixels(const xai_regions *regions, const float *bands, int channels, const float *view,
                         const float *baseline, float *out)
{
    for (int c = 0; c < regions->cols; c++)
        for (int x = regions->x.start[c]; x < regions->x.start[c + 1]; x++) {
            float part = regions->x.part[x], weight = (1.0f - part) * bands[c] + part * bands[c + 1];
            for (int i = x * channels; i < (x + 1) * channels; i++)
                out[i] = baseline[i] + weight * (view[i] - baseline[i]);
        }
}

void xai_regions_compose(const xai_regions *regions, xai_mask mask, const xai_region_picture *p, float *out)
{
    size_t width = (size_t)regions->width, plane = (size_t)regions->height * width;
    int kept = xai_mask_count(mask);
    if (kept == regions->count || kept == 0) {
        memcpy(out, kept ? p->view : p->baseline, (size_t)p->channels * plane * sizeof *out);
        return;
    }
    for (int y = 0; y < regions->height; y++) {
        float bands[MOST_BANDS + 1];
        blend_rows(regions, mask, y, bands);
        size_t at = (size_t)y * width;
        if (p->interleaved) {
            at *= (size_t)p->channels;
            blend_pixels(regions, bands, p->channels, p->view + at, p->baseline + at, out + at);
            continue;
        }
        for (int ch = 0; ch < p->channels; ch++, at += plane)
            blend_plane(regions, bands, p->view + at, p->baseline + at, out + at);
    }
}
