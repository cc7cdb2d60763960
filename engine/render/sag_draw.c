/* The strokes of a graph's picture, by cairo. One thread; the canvas is its own. */
#include "sag_draw.h"

#include <cairo.h>
#include <math.h>
#include <string.h>

/* The view with all but the mask's regions dimmed and grayed, into d->masked. */
static void dim_view(xai_sag_drawing *d, xai_mask mask)
{
    const xai_sag_plan *plan = d->plan;
    for (int y = 0; y < plan->view_height; y++) {
        xai_regions_line(&plan->regions, mask, y, d->line);
        size_t at = 3 * (size_t)y * (size_t)plan->view_width;
        for (int x = 0; x < plan->view_width; x++, at += 3) {
            const uint8_t *p = plan->view + at;
            double w = (double)d->line[x], gray = xai_sag_dimmed(p);
            for (int c = 0; c < 3; c++) d->masked[at + (size_t)c] = (uint8_t)lround(w * p[c] + (1 - w) * gray);
        }
    }
}

/* d->masked, scaled into a square. */
static void paint_masked(const xai_sag_drawing *d, int x, int y, int side)
{
    int width = d->plan->view_width, height = d->plan->view_height;
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    unsigned char *data = cairo_image_surface_get_data(surface);
    if (!data) { /* the surface's error sticks to the canvas and is told at the end */
        cairo_set_source_surface(d->canvas, surface, 0, 0);
        cairo_surface_destroy(surface);
        return;
    }
    size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    const uint8_t *p = d->masked;
    for (size_t j = 0; j < (size_t)height; j++) {
        uint32_t *row = (uint32_t *)(void *)(data + j * stride);
        for (size_t i = 0; i < (size_t)width; i++, p += 3)
            row[i] = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    }
    cairo_surface_mark_dirty(surface);
    cairo_save(d->canvas);
    cairo_translate(d->canvas, x, y);
    cairo_scale(d->canvas, (double)side / width, (double)side / height);
    cairo_set_source_surface(d->canvas, surface, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(d->canvas), CAIRO_FILTER_GOOD);
    cairo_pattern_set_extend(cairo_get_source(d->canvas), CAIRO_EXTEND_PAD);
    cairo_rectangle(d->canvas, 0, 0, width, height);
    cairo_fill(d->canvas);
    cairo_restore(d->canvas);
    cairo_surface_destroy(surface);
}

static void add_piece(void *user, int x0, int y0, int x1, int y1)
{
    cairo_move_to(user, x0, y0);
    cairo_line_to(user, x1, y1);
}

/* The border of a superpixel, in the view's own measure; of a grid's region the rectangle where it weighs most. */
static void trace_region(const xai_sag_drawing *d, int region, int x, int y, int side, double line)
{
    const xai_sag_plan *plan = d->plan;
    if (plan->regions.labels) {
        cairo_save(d->canvas);
        cairo_translate(d->canvas, x, y);
        cairo_scale(d->canvas, (double)side / plan->view_width, (double)side / plan->view_height);
        xai_sag_border(plan, region, add_piece, d->canvas);
        cairo_restore(d->canvas);
        return;
    }
    xai_region_extent o = xai_regions_extent(&plan->regions, region);
    cairo_rectangle(d->canvas, x + o.left * side + line / 2, y + o.top * side + line / 2,
                    (o.right - o.left) * side - line, (o.bottom - o.top) * side - line);
}

static void outline_region(const xai_sag_drawing *d, int region, int x, int y, int side)
{
    double line = side > 150 ? 3 : 2;
    trace_region(d, region, x, y, side, line);
    cairo_set_line_cap(d->canvas, CAIRO_LINE_CAP_ROUND);
    cairo_set_source_rgb(d->canvas, 0.93, 0.11, 0.14);
    cairo_set_line_width(d->canvas, line);
    cairo_set_line_join(d->canvas, CAIRO_LINE_JOIN_ROUND);
    cairo_stroke(d->canvas);
}

