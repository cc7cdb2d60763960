/* Panels side by side over the same rows: a point with its whiskers in each. Thread-safe: no state. */
#include "plot.h"

#include "canvas.h"

#include <math.h>
#include <stdio.h>

enum { ROW = 24, TOP = 118, BOTTOM = 40, NAMES = 190, PANEL = 150, GAP = 26, EDGE = 22, MOST_ROWS = 64, MOST_PANELS = 24 };
static const double TEXT = 13, TITLE = 17, SMALL = 11, RADIUS = 4.5;
static const uint32_t POINT = 0x0072b2, BEST = 0xd55e00, WHISKER = 0x7a7a7a;

typedef struct scale {
    double low, high, left;
} scale;

/* From the least to the greatest end of a whisker, with some air. */
static scale scale_of(const xai_plot_panels *p, size_t panel)
{
    const xai_plot_panel *that = &p->panels[panel];
    double low = INFINITY, high = -INFINITY;
    for (size_t r = 0; r < p->row_count; r++) {
        low = fmin(low, fmin(that->value[r], that->low[r])); /* NaN is passed over */
        high = fmax(high, fmax(that->value[r], that->high[r]));
    }
    if (!(low <= high)) low = 0, high = 1;
    double air = high > low ? 0.06 * (high - low) : fmax(fabs(low) * 0.1, 0.1);
    return (scale){.low = low - air, .high = high + air, .left = EDGE + NAMES + (double)panel * (PANEL + GAP)};
}

static double x_of(const scale *s, double v) { return s->left + (v - s->low) / (s->high - s->low) * PANEL; }
static double y_of(size_t row) { return TOP + ((double)row + 0.5) * ROW; }

static void draw_scale(xai_canvas *canvas, const scale *s, size_t rows)
{
    char text[40];
    double step = xai_plot_step(s->high - s->low, 3), bottom = TOP + (double)rows * ROW;
    for (double v = ceil(s->low / step) * step; v <= s->high; v += step) {
        double x = x_of(s, v);
        xai_canvas_bar(canvas, x - 0.5, TOP, 1, bottom - TOP, 0xdadada);
        snprintf(text, sizeof text, "%.4g", fabs(v) < step * 1e-6 ? 0.0 : v);
        xai_canvas_text(canvas, text, SMALL, x, bottom + SMALL + 5, 0.5, 0);
    }
}

static void draw_points(xai_canvas *canvas, const xai_plot_panel *panel, const scale *s, size_t rows)
{
    for (size_t r = 0; r < rows; r++) {
        double y = y_of(r), low = x_of(s, panel->low[r]), high = x_of(s, panel->high[r]);
        if (!isfinite(panel->value[r])) {
            xai_canvas_text(canvas, "none", SMALL, s->left + PANEL / 2.0, y + SMALL * 0.35, 0.5, 0);
            continue;
        }
        if (isfinite(low) && isfinite(high)) {
            xai_canvas_bar(canvas, low, y - 1, high - low, 2, WHISKER);
            xai_canvas_bar(canvas, low - 0.75, y - 4, 1.5, 8, WHISKER);
            xai_canvas_bar(canvas, high - 0.75, y - 4, 1.5, 8, WHISKER);
        }
        bool best = panel->best == (int)r;
        xai_canvas_dot(canvas, x_of(s, panel->value[r]), y, RADIUS + best, best ? BEST : POINT);
    }
}

static void draw(xai_canvas *canvas, const xai_plot_panels *p, int width)
{
    xai_canvas_text(canvas, p->title, TITLE, EDGE, 30, 0, width - 2 * EDGE);
    if (p->note) xai_canvas_text(canvas, p->note, TEXT - 1, EDGE, 52, 0, width - 2 * EDGE);
    for (size_t r = 0; r < p->row_count; r++) {
        if (r % 2 == 0) xai_canvas_bar(canvas, EDGE - 8, TOP + (double)r * ROW, width - 2 * EDGE + 16, ROW, 0xf6f6f6);
        xai_canvas_text(canvas, p->rows[r], TEXT, EDGE, y_of(r) + TEXT * 0.35, 0, NAMES - 14);
    }
    for (size_t i = 0; i < p->count; i++) {
        scale s = scale_of(p, i);
        xai_canvas_text(canvas, p->panels[i].title, TEXT, s.left, TOP - 28, 0, PANEL);
        if (p->panels[i].note) xai_canvas_text(canvas, p->panels[i].note, SMALL, s.left, TOP - 11, 0, PANEL);
        draw_scale(canvas, &s, p->row_count);
        draw_points(canvas, &p->panels[i], &s, p->row_count);
    }
}

xai_status xai_render_panels(const xai_plot_panels *p, const char *name, xai_arena *arena, xai_artifact *out,
                             xai_error *err)
{
    xai_canvas *canvas;
    XAI_CHECK(p->row_count > 0 && p->row_count <= MOST_ROWS && p->count > 0 && p->count <= MOST_PANELS, err, BAD_PARAM,
              name, "panels take 1 to %d rows, and there may be 1 to %d of them", MOST_ROWS, MOST_PANELS);
    int width = 2 * EDGE + NAMES + (int)p->count * (PANEL + GAP) - GAP;
    if (width < 640) width = 640;
    XAI_TRY(xai_canvas_new(width, TOP + (int)p->row_count * ROW + BOTTOM, &canvas, err));
    draw(canvas, p, width);
    xai_status status = xai_canvas_artifact(canvas, name, arena, out, err);
    xai_canvas_free(canvas);
    return status;
}
