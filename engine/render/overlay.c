/* The overlay artifact: shading, then PNG. Working memory comes from the job's arena. Thread-safe: no state. */
#include "overlay.h"

#include "image/png.h"
#include "shade.h"

xai_status xai_render_overlay(const uint8_t *view_rgb, int width, int height, const float *map, int map_height,
                              int map_width, xai_arena *arena, xai_artifact *out, bool *degenerate, xai_error *err)
{
    xai_scale scale;
    uint8_t *rgb;
    XAI_TRY(xai_shade_over(view_rgb, width, height, map, map_height, map_width, arena, &scale, &rgb, err));
    *out = (xai_artifact){
        .name = "overlay", .kind = XAI_ARTIFACT_IMAGE, .media_type = "image/png", .width = width, .height = height};
    if (degenerate) *degenerate = scale.degenerate;
    return xai_png_encode_rgb(arena, rgb, width, height, &out->bytes, &out->size, err);
}
