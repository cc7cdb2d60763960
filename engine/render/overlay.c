/* The overlay artifact: shading, then PNG. Working memory comes from the job's arena. Thread-safe: no state. */
#include "overlay.h"

#include "image/png.h"
#include "shade.h"

#include <math.h>

static const double OPACITY = 0.5;

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
    xai_shade shade = {.view_rgb = view_rgb, .width = width, .height = height, .map = map, .map_width = map_width,
                       .map_height = map_height, .opacity = OPACITY};
    xai_shade_rgb(&shade, scale, scratch, *rgb);
    return XAI_OK;
}

xai_status xai_render_overlay(const uint8_t *view_rgb, int width, int height, const float *map, int map_height,
                              int map_width, xai_arena *arena, xai_artifact *out, bool *degenerate, xai_error *err)
{
    xai_scale scale;
    uint8_t *rgb;
    XAI_TRY(xai_shade_over(view_rgb, width, height, map, map_height, map_width, arena, &scale, &rgb, err));
    *out = (xai_artifact){.name = "overlay", .kind = XAI_ARTIFACT_IMAGE, .media_type = "image/png", .width = width,
                          .height = height};
    if (degenerate) *degenerate = scale.degenerate;
    return xai_png_encode_rgb(arena, rgb, width, height, &out->bytes, &out->size, err);
}
