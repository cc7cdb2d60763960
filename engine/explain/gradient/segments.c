/*
 * Segments: made once, on one thread. Lists of pixels, so that memory grows with what the segments cover and not with
 * their number times the picture.
 */
#include "segments.h"

#include "image/felzenszwalb.h"
#include "image/spline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 224, DILATION = 5, MIN_SIZE = 150 }; /* the picture is segmented at SIDE x SIDE */

static const double SCALES[] = {50, 100, 150, 250, 500, 1200};
enum { SCALE_COUNT = sizeof SCALES / sizeof SCALES[0] };

#define EMIT_MAX ((size_t)1 << 30)

/* ---------------------------------------------------------------- labels */

/* The input's values as planes of SIDE x SIDE, from -1 to 1 over all channels. */
static xai_status make_planes(const xai_context *c, double *planes, xai_error *err)
{
    size_t area = (size_t)c->height * (size_t)c->width;
    double *one = malloc(area * sizeof *one), low = (double)c->input[0], high = low;
    if (!one) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < c->input_count; i++) {
        low = fmin(low, (double)c->input[i]);
        high = fmax(high, (double)c->input[i]);
    }
    double range = high > low ? high - low : 1;
    xai_status status = XAI_OK;
    for (int ch = 0; ch < c->channels && status == XAI_OK; ch++) {
        double *to = planes + (size_t)ch * SIDE * SIDE;
        for (size_t i = 0; i < area; i++) {
            size_t at = i / (size_t)c->width * c->row_stride + i % (size_t)c->width * c->x_stride;
            one[i] = ((double)c->input[at + (size_t)ch * c->channel_stride] - low) / range * 2 - 1;
        }
        if (c->height == SIDE && c->width == SIDE) memcpy(to, one, area * sizeof *one);
        else status = xai_spline_resize(one, c->height, c->width, to, SIDE, SIDE, err);
        for (size_t i = 0; i < SIDE * SIDE; i++) to[i] = fmin(fmax(to[i], -1), 1);
    }
    free(one);
    return status;
}

/* labels[SCALE_COUNT * SIDE * SIDE], counts[SCALE_COUNT] */
static xai_status find_labels(const xai_context *c, int32_t *labels, int32_t *counts, xai_error *err)
{
    xai_felzenszwalb job = {.channels = c->channels, .height = SIDE, .width = SIDE, .sigma = 0.8,
                            .min_size = MIN_SIZE, .scales = SCALES, .scale_count = SCALE_COUNT};
    double *planes = malloc((size_t)c->channels * SIDE * SIDE * sizeof *planes);
    if (!planes) XAI_NO_MEMORY(err);
    xai_status status = make_planes(c, planes, err);
    if (status == XAI_OK) status = xai_felzenszwalb_run(&job, planes, labels, counts, err);
    free(planes);
    return status;
}

/* ---------------------------------------------------------------- masks */

/* Which segment each pixel of the picture belongs to, before dilation, from labels of SIDE x SIDE. */
static void spread_labels(const xai_context *c, const int32_t *labels, int32_t *of)
{
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++)
            of[y * c->width + x] =
                labels[xai_spline_nearest(SIDE, c->height, y) * SIDE + xai_spline_nearest(SIDE, c->width, x)];
}

/* The segments that hold pixel (y, x) after dilation: those with a pixel in the disk around it, each once; returns how
 * many. */
static int around(const xai_context *c, const int32_t *of, int y, int x, int32_t *found)
{
    int n = 0;
    for (int dy = -DILATION; dy <= DILATION; dy++)
        for (int dx = -DILATION; dx <= DILATION; dx++) {
            int v = y + dy, u = x + dx, k = 0;
            if (dy * dy + dx * dx > DILATION * DILATION || v < 0 || u < 0 || v >= c->height || u >= c->width) continue;
            int32_t label = of[v * c->width + u];
            while (k < n && found[k] != label) k++;
            if (k == n) found[n++] = label;
        }
    return n;
}

enum { MOST_AROUND = (2 * DILATION + 1) * (2 * DILATION + 1) };

/* Counts (pixels NULL) or lists the pixels of the segments first ... of one scale; ends[i] is moved on. */
static void visit(const xai_context *c, const int32_t *of, size_t *ends, int32_t *pixels)
{
    int32_t found[MOST_AROUND];
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++) {
            int n = around(c, of, y, x, found);
            for (int k = 0; k < n; k++) {
                if (pixels) pixels[ends[found[k]]] = (int32_t)(y * c->width + x);
                ends[found[k]]++;
            }
        }
}

