/* Partitions of the input: made, replayed, composed, painted. One thread makes and paints. */
#include "features.h"

#include "explain/picture.h"
#include "image/segment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* scikit-image's quick shift as lime calls it. */
static const xai_quickshift QUICKSHIFT = {.kernel_size = 4, .max_dist = 200, .ratio = 0.2};
enum { QUICKSHIFT_AREA = 1500 }; /* pixels of its segments on photos, about */

double xai_features_expected(const xai_model *model, const xai_feature_params *p)
{
    int64_t height, width;
    xai_model_input_sides(model, &height, &width);
    switch ((xai_feature_kind)p->features) {
    case XAI_FEATURES_GRID: return (double)(p->grid * p->grid);
    case XAI_FEATURES_SLIC: return (double)p->segments;
    case XAI_FEATURES_QUICKSHIFT: break;
    }
    return 1 + floor((double)(height * width) / QUICKSHIFT_AREA);
}

xai_status xai_features_check(const xai_model *model, const void *params, xai_error *err)
{
    const xai_feature_params *p = params;
    int64_t height, width;
    xai_model_input_sides(model, &height, &width);
    XAI_CHECK(p->features != XAI_FEATURES_GRID || (p->grid <= height && p->grid <= width), err, BAD_PARAM,
              "params.grid", "%lld cells a side do not fit into the model's input of %lld x %lld", (long long)p->grid,
              (long long)width, (long long)height);
    return XAI_OK;
}

/* ---------------------------------------------------------------- partition */

static int32_t cell_of(const xai_context *c, int64_t grid, int y, int x)
{
    /* row r begins at floor(r * height / grid) */
    int64_t row = ((y + 1) * grid - 1) / c->height, col = ((x + 1) * grid - 1) / c->width;
    return (int32_t)(row * grid + col);
}

static void cut_grid(xai_features *f, int64_t grid)
{
    const xai_context *c = f->context;
    for (int y = 0, i = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++) f->labels[i++] = cell_of(c, grid, y, x);
    f->count = (size_t)(grid * grid);
    f->rows = f->cols = (int)grid;
}

static xai_status cut_superpixels(xai_features *f, const xai_feature_params *p, xai_error *err)
{
    const xai_context *c = f->context;
    double *rgb = malloc((size_t)c->height * (size_t)c->width * 3 * sizeof *rgb);
    if (!rgb) XAI_NO_MEMORY(err);
    xai_context_picture(c, rgb);
    xai_picture picture = {rgb, c->height, c->width};
    xai_slic slic = {(int)p->segments, p->compactness, p->smoothing};
    int count = 0;
    xai_status status = p->features == XAI_FEATURES_SLIC
                            ? xai_segment_slic(&picture, &slic, c->token, f->labels, &count, err)
                            : xai_segment_quickshift(&picture, &QUICKSHIFT, c->token, f->labels, &count, err);
    free(rgb);
    f->count = (size_t)count;
    return status;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Labels are the ranks of the given numbers. */
static xai_status number_segments(xai_features *f, const float *given, size_t pixels, xai_error *err)
{
    float *sorted = XAI_NEW(f->context->arena, float, pixels);
    if (!sorted) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < pixels; i++)
        XAI_CHECK(isfinite(given[i]), err, BAD_TENSOR, "segments.npy", "segments.npy holds a number that is not finite");
    memcpy(sorted, given, pixels * sizeof *sorted);
    qsort(sorted, pixels, sizeof *sorted, by_value);
    f->count = 1;
    for (size_t i = 1; i < pixels; i++)
        if (sorted[i] > sorted[i - 1]) sorted[f->count++] = sorted[i];
    for (size_t i = 0; i < pixels; i++) {
        const float *at = bsearch(&given[i], sorted, f->count, sizeof *sorted, by_value);
        f->labels[i] = (int32_t)(at - sorted);
    }
    return XAI_OK;
}

