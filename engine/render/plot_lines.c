/* Lines with bands over a field with a grid; names stand beside the field. Thread-safe: no state. */
#include "plot.h"

#include "canvas.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 980, HEIGHT = 560, LEFT = 74, RIGHT = 236, TOP = 66, BOTTOM = 58, MOST_LINES = 32 };
static const double TEXT = 13, TITLE = 17, SMALL = 12, APART = 22;

/* Okabe and Ito's, black last. */
static const uint32_t COLOURS[] = {0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0x56b4e9, 0xe69f00, 0x777777, 0x000000};
enum { COLOUR_COUNT = sizeof COLOURS / sizeof COLOURS[0] };
static const double DASHES[] = {0, 7, 2.5};

double xai_plot_step(double range, int count)
{
    double raw = range / count, power = pow(10, floor(log10(raw))), part = raw / power;
    return (part <= 1.001 ? 1 : part <= 2.001 ? 2 : part <= 5.001 ? 5 : 10) * power;
}

static double x_of(const xai_plot_lines *p, double v)
{
    return LEFT + (v - p->x_low) / (p->x_high - p->x_low) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const xai_plot_lines *p, double v)
{
    return HEIGHT - BOTTOM - (v - p->y_low) / (p->y_high - p->y_low) * (HEIGHT - TOP - BOTTOM);
}

/* The first multiple of `step` from `low` on; 0 without a sign. */
static double first_tick(double low, double step) { return ceil(low / step - 1e-9) * step + 0.0; }

static void draw_grid(xai_canvas *canvas, const xai_plot_lines *p)
{
    char text[40];
    double step = xai_plot_step(p->y_high - p->y_low, 5);
    for (double v = first_tick(p->y_low, step); v <= p->y_high + step * 1e-6; v += step) {
        double y = y_of(p, v);
        xai_canvas_bar(canvas, LEFT, y - 0.5, WIDTH - LEFT - RIGHT, 1, 0xe4e4e4);
        snprintf(text, sizeof text, p->percent ? "%.0f %%" : "%.3g", (p->percent ? 100 : 1) * v);
        xai_canvas_text(canvas, text, TEXT, LEFT - 8, y + TEXT * 0.35, 1, LEFT - 30);
    }
    step = xai_plot_step(p->x_high - p->x_low, 10);
    for (double v = first_tick(p->x_low, step); v <= p->x_high + step * 1e-6; v += step) {
        double x = x_of(p, v);
        xai_canvas_bar(canvas, x - 0.5, TOP, 1, HEIGHT - TOP - BOTTOM, 0xf0f0f0);
        snprintf(text, sizeof text, "%.4g", v);
        xai_canvas_text(canvas, text, TEXT, x, HEIGHT - BOTTOM + TEXT + 6, 0.5, 0);
    }
    xai_canvas_bar(canvas, LEFT, HEIGHT - BOTTOM - 0.5, WIDTH - LEFT - RIGHT, 1.5, 0x606060);
}

static xai_status draw_line(xai_canvas *canvas, const xai_plot_lines *p, const xai_plot_line *line, bool band,
                            xai_arena *arena, xai_error *err)
{
    double *v = XAI_NEW(arena, double, 4 * line->count), *x = v, *y = v + line->count;
    double *low = y + line->count, *high = low + line->count;
    if (!v) XAI_NO_MEMORY(err);
    bool whole = line->low && line->high;
    for (size_t i = 0; i < line->count; i++) {
        x[i] = x_of(p, line->x[i]);
        y[i] = y_of(p, line->y[i]);
        if (!line->low || !line->high) continue;
        low[i] = y_of(p, line->low[i]);
        high[i] = y_of(p, line->high[i]);
        whole = whole && isfinite(low[i]) && isfinite(high[i]);
    }
    uint32_t rgb = COLOURS[(unsigned)line->colour % COLOUR_COUNT];
    if (band && whole) xai_canvas_band(canvas, x, low, high, line->count, p->count > 4 ? 0.08 : 0.13, rgb);
    if (!band) xai_canvas_line(canvas, x, y, line->count, 2.2, DASHES[(unsigned)line->dash % 3], rgb);
    return XAI_OK;
}

/* The lines by their heights a quarter of the way along, the highest first. */
static void sort_lines(const xai_plot_lines *p, size_t *order)
{
    double height[MOST_LINES];
    for (size_t i = 0; i < p->count; i++) {
        const xai_plot_line *line = &p->lines[i];
        double h = line->count ? line->y[line->count / 4] : (double)NAN;
        if (!isfinite(h)) h = p->y_low;
        size_t k = i;
        for (; k > 0 && height[k - 1] < h; k--) {
            height[k] = height[k - 1];
            order[k] = order[k - 1];
        }
        height[k] = h;
        order[k] = i;
    }
}

/* A sample of each line and its name, beside the field, in the order of the lines. */
static void draw_names(xai_canvas *canvas, const xai_plot_lines *p)
{
    size_t order[MOST_LINES];
    sort_lines(p, order);
    for (size_t k = 0; k < p->count; k++) {
        const xai_plot_line *line = &p->lines[order[k]];
        double left = WIDTH - RIGHT + 18, y = TOP + APART * ((double)k + 0.5);
        if (!line->name) continue;
        xai_canvas_line(canvas, (double[]){left, left + 34}, (double[]){y, y}, 2, 2.6, DASHES[(unsigned)line->dash % 3],
                        COLOURS[(unsigned)line->colour % COLOUR_COUNT]);
        xai_canvas_text(canvas, line->name, TEXT, left + 42, y + TEXT * 0.35, 0, RIGHT - 70);
    }
}

static xai_status draw(xai_canvas *canvas, const xai_plot_lines *p, xai_arena *arena, xai_error *err)
{
    xai_canvas_text(canvas, p->title, TITLE, LEFT, 28, 0, WIDTH - LEFT - 20);
    if (p->note) xai_canvas_text(canvas, p->note, SMALL, LEFT, 48, 0, WIDTH - LEFT - 20);
    draw_grid(canvas, p);
    for (size_t i = 0; i < 2 * p->count; i++) /* bands first, so that no band lies over a line */
        XAI_TRY(draw_line(canvas, p, &p->lines[i % p->count], i < p->count, arena, err));
    draw_names(canvas, p);
    xai_canvas_text(canvas, p->x_label, TEXT, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14, 0.5, 0);
    xai_canvas_text_upright(canvas, p->y_label, TEXT, 20, (TOP + HEIGHT - BOTTOM) / 2.0, HEIGHT - TOP - BOTTOM);
    return XAI_OK;
}

xai_status xai_render_lines(const xai_plot_lines *p, const char *name, xai_arena *arena, xai_artifact *out,
                            xai_error *err)
{
    xai_canvas *canvas;
    XAI_CHECK(p->count <= MOST_LINES && p->x_high > p->x_low && p->y_high > p->y_low, err, BAD_PARAM, name,
              "a plot takes at most %d lines, and scales that are not empty", MOST_LINES);
    XAI_TRY(xai_canvas_new(WIDTH, HEIGHT, &canvas, err));
    xai_status status = draw(canvas, p, arena, err);
    if (status == XAI_OK) status = xai_canvas_artifact(canvas, name, arena, out, err);
    xai_canvas_free(canvas);
    return status;
}