/* Sums of counts become places. */
static void make_starts(xai_segments *s)
{
    size_t at = 0;
    for (size_t i = 0; i <= s->count; i++) {
        size_t n = i < s->count ? s->start[i] : 0;
        s->start[i] = at;
        at += n;
    }
}

static xai_status list_pixels(xai_segments *s, const xai_task *task, const int32_t *labels, const int32_t *counts,
                              int32_t *of, xai_error *err)
{
    const xai_context *c = task->context;
    for (int k = 0; k < SCALE_COUNT; k++) s->count += (size_t)counts[k];
    size_t *ends = XAI_NEW(task->arena, size_t, s->count), first = 0;
    if (!ends || !(s->start = XAI_NEW(task->arena, size_t, s->count + 1))) XAI_NO_MEMORY(err);
    for (int k = 0; k < SCALE_COUNT; first += (size_t)counts[k++]) {
        spread_labels(c, labels + k * SIDE * SIDE, of);
        visit(c, of, s->start + first, NULL);
    }
    make_starts(s);
    memcpy(ends, s->start, s->count * sizeof *ends);
    if (!(s->pixels = XAI_NEW(task->arena, int32_t, s->start[s->count]))) XAI_NO_MEMORY(err);
    first = 0;
    for (int k = 0; k < SCALE_COUNT; first += (size_t)counts[k++]) {
        spread_labels(c, labels + k * SIDE * SIDE, of);
        visit(c, of, ends + first, s->pixels);
    }
    return XAI_OK;
}

static xai_status find(xai_segments *s, const xai_task *task, xai_error *err)
{
    const xai_context *c = task->context;
    int32_t counts[SCALE_COUNT], *labels = malloc((size_t)SCALE_COUNT * SIDE * SIDE * sizeof *labels);
    int32_t *of = malloc((size_t)c->height * (size_t)c->width * sizeof *of);
    xai_status status = XAI_OK;
    if (!labels || !of) status = XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    if (status == XAI_OK) status = find_labels(c, labels, counts, err);
    if (status == XAI_OK) status = list_pixels(s, task, labels, counts, of, err);
    free(labels);
    free(of);
    return status;
}

/* ---------------------------------------------------------------- draws */

static xai_status replay(xai_segments *s, const xai_task *task, const xai_tensor *t, xai_error *err)
{
    const xai_context *c = task->context;
    const float *masks = t->data;
    size_t area = (size_t)c->height * (size_t)c->width, n = 0;
    XAI_CHECK(t->shape.dim[0] > 0 && t->shape.dim[1] == c->height && t->shape.dim[2] == c->width, err, BAD_TENSOR,
              "segments.npy", "segments.npy must have the shape (segments, %d, %d)", c->height, c->width);
    s->count = (size_t)t->shape.dim[0];
    for (size_t i = 0; i < s->count * area; i++) n += masks[i] != 0;
    s->start = XAI_NEW(task->arena, size_t, s->count + 1);
    s->pixels = XAI_NEW(task->arena, int32_t, n);
    if (!s->start || !s->pixels) XAI_NO_MEMORY(err);
    n = 0;
    for (size_t i = 0; i < s->count * area; i++) {
        if (masks[i] != 0) s->pixels[n++] = (int32_t)(i % area);
        s->start[i / area + 1] = n;
    }
    return XAI_OK;
}

static xai_status emit(const xai_segments *s, const xai_task *task, xai_error *err)
{
    const xai_context *c = task->context;
    size_t area = (size_t)c->height * (size_t)c->width;
    if (!task->emit_draws || s->count > EMIT_MAX / sizeof(float) / area) return XAI_OK;
    float *masks = calloc(s->count * area, sizeof *masks);
    if (!masks) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = s->start[i]; k < s->start[i + 1]; k++) masks[i * area + (size_t)s->pixels[k]] = 1;
    xai_array a = {.dtype = XAI_F32, .rank = 3, .shape = {(int64_t)s->count, c->height, c->width}, .data = masks};
    xai_status status = xai_task_emit_draws(task, "segments", &a, err);
    free(masks);
    return status;
}

xai_status xai_segments_init(xai_segments *s, xai_task *task, xai_error *err)
{
    xai_tensor t;
    bool found;
    *s = (xai_segments){0};
    XAI_TRY(xai_task_use_draws(task, "segments", 3, &t, &found, err));
    XAI_TRY(found ? replay(s, task, &t, err) : find(s, task, err));
    return emit(s, task, err);
}