static xai_status replay(xai_features *f, const xai_task *task, const xai_feature_params *p, xai_error *err)
{
    const xai_context *c = f->context;
    xai_tensor t;
    bool found;
    XAI_TRY(xai_task_use_draws(task, "segments", 2, &t, &found, err));
    XAI_CHECK(t.shape.dim[0] == c->height && t.shape.dim[1] == c->width, err, BAD_TENSOR, "segments.npy",
              "segments.npy must have the shape of the model's input, %d x %d", c->height, c->width);
    size_t pixels = (size_t)c->height * (size_t)c->width;
    XAI_TRY(number_segments(f, t.data, pixels, err));
    bool is_grid = p->features == XAI_FEATURES_GRID && p->grid <= c->height && p->grid <= c->width;
    for (size_t i = 0; is_grid && i < pixels; i++)
        is_grid = f->labels[i] == cell_of(c, p->grid, (int)(i / (size_t)c->width), (int)(i % (size_t)c->width));
    f->rows = f->cols = is_grid ? (int)p->grid : 0;
    return XAI_OK;
}

static xai_status emit(const xai_features *f, const xai_task *task, xai_error *err)
{
    if (!task->emit_draws) return XAI_OK;
    size_t pixels = (size_t)f->context->height * (size_t)f->context->width;
    float *values = XAI_NEW(task->arena, float, pixels);
    if (!values) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < pixels; i++) values[i] = (float)f->labels[i];
    xai_array a = {.dtype = XAI_F32, .rank = 2, .shape = {f->context->height, f->context->width}, .data = values};
    return xai_task_emit_draws(task, "segments", &a, err);
}

/* ---------------------------------------------------------------- baseline */

static size_t element(const xai_context *c, size_t channel, size_t pixel)
{
    size_t width = (size_t)c->width;
    return channel * c->channel_stride + pixel / width * c->row_stride + pixel % width * c->x_stride;
}

/* Every feature in its own mean colour. */
static xai_status average(const xai_features *f, xai_error *err)
{
    const xai_context *c = f->context;
    size_t pixels = (size_t)c->height * (size_t)c->width;
    double *sums = XAI_NEW(c->arena, double, f->count), *sizes = XAI_NEW(c->arena, double, f->count);
    if (!sums || !sizes) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < pixels; i++) sizes[f->labels[i]]++;
    for (size_t ch = 0; ch < (size_t)c->channels; ch++) {
        memset(sums, 0, f->count * sizeof *sums);
        for (size_t i = 0; i < pixels; i++) sums[f->labels[i]] += (double)c->input[element(c, ch, i)];
        for (size_t i = 0; i < pixels; i++)
            f->baseline[element(c, ch, i)] = (float)(sums[f->labels[i]] / sizes[f->labels[i]]);
    }
    return XAI_OK;
}

static void average_bytes(const xai_features *f, const uint64_t *sizes, uint64_t *sums, uint8_t *out)
{
    const xai_context *c = f->context;
    size_t pixels = (size_t)c->height * (size_t)c->width;
    for (size_t k = 0; k < 3; k++) {
        memset(sums, 0, f->count * sizeof *sums);
        for (size_t i = 0; i < pixels; i++) sums[f->labels[i]] += c->view[3 * i + k];
        for (size_t i = 0; i < pixels; i++) out[3 * i + k] = (uint8_t)(sums[f->labels[i]] / sizes[f->labels[i]]);
    }
}

xai_status xai_features_hide_in_bytes(xai_features *f, xai_error *err)
{
    const xai_context *c = f->context;
    size_t pixels = (size_t)c->height * (size_t)c->width;
    if (!c->view) return XAI_OK;
    uint64_t *sizes = XAI_NEW(c->arena, uint64_t, 2 * f->count);
    uint8_t *view = XAI_NEW(c->arena, uint8_t, 3 * pixels);
    if (!sizes || !view) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < pixels; i++) sizes[f->labels[i]]++;
    average_bytes(f, sizes, sizes + f->count, view);
    xai_context_from_view(c, view, f->baseline);
    return XAI_OK;
}

