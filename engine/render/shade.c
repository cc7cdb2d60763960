/*
 * Scale, upsampling, colour, blending over the gray view: over its own colours, a red cup would look like a strong
 * value.
 *
 * Positive maps run from their minimum to their maximum, signed ones symmetrically around 0, so that a colour's side
 * tells the sign. Gradient maps at pixel resolution have a few values far above all others; their scale ends at the
 * 99.5th percentile, without which they would show as one dark plane. Thread-safe: no state.
 */
#include "shade.h"

#include "image/upsample.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { FINE_MAP = 64 * 64, BINS = 4096 };
static const double OPACITY = 0.5, KEPT = 0.995;

/* Share of the opacity where a signed map is 0, and what its strongest values get beside: the white middle of the
 * diverging colours would else wash the picture out. */
static const double NEUTRAL = 0.5, STRONGER = 1.2;

/* The value below which KEPT of the magnitudes lie, to a bin's width; `top` is the largest. */
static double percentile(const float *map, size_t count, double top)
{
    size_t bins[BINS] = {0}, seen = 0, finite = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(map[i])) continue;
        int bin = (int)(fabs((double)map[i]) / top * (BINS - 1));
        bins[bin]++;
        finite++;
    }
    for (int i = 0; i < BINS; i++) {
        seen += bins[i];
        if ((double)seen >= KEPT * (double)finite) return top * (i + 1) / (BINS - 1);
    }
    return top;
}

static void clip_tail(xai_scale *s, const float *map, size_t count)
{
    double top = fmax(fabs((double)s->min), fabs((double)s->max)), cut = percentile(map, count, top);
    if (cut >= s->high || cut <= s->low) return;
    s->clipped = true;
    s->high = cut;
    if (s->is_signed) s->low = -cut;
}

xai_scale xai_scale_of(const float *map, size_t count)
{
    xai_scale s = {.min = INFINITY, .max = -INFINITY};
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(map[i])) {
            s.degenerate = true;
            continue;
        }
        s.min = fminf(s.min, map[i]);
        s.max = fmaxf(s.max, map[i]);
    }
    if (s.min > s.max) s.min = s.max = 0;
    if (s.min == s.max) {
        s.degenerate = s.flat = true;
        s.low = s.high = s.min;
        return s;
    }
    s.is_signed = s.min < 0 && -(double)s.min * 1000 >= (double)s.max;
    s.high = s.is_signed ? fmax((double)s.max, -(double)s.min) : (double)s.max;
    s.low = s.is_signed ? -s.high : (double)s.min;
    if (count >= FINE_MAP) clip_tail(&s, map, count);
    return s;
}

const xai_colormap *xai_scale_colormap(const xai_scale *scale)
{
    return xai_colormap_find(scale->is_signed ? "bluered" : "turbo");
}

static void gray_view(const uint8_t *rgb, size_t pixels, uint8_t *out)
{
    for (size_t i = 0; i < pixels; i++, rgb += 3, out += 3)
        memset(out, (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16, 3);
}

static void blend(const uint8_t colour[3], double opacity, uint8_t pixel[3])
{
    for (int c = 0; c < 3; c++) pixel[c] = (uint8_t)(pixel[c] + (colour[c] - pixel[c]) * opacity + 0.5);
}

void xai_shade_rgb(const xai_shade *shade, const xai_scale *scale, float *scratch, uint8_t *out)
{
    assert(shade->width > 0 && shade->height > 0 && shade->map_width > 0 && shade->map_height > 0);
    size_t pixels = (size_t)shade->width * (size_t)shade->height;
    gray_view(shade->view_rgb, pixels, out);
    if (scale->flat) return;
    uint8_t table[256][3];
    xai_colormap_table(xai_scale_colormap(scale), table);
    xai_upsample_bilinear(shade->map, shade->map_height, shade->map_width, scratch, shade->height, shade->width,
                          false);
    double span = scale->high - scale->low;
    for (size_t i = 0; i < pixels; i++) {
        double t = (scratch[i] - scale->low) / span, opacity = shade->opacity;
        t = t >= 1 ? 1 : t > 0 ? t : 0;
        if (scale->is_signed) opacity = fmin(1.0, opacity * (NEUTRAL + STRONGER * fabs(2 * t - 1)));
        blend(table[(int)(t * 255 + 0.5)], opacity, out + 3 * i);
    }
}

/* A copy with 0 for what is not finite, so that a NaN does not spread over its neighbours; NULL without memory. */
static const float *finite_copy(const float *map, size_t count, xai_arena *arena)
{
    float *copy = XAI_NEW(arena, float, count);
    for (size_t i = 0; copy && i < count; i++) copy[i] = isfinite(map[i]) ? map[i] : 0.0f;
    return copy;
}

xai_status xai_shade_over(const uint8_t *view_rgb, int width, int height, const float *map, int map_height,
                          int map_width, xai_arena *arena, xai_scale *scale, uint8_t **rgb, xai_error *err)
{
    XAI_CHECK(width > 0 && height > 0 && map_width > 0 && map_height > 0, err, BAD_PARAM, "map",
              "a map of %d x %d cannot be shown over %d x %d pixels", map_width, map_height, width, height);
    size_t pixels = (size_t)width * (size_t)height;
    size_t count = (size_t)map_width * (size_t)map_height;
    float *scratch = XAI_NEW(arena, float, pixels);
    *rgb = xai_arena_alloc(arena, pixels, 3);
    *scale = xai_scale_of(map, count);
    if (scale->degenerate) map = finite_copy(map, count, arena);
    if (!scratch || !*rgb || !map) XAI_NO_MEMORY(err);
    xai_shade shade = {.view_rgb = view_rgb,
                       .width = width,
                       .height = height,
                       .map = map,
                       .map_width = map_width,
                       .map_height = map_height,
                       .opacity = OPACITY};
    xai_shade_rgb(&shade, scale, scratch, *rgb);
    return XAI_OK;
}
