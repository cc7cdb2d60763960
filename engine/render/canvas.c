/*
 * Drawing by cairo on an image surface of 24-bit pixels.
 *
 * Pixels are written directly, between flush and mark_dirty, so that pictures stay exact. A cairo error sticks to its
 * context and shows in xai_canvas_artifact. One thread at a time.
 */
#include "canvas.h"

#include "image/png.h"

#include <cairo.h>
#include <math.h>

enum { MAX_SIDE = 16384 };

xai_status xai_canvas_new(int width, int height, xai_canvas **out, xai_error *err)
{
    *out = NULL;
    XAI_CHECK(width > 0 && height > 0 && width <= MAX_SIDE && height <= MAX_SIDE, err, BAD_PARAM, "size",
              "a figure of %d x %d pixels cannot be drawn", width, height);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *cr = cairo_create(surface);
    cairo_surface_destroy(surface);
    if (cairo_status(cr) != CAIRO_STATUS_SUCCESS) {
        cairo_destroy(cr);
        XAI_NO_MEMORY(err);
    }
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_select_font_face(cr, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    *out = cr;
    return XAI_OK;
}

void xai_canvas_free(xai_canvas *canvas)
{
    if (canvas) cairo_destroy(canvas);
}

void xai_canvas_picture(xai_canvas *canvas, const uint8_t *rgb, int width, int height, int x, int y)
{
    cairo_surface_t *surface = cairo_get_target(canvas);
    cairo_surface_flush(surface);
    unsigned char *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    int room_x = cairo_image_surface_get_width(surface), room_y = cairo_image_surface_get_height(surface);
    for (int j = 0; j < height; j++) {
        if (y + j < 0 || y + j >= room_y) continue;
        uint32_t *row = (uint32_t *)(void *)(data + (size_t)(y + j) * (size_t)stride);
        for (int i = 0; i < width; i++) {
            const uint8_t *p = rgb + 3 * ((size_t)j * (size_t)width + (size_t)i);
            if (x + i >= 0 && x + i < room_x) row[x + i] = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        }
    }
    cairo_surface_mark_dirty(surface);
}

void xai_canvas_text(xai_canvas *canvas, const char *text, double size, double x, double y, double align, double room)
{
    cairo_text_extents_t extents;
    cairo_set_font_size(canvas, size);
    cairo_text_extents(canvas, text, &extents);
    if (room > 0 && extents.x_advance > room) {
        cairo_set_font_size(canvas, size * room / extents.x_advance);
        cairo_text_extents(canvas, text, &extents);
    }
    cairo_set_source_rgb(canvas, 0.15, 0.15, 0.15);
    cairo_move_to(canvas, x - align * extents.x_advance, y);
    cairo_show_text(canvas, text);
}

static void set_colour(xai_canvas *canvas, uint32_t rgb, double strength)
{
    cairo_set_source_rgba(canvas, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0, strength);
}

void xai_canvas_bar(xai_canvas *canvas, double x, double y, double width, double height, uint32_t rgb)
{
    set_colour(canvas, rgb, 1);
    cairo_rectangle(canvas, x, y, width, height);
    cairo_fill(canvas);
}

void xai_canvas_line(xai_canvas *canvas, const double *x, const double *y, size_t n, double width, double dash,
                     uint32_t rgb)
{
    set_colour(canvas, rgb, 1);
    cairo_set_line_width(canvas, width);
    cairo_set_line_join(canvas, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(canvas, &dash, dash > 0 ? 1 : 0, 0);
    cairo_new_path(canvas); /* lettering leaves a point behind */
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) cairo_new_sub_path(canvas);
        else cairo_line_to(canvas, x[i], y[i]);
    }
    cairo_stroke(canvas);
    cairo_set_dash(canvas, NULL, 0, 0);
}

void xai_canvas_band(xai_canvas *canvas, const double *x, const double *low, const double *high, size_t n,
                     double strength, uint32_t rgb)
{
    set_colour(canvas, rgb, strength);
    cairo_new_path(canvas);
    for (size_t i = 0; i < n; i++) cairo_line_to(canvas, x[i], low[i]);
    for (size_t i = n; i-- > 0;) cairo_line_to(canvas, x[i], high[i]);
    cairo_close_path(canvas);
    cairo_fill(canvas);
}

void xai_canvas_dot(xai_canvas *canvas, double x, double y, double radius, uint32_t rgb)
{
    cairo_new_path(canvas);
    cairo_arc(canvas, x, y, radius, 0, 6.283185307179586);
    set_colour(canvas, rgb, 1);
    cairo_fill_preserve(canvas);
    set_colour(canvas, 0xffffff, 1);
    cairo_set_line_width(canvas, 1);
    cairo_stroke(canvas);
}

void xai_canvas_text_upright(xai_canvas *canvas, const char *text, double size, double x, double y, double room)
{
    cairo_save(canvas);
    cairo_translate(canvas, x, y);
    cairo_rotate(canvas, -1.5707963267948966);
    xai_canvas_text(canvas, text, size, 0, 0, 0.5, room);
    cairo_restore(canvas);
}

void xai_canvas_frame(xai_canvas *canvas, int x, int y, int width, int height)
{
    cairo_set_source_rgb(canvas, 0.6, 0.6, 0.6);
    cairo_set_line_width(canvas, 1);
    cairo_rectangle(canvas, x - 0.5, y - 0.5, width + 1.0, height + 1.0);
    cairo_stroke(canvas);
}

xai_status xai_canvas_artifact(xai_canvas *canvas, const char *name, xai_arena *arena, xai_artifact *out,
                               xai_error *err)
{
    XAI_CHECK(cairo_status(canvas) == CAIRO_STATUS_SUCCESS, err, INTERNAL, name, "the figure could not be drawn: %s",
              cairo_status_to_string(cairo_status(canvas)));
    cairo_surface_t *surface = cairo_get_target(canvas);
    cairo_surface_flush(surface);
    const unsigned char *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    int width = cairo_image_surface_get_width(surface), height = cairo_image_surface_get_height(surface);
    uint8_t *rgb = xai_arena_alloc(arena, (size_t)width * (size_t)height, 3), *p = rgb;
    if (!rgb) XAI_NO_MEMORY(err);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, p += 3) {
            uint32_t v = ((const uint32_t *)(const void *)(data + (size_t)y * (size_t)stride))[x];
            p[0] = (uint8_t)(v >> 16), p[1] = (uint8_t)(v >> 8), p[2] = (uint8_t)v;
        }
    *out = (xai_artifact){
        .name = name, .kind = XAI_ARTIFACT_IMAGE, .media_type = "image/png", .width = width, .height = height};
    return xai_png_encode_rgb(arena, rgb, width, height, &out->bytes, &out->size, err);
}