xai_status xai_features_init(xai_features *f, xai_task *task, const xai_feature_params *p, xai_error *err)
{
    xai_context *c = task->context;
    *f = (xai_features){.context = c};
    f->labels = XAI_NEW(task->arena, int32_t, (size_t)c->height * (size_t)c->width);
    f->baseline = XAI_NEW(task->arena, float, c->input_count);
    if (!f->labels || !f->baseline) XAI_NO_MEMORY(err);
    if (xai_task_has_draws(task, "segments")) XAI_TRY(replay(f, task, p, err));
    else if (p->features == XAI_FEATURES_GRID) cut_grid(f, p->grid);
    else XAI_TRY(cut_superpixels(f, p, err));
    XAI_CHECK(f->count <= XAI_MOST_FEATURES, err, TOO_LARGE, "params.features",
              "the picture fell into %zu features; at most %d are served: take a coarser partition", f->count,
              XAI_MOST_FEATURES);
    XAI_TRY(emit(f, task, err));
    if (p->baseline == XAI_BASELINE_KINDS) return average(f, err);
    return xai_context_baseline(c, (xai_baseline)p->baseline, p->sigma, f->baseline, err);
}

/* ---------------------------------------------------------------- use */

void xai_features_compose(const xai_features *f, const uint8_t *keep, float *input)
{
    const xai_context *c = f->context;
    for (size_t ch = 0; ch < (size_t)c->channels; ch++)
        for (size_t y = 0; y < (size_t)c->height; y++) {
            const int32_t *labels = f->labels + y * (size_t)c->width;
            size_t at = ch * c->channel_stride + y * c->row_stride;
            for (size_t x = 0; x < (size_t)c->width; x++, at += c->x_stride)
                input[at] = keep[labels[x]] ? c->input[at] : f->baseline[at];
        }
}

xai_status xai_features_add_map(const xai_features *f, xai_task *task, const char *name, const double *values,
                                xai_error *err)
{
    int rows = f->rows ? f->rows : f->context->height, cols = f->rows ? f->cols : f->context->width;
    size_t n = (size_t)rows * (size_t)cols;
    float *map = XAI_NEW(task->arena, float, n);
    if (!map) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) map[i] = (float)values[f->rows ? i : (size_t)f->labels[i]];
    return xai_task_add_map(task, name, map, rows, cols, err);
}

typedef struct place {
    double row, col, pixels; /* sums of a feature's pixels; their number */
} place;

static place *places_of(const xai_features *f, xai_arena *arena)
{
    place *places = XAI_NEW(arena, place, f->count);
    size_t width = (size_t)f->context->width;
    for (size_t i = 0; places && i < (size_t)f->context->height * width; i++) {
        place *p = &places[f->labels[i]];
        p->row += (double)(i / width);
        p->col += (double)(i % width);
        p->pixels++;
    }
    return places;
}

xai_status xai_features_add_table(const xai_features *f, xai_task *task, const double *values, const double *errors,
                                  xai_error *err)
{
    static const char *const NAMES[] = {"feature", "row", "col", "pixels", "value", "standard_error"};
    xai_arena *arena = task->arena;
    place *places = places_of(f, arena);
    if (!places) XAI_NO_MEMORY(err);
    xai_doc *table = xai_doc_object(arena), *columns = xai_doc_array(arena), *rows = xai_doc_array(arena);
    for (size_t i = 0; i < (errors ? 6 : 5); i++) xai_doc_push(columns, xai_doc_text(arena, NAMES[i]));
    for (size_t i = 0; i < f->count; i++) {
        xai_doc *row = xai_doc_array(arena);
        xai_doc_push(row, xai_doc_int(arena, (int64_t)i));
        xai_doc_push(row, xai_doc_real(arena, places[i].row / places[i].pixels));
        xai_doc_push(row, xai_doc_real(arena, places[i].col / places[i].pixels));
        xai_doc_push(row, xai_doc_int(arena, (int64_t)places[i].pixels));
        xai_doc_push(row, xai_doc_real(arena, values[i]));
        if (errors) xai_doc_push(row, xai_doc_real(arena, errors[i]));
        xai_doc_push(rows, row);
    }
    xai_doc_put(table, "columns", columns);
    xai_doc_put(table, "rows", rows);
    return xai_task_add_doc(task, "features", XAI_ARTIFACT_TABLE, table, err);
}

xai_status xai_features_add_shares(const xai_features *f, xai_task *task, const double *values, const double *errors,
                                   double empty, xai_error *err)
{
    double sum = 0;
    for (size_t i = 0; i < f->count; i++) sum += values[i];
    XAI_TRY(xai_task_add_metric(task, "completeness_error", sum - (task->base - empty), err));
    XAI_TRY(xai_features_add_map(f, task, "map", values, err));
    return xai_features_add_table(f, task, values, errors, err);
}