/* The share of the whole image's probability as a bar, and in figures. */
static void caption(const xai_sag_drawing *d, const xai_sag_box *box, int y)
{
    char text[XAI_SAG_FIGURES], versus[XAI_SAG_FIGURES];
    double middle = box->x + box->side / 2.0;
    xai_canvas_bar(d->canvas, box->x, y + 4, box->side, XAI_SAG_BAR, 0xe0e3e8);
    xai_canvas_bar(d->canvas, box->x, y + 4, box->side * fmin(fmax(box->rel, 0), 1), XAI_SAG_BAR, 0x2173b5);
    xai_sag_figures(box, text, versus);
    y += XAI_SAG_LINE;
    xai_canvas_text(d->canvas, text, box->layer == 0 ? 16 : 13, middle, y, 0.5, box->side);
    xai_canvas_text(d->canvas, versus, box->layer == 0 ? 14 : 12, middle, y + XAI_SAG_NEXT_LINE, 0.5, box->side);
}

void xai_sag_draw_box(xai_sag_drawing *d, const xai_sag_box *box)
{
    int list[XAI_MASK_MAX];
    dim_view(d, box->mask);
    paint_masked(d, box->x, box->y, box->side);
    int n = xai_mask_list(box->removed, list);
    for (int i = 0; i < n; i++) outline_region(d, list[i], box->x, box->y, box->side);
    caption(d, box, box->y + box->side);
}

void xai_sag_draw_line(xai_sag_drawing *d, const xai_sag_line *line)
{
    xai_sag_curve c = xai_sag_curve_of(d->plan, line);
    cairo_move_to(d->canvas, c.x0, c.y0);
    cairo_curve_to(d->canvas, c.x0, c.y0 + c.bend, c.x1, c.y1 - c.bend, c.x1, c.y1);
    cairo_set_line_cap(d->canvas, CAIRO_LINE_CAP_BUTT);
    cairo_set_source_rgb(d->canvas, c.red, c.green, c.blue);
    cairo_set_line_width(d->canvas, c.thickness);
    cairo_stroke(d->canvas);
}

xai_status xai_sag_draw_begin(xai_sag_drawing *d, const xai_sag_plan *plan, xai_arena *arena, xai_error *err)
{
    size_t pixels = (size_t)plan->view_width * (size_t)plan->view_height;
    int room = plan->width - 2 * XAI_SAG_MARGIN;
    *d = (xai_sag_drawing){.plan = plan, .masked = xai_arena_alloc(arena, pixels, 3),
                           .line = XAI_NEW(arena, float, (size_t)plan->view_width)};
    if (!d->masked || !d->line) XAI_NO_MEMORY(err);
    XAI_TRY(xai_canvas_new(plan->width, plan->height, &d->canvas, err));
    xai_canvas_text(d->canvas, plan->title, 21, XAI_SAG_MARGIN, XAI_SAG_MARGIN + 16, 0, room);
    xai_canvas_text(d->canvas, plan->legend, 14, XAI_SAG_MARGIN, XAI_SAG_MARGIN + 39, 0, room);
    xai_canvas_text(d->canvas, plan->against, 14, XAI_SAG_MARGIN, XAI_SAG_MARGIN + 39 + XAI_SAG_NEXT_LINE, 0, room);
    xai_canvas_text(d->canvas, plan->foot, 13, XAI_SAG_MARGIN, plan->height - XAI_SAG_MARGIN + 6, 0, room);
    if (plan->layout.drawn) return XAI_OK;
    memcpy(d->masked, plan->view, 3 * pixels);
    paint_masked(d, XAI_SAG_MARGIN, plan->head, XAI_SAG_ALONE);
    return XAI_OK;
}

void xai_sag_draw_end(xai_sag_drawing *d) { xai_canvas_free(d->canvas); }
