/*
 * The grids are separable: a pixel takes from at most two bands of an axis. So a line of the picture blends two rows
 * of the mask into one short row of bands, and runs through the bands, within which weights are linear: plain loops
 * over x that vectorise, and no scratch memory. Superpixels look their weights up, pixel by pixel.
 *
 * Pure but for the arena in init; a regions object is read only afterwards and may be shared by threads.
 */
#include "regions.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { MOST_BANDS = 16 };

static const double FEATHER = 0.5; /* of a rectangle: where weights pass over to the neighbour */

static const char *const NAMES[] = {"tent", "hard", "feather", "superpixel"};
enum { KINDS = sizeof NAMES / sizeof NAMES[0] };

const char *xai_region_name(xai_region_kind kind) { return NAMES[kind]; }

bool xai_region_find(const char *name, xai_region_kind *out)
{
    for (int i = 0; i < KINDS; i++)
        if (strcmp(name, NAMES[i]) == 0) {
            *out = (xai_region_kind)i;
            return true;
        }
    return false;
}

/* ---------------------------------------------------------------- grids */

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

/* Band centres at (b + 1/2) / bands; halfway between two of them is the edge, about which weights pass over. */
static void feather_axis(xai_region_axis *axis, int bands, int pixels)
{
    for (int p = 0, band = -1; p < pixels; p++) {
        double at = (p + 0.5) * bands / pixels - 0.5;
        int low = at < 0 ? 0 : (int)at < bands - 2 ? (int)at : bands - 2;
        while (band < low) axis->start[++band] = p;
        axis->part[p] = (float)fmin(fmax((at - low - 0.5) / FEATHER + 0.5, 0), 1);
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
    static void (*const cut[])(xai_region_axis *, int, int) = {tent_axis, hard_axis, feather_axis};
    cut[kind](axis, bands, pixels);
    return XAI_OK;
}

xai_status xai_regions_init(xai_regions *regions, xai_region_kind kind, int rows, int cols, int height, int width,
                            xai_arena *arena, xai_error *err)
{
    assert(kind != XAI_REGION_SUPERPIXEL);
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

static double centre_of_band(xai_region_kind kind, int index, int bands)
{
    return kind == XAI_REGION_TENT ? (double)index / (bands - 1) : (index + 0.5) / bands;
}

static void extent_of_band(xai_region_kind kind, int index, int bands, double *from, double *to)
{
    bool tent = kind == XAI_REGION_TENT;
    *from = tent ? fmax((index - 0.5) / (bands - 1), 0) : (double)index / bands;
    *to = tent ? fmin((index + 0.5) / (bands - 1), 1) : (index + 1.0) / bands;
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

/* ---------------------------------------------------------------- superpixels */

xai_status xai_regions_of_labels(xai_regions *regions, const int32_t *labels, int count, int height, int width,
                                 xai_error *err)
{
    XAI_CHECK(count >= 1 && count <= XAI_MASK_MAX, err, BAD_PARAM, "params.segments",
              "the picture fell into %d superpixels; 1 to %d are served: ask for fewer", count, XAI_MASK_MAX);
    for (int64_t i = 0; i < (int64_t)height * width; i++)
        XAI_CHECK(labels[i] >= 0 && labels[i] < count, err, BAD_PARAM, "params.segments",
                  "a pixel has the label %d of %d superpixels", (int)labels[i], count);
    *regions = (xai_regions){.kind = XAI_REGION_SUPERPIXEL, .rows = 1, .cols = count, .count = count, .height = height,
                             .width = width, .labels = labels};
    return XAI_OK;
}

static void centre_of_label(const xai_regions *regions, int region, double *y, double *x)
{
    double rows = 0, cols = 0, pixels = 0;
    for (int r = 0; r < regions->height; r++)
        for (int c = 0; c < regions->width; c++) {
            if (regions->labels[r * regions->width + c] != region) continue;
            rows += r + 0.5;
            cols += c + 0.5;
            pixels++;
        }
    *y = pixels ? rows / pixels / regions->height : 0.5;
    *x = pixels ? cols / pixels / regions->width : 0.5;
}

static xai_region_extent extent_of_label(const xai_regions *regions, int region)
{
    int top = regions->height, left = regions->width, bottom = 0, right = 0;
    for (int y = 0; y < regions->height; y++)
        for (int x = 0; x < regions->width; x++) {
            if (regions->labels[y * regions->width + x] != region) continue;
            top = y < top ? y : top;
            left = x < left ? x : left;
            bottom = y + 1;
            right = x + 1 > right ? x + 1 : right;
        }
    return (xai_region_extent){(double)top / regions->height, (double)left / regions->width,
                               (double)bottom / regions->height, (double)right / regions->width};
}

/* ---------------------------------------------------------------- lines and pictures */

xai_region_extent xai_regions_extent(const xai_regions *regions, int region)
{
    if (regions->labels) return extent_of_label(regions, region);
    xai_region_extent e;
    extent_of_band(regions->kind, region / regions->cols, regions->rows, &e.top, &e.bottom);
    extent_of_band(regions->kind, region % regions->cols, regions->cols, &e.left, &e.right);
    return e;
}

void xai_regions_centre(const xai_regions *regions, int region, double *y, double *x)
{
    if (regions->labels) {
        centre_of_label(regions, region, y, x);
        return;
    }
    *y = centre_of_band(regions->kind, region / regions->cols, regions->rows);
    *x = centre_of_band(regions->kind, region % regions->cols, regions->cols);
}

void xai_regions_line(const xai_regions *regions, xai_mask mask, int y, float *out)
{
    const int32_t *labels = regions->labels ? regions->labels + (size_t)y * (size_t)regions->width : NULL;
    for (int x = 0; labels && x < regions->width; x++) out[x] = xai_mask_has(mask, labels[x]) ? 1.0f : 0.0f;
    if (labels) return;
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

static void compose_labels(const xai_regions *regions, xai_mask mask, const xai_region_picture *p, float *out)
{
    size_t plane = (size_t)regions->height * (size_t)regions->width, channels = (size_t)p->channels;
    size_t pixel = p->interleaved ? channels : 1, channel = p->interleaved ? 1 : plane;
    const float *from[XAI_MASK_MAX];
    for (int i = 0; i < regions->count; i++) from[i] = xai_mask_has(mask, i) ? p->view : p->baseline;
    for (size_t ch = 0; ch < channels; ch++)
        for (size_t i = 0, at = ch * channel; i < plane; i++, at += pixel) out[at] = from[regions->labels[i]][at];
}

void xai_regions_compose(const xai_regions *regions, xai_mask mask, const xai_region_picture *p, float *out)
{
    size_t width = (size_t)regions->width, plane = (size_t)regions->height * width;
    int kept = xai_mask_count(mask);
    if (kept == regions->count || kept == 0) {
        memcpy(out, kept ? p->view : p->baseline, (size_t)p->channels * plane * sizeof *out);
        return;
    }
    if (regions->labels) {
        compose_labels(regions, mask, p, out);
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
