/*
 * A graph as SVG 1.1, written out directly: cairo's own SVG files hold letters as outlines and a picture a node, and
 * number their parts on through the life of the process, so that no two are equal.
 *
 * The view is held twice, as it is and dimmed; a node shows the dimmed one, and over it the bright one through its
 * mask, a gray picture of the patches' weights. Every node has a title, which browsers show and read out.
 */
#include "sag_picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/text.h"
#include "image/png.h"
#include "sag_plan.h"

static const double LETTER = 6.6; /* mean width in the legend, pixels: what is longer than its room is squeezed */

typedef struct writer {
    const xai_sag_plan *plan;
    xai_text text;
    uint8_t *gray; /* a view's pixels */
    float *line;   /* of its width */
} writer;

/* ---------------------------------------------------------------- pictures */

static void add_base64(xai_text *text, const uint8_t *bytes, size_t size)
{
    char *room = xai_text_take(text, xai_base64_length(size));
    if (room) xai_base64_encode(bytes, size, room);
}

/* An <image> of the view's size; `channels` of `pixels`: 3 or 1. */
static xai_status add_image(writer *w, const char *attributes, const uint8_t *pixels, int channels, xai_error *err)
{
    const xai_sag_plan *plan = w->plan;
    const uint8_t *png;
    size_t size;
    XAI_TRY((channels == 3 ? xai_png_encode_rgb : xai_png_encode_gray)(w->text.arena, pixels, plan->view_width,
                                                                      plan->view_height, &png, &size, err));
    xai_text_add(&w->text, "<image%s width=\"%d\" height=\"%d\" preserveAspectRatio=\"none\" "
                           "xlink:href=\"data:image/png;base64,", attributes, plan->view_width, plan->view_height);
    add_base64(&w->text, png, size);
    xai_text_add(&w->text, "\"/>");
    return XAI_OK;
}

static xai_status add_views(writer *w, xai_error *err)
{
    size_t n = (size_t)w->plan->view_width * (size_t)w->plan->view_height;
    for (size_t i = 0; i < n; i++) w->gray[i] = (uint8_t)lround(xai_sag_dimmed(w->plan->view + 3 * i));
    XAI_TRY(add_image(w, " id=\"bright\"", w->plan->view, 3, err));
    xai_text_add(&w->text, "\n");
    XAI_TRY(add_image(w, " id=\"dark\"", w->gray, 1, err));
    xai_text_add(&w->text, "\n");
    return XAI_OK;
}

static xai_status add_mask(writer *w, size_t index, xai_mask mask, xai_error *err)
{
    const xai_sag_plan *plan = w->plan;
    for (int y = 0; y < plan->view_height; y++) {
        xai_regions_line(&plan->regions, mask, y, w->line);
        for (int x = 0; x < plan->view_width; x++)
            w->gray[(size_t)y * (size_t)plan->view_width + (size_t)x] = (uint8_t)lround(255 * (double)w->line[x]);
    }
    xai_text_add(&w->text, "<mask id=\"m%zu\" maskUnits=\"userSpaceOnUse\" x=\"0\" y=\"0\" width=\"%d\" height=\"%d\">",
                 index, plan->view_width, plan->view_height);
    XAI_TRY(add_image(w, "", w->gray, 1, err));
    xai_text_add(&w->text, "</mask>\n");
    return XAI_OK;
}

/* ---------------------------------------------------------------- shapes */

static void add_words(writer *w, double x, double y, double size, const char *attributes, const char *words)
{
    if (*words)
        xai_text_add(&w->text, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\"%s>%s</text>\n", x, y, size, attributes,
                     words);
}

static void add_piece(void *user, int x0, int y0, int x1, int y1)
{
    if (y0 == y1) xai_text_add(user, "M%d %dh%d", x0, y0, x1 - x0);
    else xai_text_add(user, "M%d %dv%d", x0, y0, y1 - y0);
}

/* The border of a superpixel, in the view's own measure. */
static void add_border(writer *w, int region, int side)
{
    xai_text_add(&w->text, "<path class=\"removed\" transform=\"scale(%.6g %.6g)\" vector-effect=\"non-scaling-stroke\" "
                           "stroke-linecap=\"round\" stroke-width=\"%d\" d=\"", (double)side / w->plan->view_width,
                 (double)side / w->plan->view_height, side > 150 ? 3 : 2);
    xai_sag_border(w->plan, region, add_piece, &w->text);
    xai_text_add(&w->text, "\"/>\n");
}

static void add_outline(writer *w, int region, int side)
{
    if (w->plan->regions.labels) {
        add_border(w, region, side);
        return;
    }
    xai_region_extent o = xai_regions_extent(&w->plan->regions, region);
    double line = side > 150 ? 3 : 2;
    xai_text_add(&w->text, "<rect class=\"removed\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                           "stroke-width=\"%.0f\"/>\n", o.left * side + line / 2, o.top * side + line / 2,
                 (o.right - o.left) * side - line, (o.bottom - o.top) * side - line, line);
}

static void add_title(writer *w, xai_mask mask, const char *figures)
{
    int list[XAI_MASK_MAX], n = xai_mask_list(mask, list);
    xai_text_add(&w->text, "<title>");
    for (int i = 0; i < n; i++) xai_text_add(&w->text, "P%d ", list[i]);
    xai_text_add(&w->text, "%s</title>", figures);
}

