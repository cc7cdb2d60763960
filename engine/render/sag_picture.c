/*
 * Draws a structured attention graph: sag_layout.c says where, this file how. One thread; the canvas is its own.
 */
#include "sag_picture.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "canvas.h"
#include "explain/sag/document.h"
#include "sag_layout.h"

enum { MARGIN = 28, GAP = 16, HEAD = 84, FOOT = 30, CAPTION = 34, BAR = 5, LEAST_WIDTH = 880 };

static const double DIMMED = 0.24; /* brightness of what is hidden */

typedef struct drawing {
    const xai_doc *graph;
    const uint8_t *view;
    int width, height; /* of the view */
    xai_regions regions;
    xai_sag_layout layout;
    double f_all;
    xai_canvas *canvas;
    uint8_t *masked; /* width * height * 3 */
    float *line;     /* width */
    int shift_x, shift_y; /* from layout to canvas */
} drawing;

/* ---------------------------------------------------------------- one node */

/* The view with all but the mask's regions dimmed and grayed, into d->masked. */
static void dim_view(drawing *d, xai_mask mask)
{
    for (int y = 0; y < d->height; y++) {
        xai_regions_line(&d->regions, mask, y, d->line);
        size_t at = 3 * (size_t)y * (size_t)d->width;
        for (int x = 0; x < d->width; x++, at += 3) {
            const uint8_t *p = d->view + at;
            double w = (double)d->line[x], gray = DIMMED * (0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]);
            for (int c = 0; c < 3; c++) d->masked[at + (size_t)c] = (uint8_t)lround(w * p[c] + (1 - w) * gray);
        }
    }
}

/* d->masked, scaled into a square. */
static void paint_masked(const drawing *d, int x, int y, int side)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, d->width, d->height);
    unsigned char *data = cairo_image_surface_get_data(surface);
    if (!data) { /* the surface's error sticks to the canvas and is told at the end */
        cairo_set_source_surface(d->canvas, surface, 0, 0);
        cairo_surface_destroy(surface);
        return;
    }
    size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    const uint8_t *p = d->masked;
    for (size_t j = 0; j < (size_t)d->height; j++) {
        uint32_t *row = (uint32_t *)(void *)(data + j * stride);
        for (size_t i = 0; i < (size_t)d->width; i++, p += 3)
            row[i] = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    }
    cairo_surface_mark_dirty(surface);
    cairo_save(d->canvas);
    cairo_translate(d->canvas, x, y);
    cairo_scale(d->canvas, (double)side / d->width, (double)side / d->height);
    cairo_set_source_surface(d->canvas, surface, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(d->canvas), CAIRO_FILTER_GOOD);
    cairo_pattern_set_extend(cairo_get_source(d->canvas), CAIRO_EXTEND_PAD);
    cairo_rectangle(d->canvas, 0, 0, d->width, d->height);
    cairo_fill(d->canvas);
    cairo_restore(d->canvas);
    cairo_surface_destroy(surface);
}

static void outline_region(const drawing *d, int region, int x, int y, int side)
{
    double line = side > 150 ? 3 : 2;
    xai_region_extent e = xai_regions_extent(&d->regions, region);
    cairo_rectangle(d->canvas, x + e.left * side + line / 2, y + e.top * side + line / 2,
                    (e.right - e.left) * side - line, (e.bottom - e.top) * side - line);
    cairo_set_source_rgb(d->canvas, 0.93, 0.11, 0.14);
    cairo_set_line_width(d->canvas, line);
    cairo_set_line_join(d->canvas, CAIRO_LINE_JOIN_ROUND);
    cairo_stroke(d->canvas);
}

/* The share of the whole image's probability as a bar, and in figures. */
static void caption(const drawing *d, const xai_sag_box *box, int x, int y)
{
    char text[48];
    double share = fmin(fmax(box->rel, 0), 1);
    cairo_set_source_rgb(d->canvas, 0.88, 0.89, 0.91);
    cairo_rectangle(d->canvas, x, y + 4, box->side, BAR);
    cairo_fill(d->canvas);
    cairo_set_source_rgb(d->canvas, 0.13, 0.45, 0.71);
    cairo_rectangle(d->canvas, x, y + 4, box->side * share, BAR);
    cairo_fill(d->canvas);
    snprintf(text, sizeof text, "%.2f \xc2\xb7 %.0f %%", box->p, 100 * box->rel);
    xai_canvas_text(d->canvas, text, box->layer == 0 ? 16 : 13, x + box->side / 2.0, y + 27, 0.5, box->side);
}

static void draw_box(drawing *d, const xai_sag_box *box)
{
    int x = box->x + d->shift_x, y = box->y + d->shift_y, list[XAI_MASK_MAX];
    dim_view(d, box->mask);
    paint_masked(d, x, y, box->side);
    int n = xai_mask_list(box->removed, list);
    for (int i = 0; i < n; i++) outline_region(d, list[i], x, y, box->side);
    caption(d, box, x, y + box->side);
}

/* ---------------------------------------------------------------- lines */

