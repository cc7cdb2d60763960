/*
 * The plan of a picture of a structured attention graph: everything that does not depend on how it is drawn. PNG, SVG
 * and GIF are drawn from the same plan, which is made from the graph document alone.
 *
 * In every node the kept patches are bright, as softly as the network saw them, the rest is dimmed, and the patch that
 * was taken away is outlined in red; below it stand the class's probability and its share of the whole image's.
 */
#ifndef XAI_RENDER_SAG_PLAN_H
#define XAI_RENDER_SAG_PLAN_H

#include "explain/sag/regions.h"
#include "sag_layout.h"

enum { XAI_SAG_MARGIN = 28, XAI_SAG_BAR = 5, XAI_SAG_ALONE = 196 };
enum { XAI_SAG_LINE = 27, XAI_SAG_NEXT_LINE = 17 }; /* of a caption: from the square to its base, and from there on */

typedef struct xai_sag_plan {
    const uint8_t *view; /* view_height * view_width * 3, what the model saw */
    int view_width, view_height;
    xai_regions regions;
    xai_sag_layout layout; /* boxes in pixels of the picture */
    double f_all;
    int head, caption; /* height of the lettering above everything, and below a square */
    int width, height; /* of the picture */
    char title[96], legend[200], against[160], foot[96]; /* lettering; "" where there is none */
} xai_sag_plan;

/* A graph without nodes gives a plan that says why, for the view alone, XAI_SAG_ALONE pixels a side. BAD_PARAM if the
 * document is no such graph or the sizes do not fit it; NO_MEMORY. */
xai_status xai_sag_plan_make(const xai_doc *graph, const uint8_t *view_rgb, int width, int height, bool tree,
                             xai_arena *arena, xai_sag_plan *out, xai_error *err);

/* "0.79 · 95 %", and "against 0.12" (or ""), each of XAI_SAG_FIGURES bytes. */
enum { XAI_SAG_FIGURES = 48 };
void xai_sag_figures(const xai_sag_box *box, char *text, char *versus);

/* Calls `piece` for each straight piece of a superpixel's border, between corners of pixels of the view. */
typedef void (*xai_sag_border_fn)(void *user, int x0, int y0, int x1, int y1);
void xai_sag_border(const xai_sag_plan *plan, int region, xai_sag_border_fn piece, void *user);

/* A line as a cubic curve whose ends are vertical: (x0, y0), (x0, y0 + bend), (x1, y1 - bend), (x1, y1). The redder and
 * thicker, the more the patch carried. */
typedef struct xai_sag_curve {
    double x0, y0, x1, y1, bend;
    double red, green, blue, thickness;
} xai_sag_curve;
xai_sag_curve xai_sag_curve_of(const xai_sag_plan *plan, const xai_sag_line *line);

/* Brightness of a hidden pixel, 0..255: it is gray. */
double xai_sag_dimmed(const uint8_t *rgb);

#endif
