/* View, overlay and colour bar in one figure. Thread-safe: no state. */
#include "canvas.h"
#include "overlay.h"
#include "shade.h"

#include <stdio.h>

enum { MARGIN = 12, GAP = 12, BAR = 16, LABELS = 64, TITLE = 26 };
static const double TEXT = 12, TITLE_TEXT = 14;

/* The bar's colours as they appear in the overlay's scale, strongest on top. */
static xai_status draw_bar(xai_canvas *canvas, const xai_scale *scale, int x, int y, int height, xai_arena *arena,
                           xai_error *err)
{
    uint8_t *rgb = xai_arena_alloc(arena, (size_t)height * BAR, 3);
    if (!rgb) XAI_NO_MEMORY(err);
    const xai_colormap *map = xai_scale_colormap(scale);
    for (int j = 0; j < height; j++)
        for (int i = 0; i < BAR; i++)
            xai_colormap_rgb(map, height > 1 ? 1.0 - (double)j / (height - 1) : 1.0, rgb + 3 * (j * BAR + i));
    xai_canvas_picture(canvas, rgb, BAR, height, x, y);
    xai_canvas_frame(canvas, x, y, BAR, height);
    return XAI_OK;
}

static void draw_label(xai_canvas *canvas, const char *relation, double value, double x, double y)
{
    char text[40];
    snprintf(text, sizeof text, "%s%.3g", relation, value);
    xai_canvas_text(canvas, text, TEXT, x, y, 0, LABELS - 8);
}

static void draw_labels(xai_canvas *canvas, const xai_scale *scale, int x, int y, int height)
{
    draw_label(canvas, scale->clipped ? "\u2265 " : "", scale->high, x, y + TEXT * 0.8);
    draw_label(canvas, scale->clipped && scale->is_signed ? "\u2264 " : "", scale->low, x, y + height);
    if (scale->is_signed && height > 4 * (int)TEXT) draw_label(canvas, "", 0, x, y + height / 2.0 + TEXT * 0.35);
}

xai_status xai_render_legend(const uint8_t *view_rgb, int width, int height, const float *map, int map_height,
                             int map_width, const char *title, xai_arena *arena, xai_artifact *out, xai_error *err)
{
    xai_scale scale;
    uint8_t *overlay;
    xai_canvas *canvas = NULL;
    xai_status status = XAI_OK;
    XAI_TRY(xai_shade_over(view_rgb, width, height, map, map_height, map_width, arena, &scale, &overlay, err));
    int top = MARGIN + (title ? TITLE : 0), second = MARGIN + width + GAP, bar = second + width + GAP;
    int full_width = bar + BAR + LABELS + MARGIN;
    XAI_TRY(xai_canvas_new(full_width, top + height + MARGIN, &canvas, err));
    if (title) xai_canvas_text(canvas, title, TITLE_TEXT, MARGIN, MARGIN + TITLE_TEXT, 0, full_width - 2 * MARGIN);
    xai_canvas_picture(canvas, view_rgb, width, height, MARGIN, top);
    xai_canvas_picture(canvas, overlay, width, height, second, top);
    if (scale.flat) {
        xai_canvas_text(canvas, "flat map", TEXT, bar, top + TEXT, 0, BAR + LABELS);
    } else {
        XAI_TRY_OUT(draw_bar(canvas, &scale, bar, top, height, arena, err));
        draw_labels(canvas, &scale, bar + BAR + 6, top, height);
    }
    status = xai_canvas_artifact(canvas, "figure", arena, out, err);
out:
    xai_canvas_free(canvas);
    return status;
}
