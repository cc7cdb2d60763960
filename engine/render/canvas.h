/* A white canvas for figures: pictures, lettering and lines by cairo, out as RGB. */
#ifndef XAI_RENDER_CANVAS_H
#define XAI_RENDER_CANVAS_H

#include "base/arena.h"

typedef struct _cairo xai_canvas; /* cairo_t */

/* NO_MEMORY; BAD_PARAM above 16384 a side. Ended with xai_canvas_free. */
xai_status xai_canvas_new(int width, int height, xai_canvas **out, xai_error *err);
void xai_canvas_free(xai_canvas *canvas);

/* RGB pixels, width x height, with their upper left corner at (x, y); what reaches beyond the canvas is cut. */
void xai_canvas_picture(xai_canvas *canvas, const uint8_t *rgb, int width, int height, int x, int y);

/* DejaVu Sans of `size` pixels in dark gray, on the baseline `y`; `align` 0: begins at x, 1: ends there, 0.5:
 * centred. Text wider than `room` is shrunk to fit it (room <= 0: any width). */
void xai_canvas_text(xai_canvas *canvas, const char *text, double size, double x, double y, double align,
                     double room);

/* A filled rectangle; `rgb` as 0xd1495b. */
void xai_canvas_bar(xai_canvas *canvas, double x, double y, double width, double height, uint32_t rgb);

/* A polyline through n points; one that is not finite breaks it. `dash` > 0: in dashes of so many pixels. */
void xai_canvas_line(xai_canvas *canvas, const double *x, const double *y, size_t n, double width, double dash,
                     uint32_t rgb);

/* The area between two polylines of n finite points, the colour at this share of its strength. */
void xai_canvas_band(xai_canvas *canvas, const double *x, const double *low, const double *high, size_t n,
                     double strength, uint32_t rgb);

/* A filled circle with a white rim. */
void xai_canvas_dot(xai_canvas *canvas, double x, double y, double radius, uint32_t rgb);

/* Text as above, bottom to top along x, centred at y. */
void xai_canvas_text_upright(xai_canvas *canvas, const char *text, double size, double x, double y, double room);

/* A thin gray frame around width x height pixels at (x, y). */
void xai_canvas_frame(xai_canvas *canvas, int x, int y, int width, int height);

/* The canvas as an artifact of this name, PNG bytes in the arena. */
xai_status xai_canvas_artifact(xai_canvas *canvas, const char *name, xai_arena *arena, xai_artifact *out,
                               xai_error *err);

#endif
