/*
 * Overlays: a map over the picture that the model saw, as PNG artifacts.
 *
 * A map of any size covers the whole view. What its colours mean (positive or signed, their ends) is decided by
 * xai_scale_of; a map that shows nothing gives the gray view and sets `degenerate`, never an error.
 */
#ifndef XAI_RENDER_OVERLAY_H
#define XAI_RENDER_OVERLAY_H

#include "base/arena.h"

/*
 * The artifact "overlay", of the view's size, without any lettering.
 *
 * `view_rgb`: height * width * 3. `map`: map_height * map_width. `degenerate` may be NULL; it is set when the map is
 * constant or has values that are not finite. NO_MEMORY; BAD_PARAM for sizes below 1.
 */
xai_status xai_render_overlay(const uint8_t *view_rgb, int width, int height, const float *map, int map_height,
                              int map_width, xai_arena *arena, xai_artifact *out, bool *degenerate, xai_error *err);

/*
 * The artifact "figure": view, overlay and colour bar side by side on white, with the ends of the scale and `title`
 * (UTF-8; NULL: none) lettered, for a person who opens the file by itself. Parameters as above.
 */
xai_status xai_render_legend(const uint8_t *view_rgb, int width, int height, const float *map, int map_height,
                             int map_width, const char *title, xai_arena *arena, xai_artifact *out, xai_error *err);

#endif