/* From below the parent's caption to the child: the redder and thicker, the more the patch carried. */
static void draw_line(const drawing *d, const xai_sag_line *line)
{
    const xai_sag_box *from = &d->layout.boxes[line->from], *to = &d->layout.boxes[line->to];
    double loss = d->f_all > 0 ? fmin(fmax(line->drop / d->f_all, 0), 1) : 0;
    double x0 = from->x + from->side / 2.0 + d->shift_x, y0 = from->y + from->side + CAPTION + d->shift_y;
    double x1 = to->x + to->side / 2.0 + d->shift_x, y1 = to->y - 3 + d->shift_y, bend = (y1 - y0) / 2;
    cairo_move_to(d->canvas, x0, y0);
    cairo_curve_to(d->canvas, x0, y0 + bend, x1, y1 - bend, x1, y1);
    cairo_set_source_rgb(d->canvas, 0.66 + 0.24 * loss, 0.68 - 0.5 * loss, 0.71 - 0.5 * loss);
    cairo_set_line_width(d->canvas, 1.2 + 2.4 * loss);
    cairo_stroke(d->canvas);
}

/* ---------------------------------------------------------------- lettering */

static void draw_head(const drawing *d, int width)
{
    char text[160];
    const xai_doc *roots = xai_doc_get(d->graph, "roots");
    size_t n = roots ? roots->count : 0;
    if (n == 1) snprintf(text, sizeof text, "These patches alone are enough for the network");
    else snprintf(text, sizeof text, "%zu combinations of patches: each alone is enough for the network", n);
    xai_canvas_text(d->canvas, text, 21, MARGIN, MARGIN + 16, 0, width - 2 * MARGIN);
    snprintf(text, sizeof text,
             "Bright: shown to it; dark: hidden. Each step down hides the patch outlined in red. Bar: share of the "
             "whole image\xe2\x80\x99s probability, %.2f.", d->f_all);
    xai_canvas_text(d->canvas, text, 14, MARGIN, MARGIN + 39, 0, width - 2 * MARGIN);
}

static void draw_foot(const drawing *d, int width, int height)
{
    char text[96];
    size_t left = d->layout.box_count - d->layout.drawn;
    if (!left) return;
    snprintf(text, sizeof text, "%zu further node%s of the graph %s not drawn.", left, left == 1 ? "" : "s",
             left == 1 ? "is" : "are");
    xai_canvas_text(d->canvas, text, 13, MARGIN, height - MARGIN + 6, 0, width - 2 * MARGIN);
}

/* ---------------------------------------------------------------- the whole */

static xai_status read_regions(drawing *d, xai_arena *arena, xai_error *err)
{
    const xai_doc *threshold = xai_doc_get(d->graph, "threshold");
    const xai_doc *f_all = threshold ? xai_doc_get(threshold, "f_all") : NULL;
    d->f_all = f_all && f_all->type == XAI_DOC_REAL ? f_all->real : 0;
    return xai_sag_regions_of(d->graph, d->height, d->width, arena, &d->regions, err);
}

static void draw_graph(drawing *d, int width, int height)
{
    d->shift_x = width / 2;
    d->shift_y = HEAD;
    draw_head(d, width);
    for (size_t i = 0; i < d->layout.line_count; i++)
        if (xai_sag_line_drawn(&d->layout, &d->layout.lines[i])) draw_line(d, &d->layout.lines[i]);
    for (size_t i = 0; i < d->layout.box_count; i++)
        if (d->layout.boxes[i].layer >= 0) draw_box(d, &d->layout.boxes[i]);
    draw_foot(d, width, height);
}

/* No explanation: the view, and why. */
static void draw_nothing(drawing *d, int width)
{
    const xai_doc *reason = xai_doc_get(d->graph, "reason");
    char text[256];
    snprintf(text, sizeof text, "%s", reason && reason->type == XAI_DOC_TEXT ? reason->text : "");
    if (text[0] >= 'a' && text[0] <= 'z') text[0] = (char)(text[0] - 'a' + 'A');
    xai_canvas_text(d->canvas, "No combination of patches to show", 21, MARGIN, MARGIN + 16, 0, width - 2 * MARGIN);
    xai_canvas_text(d->canvas, text, 14, MARGIN, MARGIN + 39, 0, width - 2 * MARGIN);
    memcpy(d->masked, d->view, 3 * (size_t)d->width * (size_t)d->height);
    paint_masked(d, MARGIN, HEAD, 196);
}

xai_status xai_render_sag(const xai_doc *graph, const uint8_t *view_rgb, int width, int height, xai_arena *arena,
                          xai_artifact *out, xai_error *err)
{
    drawing d = {.graph = graph, .view = view_rgb, .width = width, .height = height};
    XAI_CHECK(width > 0 && height > 0 && width <= 1 << 14 && height <= 1 << 14, err, BAD_PARAM, "view",
              "a view of %d x %d pixels cannot be drawn", width, height);
    XAI_TRY(read_regions(&d, arena, err));
    XAI_TRY(xai_sag_layout_make(graph, d.regions.count, CAPTION, GAP, arena, &d.layout, err));
    d.masked = xai_arena_alloc(arena, (size_t)width * (size_t)height, 3);
    d.line = XAI_NEW(arena, float, (size_t)width);
    if (!d.masked || !d.line) XAI_NO_MEMORY(err);
    bool empty = d.layout.drawn == 0;
    int full_width = d.layout.width + 2 * MARGIN > LEAST_WIDTH ? d.layout.width + 2 * MARGIN : LEAST_WIDTH;
    int full_height = HEAD + (empty ? 196 : d.layout.height) + MARGIN;
    if (d.layout.drawn < d.layout.box_count) full_height += FOOT;
    XAI_TRY(xai_canvas_new(full_width, full_height, &d.canvas, err));
    if (empty) draw_nothing(&d, full_width);
    else draw_graph(&d, full_width, full_height);
    xai_status status = xai_canvas_artifact(d.canvas, "picture", arena, out, err);
    xai_canvas_free(d.canvas);
    return status;
}
