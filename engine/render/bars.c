/*
 * Bar plots: {"form":"bars","title","x_label","y_label","series":[{"x":[..],"y":[..]}]}, the first series. The scale
 * begins at 0, so that lengths can be compared. Thread-safe: no state.
 */
#include "bars.h"

#include "canvas.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HEIGHT = 180, LEFT = 64, RIGHT = 16, TOP = 46, BOTTOM = 42, LEAST = 480, MOST = 2048, NAMED = 5 };
static const double TEXT = 12, TITLE = 14, SMALL = 10;

typedef struct plot {
    xai_canvas *canvas;
    double *y; /* NaN: a gap */
    size_t count;
    double low, high; /* ends of the scale */
    int width;        /* of the field of bars */
    size_t named[NAMED], named_count;
} plot;

static const xai_doc *line_of(const xai_doc *curve)
{
    const xai_doc *series = xai_doc_get(curve, "series");
    return series ? series->first : NULL;
}

bool xai_doc_is_bars(const xai_doc *curve)
{
    const xai_doc *form = xai_doc_get(curve, "form"), *line = line_of(curve), *y = line ? xai_doc_get(line, "y") : NULL;
    return form && form->type == XAI_DOC_TEXT && strcmp(form->text, "bars") == 0 && y && y->count > 0;
}

static double number_of(const xai_doc *v)
{
    return v->type == XAI_DOC_REAL ? v->real : v->type == XAI_DOC_INT ? (double)v->integer : (double)NAN;
}

static xai_status read(const xai_doc *curve, xai_arena *arena, plot *p, xai_error *err)
{
    const xai_doc *y = xai_doc_get(line_of(curve), "y");
    if (!(p->y = XAI_NEW(arena, double, y->count))) XAI_NO_MEMORY(err);
    for (const xai_doc *v = y->first; v; v = v->next) {
        double d = p->y[p->count++] = number_of(v);
        p->low = fmin(p->low, d); /* NaN is passed over */
        p->high = fmax(p->high, d);
    }
    if (p->high == p->low) p->high = p->low + 1;
    p->width = p->count < LEAST ? LEAST : p->count > MOST ? MOST : (int)p->count;
    return XAI_OK;
}

static double top_of(const plot *p, double v) { return TOP + (p->high - v) / (p->high - p->low) * HEIGHT; }
static double left_of(const plot *p, size_t i) { return LEFT + (double)i * p->width / (double)p->count; }

static bool is_named(const plot *p, size_t i)
{
    for (size_t k = 0; k < p->named_count; k++)
        if (p->named[k] == i) return true;
    return false;
}

/* At most a quarter of the bars, and none where all are equal. */
static void find_strongest(plot *p)
{
    bool flat = true;
    for (size_t i = 1; i < p->count; i++) flat = flat && p->y[i] == p->y[0];
    while (!flat && p->named_count < NAMED && 4 * p->named_count < p->count) {
        size_t best = p->count;
        for (size_t i = 0; i < p->count; i++)
            if (!isnan(p->y[i]) && !is_named(p, i) && (best == p->count || p->y[i] > p->y[best])) best = i;
        if (best == p->count) return;
        p->named[p->named_count++] = best;
    }
}

/* Whether a stronger bar's name stands where this one's would. */
static bool is_crowded(const plot *p, size_t k)
{
    for (size_t j = 0; j < k; j++)
        if (fabs(left_of(p, p->named[j]) - left_of(p, p->named[k])) < 2.5 * SMALL) return true;
    return false;
}

static void draw_bars(const plot *p)
{
    double gap = p->width >= 4 * (int)p->count ? 1 : 0;
    for (size_t i = 0; i < p->count; i++) {
        double x = left_of(p, i), y = top_of(p, fmax(p->y[i], 0)), end = top_of(p, fmin(p->y[i], 0));
        if (!isnan(p->y[i]))
            xai_canvas_bar(p->canvas, x, y, left_of(p, i + 1) - x - gap, end - y, is_named(p, i) ? 0xd1495b : 0x4c78a8);
    }
    for (size_t k = 0; k < p->named_count; k++) {
        char text[24];
        size_t i = p->named[k];
        double middle = (left_of(p, i) + left_of(p, i + 1)) / 2, top = top_of(p, fmax(p->y[i], 0));
        snprintf(text, sizeof text, "%zu", i);
        if (!is_crowded(p, k)) xai_canvas_text(p->canvas, text, SMALL, middle, top - 3, 0.5, 0);
    }
}

static void draw_scale(const plot *p)
{
    for (int i = 0; i <= 2; i++) {
        char text[40];
        double v = p->low + (p->high - p->low) * i / 2, y = top_of(p, v);
        snprintf(text, sizeof text, "%.3g", v);
        xai_canvas_bar(p->canvas, LEFT, y - 0.5, p->width, 1, 0xdddddd);
        xai_canvas_text(p->canvas, text, TEXT, LEFT - 8, y + TEXT * 0.35, 1, LEFT - 12);
    }
}

static void letter(const plot *p, const xai_doc *curve)
{
    const xai_doc *title = xai_doc_get(curve, "title"), *x = xai_doc_get(curve, "x_label"), *y = xai_doc_get(curve, "y_label");
    char text[64];
    double foot = TOP + HEIGHT + BOTTOM - 10;
    if (title && title->text) xai_canvas_text(p->canvas, title->text, TITLE, LEFT, TITLE + 6, 0, p->width);
    if (x && x->text) xai_canvas_text(p->canvas, x->text, TEXT, LEFT + p->width / 2.0, foot, 0.5, p->width);
    if (y && y->text) xai_canvas_text(p->canvas, y->text, TEXT, LEFT - 8, TOP - 10, 1, LEFT - 10);
    snprintf(text, sizeof text, "%zu", p->count - 1);
    xai_canvas_text(p->canvas, "0", TEXT, LEFT, TOP + HEIGHT + TEXT + 4, 0, 0);
    xai_canvas_text(p->canvas, text, TEXT, LEFT + p->width, TOP + HEIGHT + TEXT + 4, 1, 0);
}

xai_status xai_render_bars(const xai_doc *curve, const char *name, xai_arena *arena, xai_artifact *out, xai_error *err)
{
    plot p = {.low = 0, .high = 0};
    XAI_CHECK(xai_doc_is_bars(curve), err, BAD_PARAM, name, "'%s' is no bar plot", name);
    XAI_TRY(read(curve, arena, &p, err));
    XAI_TRY(xai_canvas_new(LEFT + p.width + RIGHT, TOP + HEIGHT + BOTTOM, &p.canvas, err));
    find_strongest(&p);
    draw_scale(&p);
    draw_bars(&p);
    letter(&p, curve);
    xai_status status = xai_canvas_artifact(p.canvas, name, arena, out, err);
    xai_canvas_free(p.canvas);
    return status;
}
