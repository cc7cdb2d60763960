/*
 * Two passes, horizontal first, over bytes; each output byte is a fixed-point sum in source order.
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

static void row_pass(const xai_weights *w, const uint8_t *row, uint8_t *out)
{
    const int32_t half = 1 << (XAI_WEIGHT_BITS - 1);
    for (int x = 0; x < w->count; x++, out += 3) {
        const uint8_t *p = row + 3 * (size_t)w->first[x];
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

/* Output row `y` from rows of `length` bytes; `sums` holds `length` integers. */
static void column_pass(const xai_weights *w, int y, const uint8_t *rows, size_t length, int32_t *sums, uint8_t *out)
{
    const int32_t *k = w->weight + (size_t)y * (size_t)w->stride;
    for (size_t i = 0; i < length; i++) sums[i] = 1 << (XAI_WEIGHT_BITS - 1);
    for (int t = 0; t < w->taps[y]; t++, rows += length)
        for (size_t i = 0; i < length; i++) sums[i] += rows[i] * k[t];
    for (size_t i = 0; i < length; i++) out[i] = clip(sums[i]);
}

/* The source rows that the vertical weights touch. */
static void rows_needed(const xai_weights *w, int *first, int *end)
{
    *first = w->first[0];
    *end = w->first[w->count - 1] + w->taps[w->count - 1];
    for (int i = 0; i < w->count; i++) {
        if (w->first[i] < *first) *first = w->first[i];
        if (w->first[i] + w->taps[i] > *end) *end = w->first[i] + w->taps[i];
    }
}

/* A pass whose length does not change is left out, as Pillow does. */
static xai_status two_passes(const xai_resize *r, const xai_weights *across, const xai_weights *down,
                             const uint8_t *rgb, xai_window window, uint8_t *out, xai_error *err)
{
    size_t length = 3 * (size_t)window.width;
    int first = window.y, end = window.y + window.height;
    if (down->count) rows_needed(down, &first, &end);
    uint8_t *middle = malloc(length * (size_t)(end - first));
    int32_t *sums = malloc(length * sizeof(int32_t));
    if (!middle || !sums) {
        free(middle);
        free(sums);
        XAI_NO_MEMORY(err);
    }
    for (int y = first; y < end; y++) {
        const uint8_t *row = rgb + 3 * (size_t)r->width * (size_t)y;
        uint8_t *to = middle + length * (size_t)(y - first);
        if (across->count) row_pass(across, row, to);
        else memcpy(to, row + 3 * (size_t)window.x, length);
    }
    for (int y = 0; y < window.height; y++) {
        int from = down->count ? down->first[y] - first : y;
        const uint8_t *rows = middle + length * (size_t)from;
        uint8_t *to = out + length * (size_t)y;
        if (down->count) column_pass(down, y, rows, length, sums, to);
        else memcpy(to, rows, length);
    }
    free(middle);
    free(sums);
    return XAI_OK;
}

static xai_status smooth(const xai_resize *r, const uint8_t *rgb, xai_window window, uint8_t *out, xai_error *err)
{
    xai_weights across = {0}, down = {0};
    xai_status status = XAI_OK;
    if (r->width != r->out_width)
        XAI_TRY_OUT(xai_weights_init(&across, r->filter, r->antialias, r->width, r->out_width, window.x,
                                     window.width, err));
    if (r->height != r->out_height)
        XAI_TRY_OUT(xai_weights_init(&down, r->filter, r->antialias, r->height, r->out_height, window.y,
                                     window.height, err));
    status = two_passes(r, &across, &down, rgb, window, out, err);
out:
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
