/*
 * Two passes over bytes, in the order that Pillow takes them; each output byte is a fixed-point sum in source order.
 *
 * Only the rows and columns that the window needs are computed; since every output depends on its own weights alone,
 * the bytes are those of the whole picture. Thread-safe: no state.
 */
#include "resize.h"

#include "weights.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint8_t clip(int32_t sum)
{
    int32_t v = sum >> XAI_WEIGHT_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* One row; `row` begins at source column `origin`. */
static void row_pass(const xai_weights *w, const uint8_t *row, int origin, uint8_t *out)
{
    const int32_t half = 1 << (XAI_WEIGHT_BITS - 1);
    for (int x = 0; x < w->count; x++, out += 3) {
        const uint8_t *p = row + 3 * (size_t)(w->first[x] - origin);
        const int32_t *k = w->weight + (size_t)x * (size_t)w->stride;
        int32_t r = half, g = half, b = half;
        for (int t = 0; t < w->taps[x]; t++, p += 3) {
            r += p[0] * k[t];
            g += p[1] * k[t];
            b += p[2] * k[t];
        }
        out[0] = clip(r), out[1] = clip(g), out[2] = clip(b);
    }
}

/* `length` bytes of output row `y`; `rows` begins at its first source row, rows lie `stride` bytes apart; `sums`
 * holds `length` integers. */
static void column_pass(const xai_weights *w, int y, const uint8_t *rows, size_t stride, size_t length, int32_t *sums,
                        uint8_t *out)
{
    const int32_t *k = w->weight + (size_t)y * (size_t)w->stride;
    for (size_t i = 0; i < length; i++) sums[i] = 1 << (XAI_WEIGHT_BITS - 1);
    for (int t = 0; t < w->taps[y]; t++, rows += stride)
        for (size_t i = 0; i < length; i++) sums[i] += rows[i] * k[t];
    for (size_t i = 0; i < length; i++) out[i] = clip(sums[i]);
}

/* The source elements first .. end - 1 that the weights touch; both ends grow with the output's index. */
static void span_of(const xai_weights *w, int *first, int *end)
{
    *first = w->first[0];
    *end = w->first[w->count - 1] + w->taps[w->count - 1];
}

typedef struct passes {
    const uint8_t *rgb;
    size_t stride; /* of a source row, in bytes */
    const xai_weights *across, *down;
    uint8_t *middle; /* between the passes */
    int32_t *sums;
    uint8_t *out;
} passes;

static xai_status passes_alloc(passes *p, size_t middle, size_t sums, xai_error *err)
{
    p->middle = malloc(middle);
    p->sums = malloc(sums * sizeof(int32_t));
    if (!p->middle || !p->sums) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status across_then_down(passes *p, xai_error *err)
{
    int first, end;
    span_of(p->down, &first, &end);
    size_t length = 3 * (size_t)p->across->count;
    XAI_TRY(passes_alloc(p, length * (size_t)(end - first), length, err));
    for (int y = first; y < end; y++)
        row_pass(p->across, p->rgb + p->stride * (size_t)y, 0, p->middle + length * (size_t)(y - first));
    for (int y = 0; y < p->down->count; y++)
        column_pass(p->down, y, p->middle + length * (size_t)(p->down->first[y] - first), length, length, p->sums,
                    p->out + length * (size_t)y);
    return XAI_OK;
}

static xai_status down_then_across(passes *p, xai_error *err)
{
    int first, end;
    span_of(p->across, &first, &end);
    size_t length = 3 * (size_t)(end - first);
    XAI_TRY(passes_alloc(p, length, length, err));
    for (int y = 0; y < p->down->count; y++) {
        const uint8_t *rows = p->rgb + p->stride * (size_t)p->down->first[y] + 3 * (size_t)first;
        column_pass(p->down, y, rows, p->stride, length, p->sums, p->middle);
        row_pass(p->across, p->middle, first, p->out + 3 * (size_t)p->across->count * (size_t)y);
    }
    return XAI_OK;
}

/* Pillow's choice since version 13; up to 12 the horizontal pass always came first. */
static bool down_first(const xai_resize *r)
{
    return r->out_height < r->height && r->height - r->out_height > 2 * (r->width - r->out_width);
}

/* A pass along an axis that keeps its length weighs each element with 1: the same bytes as no pass. */
static xai_status smooth(const xai_resize *r, const uint8_t *rgb, xai_window window, uint8_t *out, xai_error *err)
{
    xai_weights across = {0}, down = {0};
    passes p = {.rgb = rgb, .stride = 3 * (size_t)r->width, .across = &across, .down = &down, .out = out};
    xai_status status;
    XAI_TRY_OUT(
        xai_weights_init(&across, r->filter, r->antialias, r->width, r->out_width, window.x, window.width, err));
    XAI_TRY_OUT(
        xai_weights_init(&down, r->filter, r->antialias, r->height, r->out_height, window.y, window.height, err));
    status = down_first(r) ? down_then_across(&p, err) : across_then_down(&p, err);
out:
    free(p.middle);
    free(p.sums);
    xai_weights_deinit(&across);
    xai_weights_deinit(&down);
    return status;
}

/* Pillow adds up the position step by step, which rounds differently from a product. */
static void nearest_positions(int length, int out_length, int from, int count, int *position)
{
    double step = (double)length / out_length, at = step * 0.5;
    for (int i = 0; i < from + count; i++, at += step)
        if (i >= from) position[i - from] = (int)at < length ? (int)at : length - 1;
}

static xai_status nearest(const xai_resize *r, const uint8_t *rgb, xai_window window, uint8_t *out, xai_error *err)
{
    int *xs = calloc((size_t)window.width, sizeof(int)), *ys = calloc((size_t)window.height, sizeof(int));
    if (!xs || !ys) {
        free(xs);
        free(ys);
        XAI_NO_MEMORY(err);
    }
    nearest_positions(r->width, r->out_width, window.x, window.width, xs);
    nearest_positions(r->height, r->out_height, window.y, window.height, ys);
    for (int y = 0; y < window.height; y++)
        for (int x = 0; x < window.width; x++, out += 3)
            memcpy(out, rgb + 3 * ((size_t)ys[y] * (size_t)r->width + (size_t)xs[x]), 3);
    free(xs);
    free(ys);
    return XAI_OK;
}

xai_status xai_resize_rgb(const xai_resize *resize, const uint8_t *rgb, xai_window window, uint8_t *out,
                          xai_error *err)
{
    assert(resize->width > 0 && resize->height > 0 && window.width > 0 && window.height > 0);
    assert(window.x >= 0 && window.x <= resize->out_width - window.width);
    assert(window.y >= 0 && window.y <= resize->out_height - window.height);
    if (resize->filter == XAI_FILTER_NEAREST) return nearest(resize, rgb, window, out, err);
    return smooth(resize, rgb, window, out, err);
}