static void add_box(writer *w, size_t index)
{
    const xai_sag_box *box = &w->plan->layout.boxes[index];
    char figures[XAI_SAG_FIGURES], versus[XAI_SAG_FIGURES];
    int list[XAI_MASK_MAX], n = xai_mask_list(box->removed, list), side = box->side;
    xai_sag_figures(box, figures, versus);
    xai_text_add(&w->text, "<g class=\"%s\" transform=\"translate(%d %d)\">", box->layer ? "node" : "node root",
                 box->x, box->y);
    add_title(w, box->mask, figures);
    xai_text_add(&w->text, "<g transform=\"scale(%.6g %.6g)\"><use xlink:href=\"#dark\"/>"
                           "<use xlink:href=\"#bright\" mask=\"url(#m%zu)\"/></g>\n", (double)side / w->plan->view_width,
                 (double)side / w->plan->view_height, index);
    for (int i = 0; i < n; i++) add_outline(w, list[i], side);
    xai_text_add(&w->text, "<rect y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#e0e3e8\"/>"
                           "<rect y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#2173b5\"/>\n", side + 4, side, XAI_SAG_BAR,
                 side + 4, side * fmin(fmax(box->rel, 0), 1), XAI_SAG_BAR);
    add_words(w, side / 2.0, side + XAI_SAG_LINE, box->layer ? 13 : 16, " text-anchor=\"middle\"", figures);
    add_words(w, side / 2.0, side + XAI_SAG_LINE + XAI_SAG_NEXT_LINE, box->layer ? 12 : 14, " text-anchor=\"middle\"",
              versus);
    xai_text_add(&w->text, "</g>\n");
}

static void add_line(writer *w, const xai_sag_line *line)
{
    xai_sag_curve c = xai_sag_curve_of(w->plan, line);
    xai_text_add(&w->text, "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\" stroke=\"#%02x%02x%02x\" "
                           "stroke-width=\"%.2f\"/>\n", c.x0, c.y0, c.x0, c.y0 + c.bend, c.x1, c.y1 - c.bend, c.x1, c.y1,
                 (unsigned)lround(255 * c.red), (unsigned)lround(255 * c.green), (unsigned)lround(255 * c.blue),
                 c.thickness);
}

/* ---------------------------------------------------------------- the whole */

static void begin(writer *w)
{
    const xai_sag_plan *plan = w->plan;
    xai_text_add(&w->text,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" "
                 "version=\"1.1\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                 "font-family=\"DejaVu Sans, Verdana, sans-serif\" fill=\"#262626\">\n<title>%s</title>\n"
                 "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", plan->width, plan->height, plan->width,
                 plan->height, plan->title, plan->width, plan->height);
}

static xai_status add_definitions(writer *w, xai_error *err)
{
    const xai_sag_layout *l = &w->plan->layout;
    xai_text_add(&w->text, "<defs>\n");
    XAI_TRY(add_views(w, err));
    for (size_t i = 0; i < l->box_count; i++)
        if (l->boxes[i].layer >= 0) XAI_TRY(add_mask(w, i, l->boxes[i].mask, err));
    xai_text_add(&w->text, "</defs>\n");
    return XAI_OK;
}

static void add_graph(writer *w)
{
    const xai_sag_plan *plan = w->plan;
    const xai_sag_layout *l = &plan->layout;
    int room = plan->width - 2 * XAI_SAG_MARGIN;
    char squeeze[64] = "";
    if (LETTER * (double)strlen(plan->legend) > room)
        snprintf(squeeze, sizeof squeeze, " textLength=\"%d\" lengthAdjust=\"spacingAndGlyphs\"", room);
    add_words(w, XAI_SAG_MARGIN, XAI_SAG_MARGIN + 16, 21, "", plan->title);
    add_words(w, XAI_SAG_MARGIN, XAI_SAG_MARGIN + 39, 14, squeeze, plan->legend);
    add_words(w, XAI_SAG_MARGIN, XAI_SAG_MARGIN + 39 + XAI_SAG_NEXT_LINE, 14, "", plan->against);
    add_words(w, XAI_SAG_MARGIN, plan->height - XAI_SAG_MARGIN + 6, 13, "", plan->foot);
    if (!l->drawn)
        xai_text_add(&w->text, "<use xlink:href=\"#bright\" transform=\"translate(%d %d) scale(%.6g %.6g)\"/>\n",
                     XAI_SAG_MARGIN, plan->head, (double)XAI_SAG_ALONE / plan->view_width,
                     (double)XAI_SAG_ALONE / plan->view_height);
    xai_text_add(&w->text, "<g fill=\"none\">\n");
    for (size_t i = 0; i < l->line_count; i++)
        if (xai_sag_line_drawn(l, &l->lines[i])) add_line(w, &l->lines[i]);
    xai_text_add(&w->text, "</g>\n<style>.removed{fill:none;stroke:#ed1c24;stroke-linejoin:round}</style>\n");
    for (size_t i = 0; i < l->box_count; i++)
        if (l->boxes[i].layer >= 0) add_box(w, i);
}

xai_status xai_render_sag_svg(const xai_doc *graph, const uint8_t *view_rgb, int width, int height, xai_arena *arena,
                              xai_artifact *out, xai_error *err)
{
    xai_sag_plan plan;
    XAI_TRY(xai_sag_plan_make(graph, view_rgb, width, height, false, arena, &plan, err));
    writer w = {.plan = &plan, .text = {.arena = arena}, .line = XAI_NEW(arena, float, (size_t)width),
                .gray = xai_arena_alloc(arena, (size_t)width, (size_t)height)};
    if (!w.gray || !w.line) XAI_NO_MEMORY(err);
    begin(&w);
    XAI_TRY(add_definitions(&w, err));
    add_graph(&w);
    xai_text_add(&w.text, "</svg>\n");
    const char *text;
    XAI_TRY(xai_text_end(&w.text, &text, err));
    *out = (xai_artifact){.name = "svg", .kind = XAI_ARTIFACT_IMAGE, .media_type = "image/svg+xml", .width = plan.width,
                          .height = plan.height, .bytes = (const uint8_t *)text, .size = w.text.length};
    return XAI_OK;
}
