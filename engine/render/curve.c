/*
 * Curves as plots: what the map did drawn through, what it is compared with in dashes. Scales hold all points; one that
 * lies within 0..1 shows all of it. Thread-safe: no state.
 */
#include "curve.h"

#include "plot.h"

#include <math.h>
#include <string.h>

enum { MOST_LINES = 16 };

bool xai_doc_is_lines(const xai_doc *curve)
{
    const xai_doc *form = xai_doc_get(curve, "form"), *series = xai_doc_get(curve, "series");
    const xai_doc *y = series && series->first ? xai_doc_get(series->first, "y") : NULL;
    return form && form->type == XAI_DOC_TEXT && strcmp(form->text, "lines") == 0 && y && y->count > 0;
}

static const char *text_of(const xai_doc *object, const char *key)
{
    const xai_doc *text = xai_doc_get(object, key);
    return text && text->text ? text->text : "";
}

static double *numbers_of(const xai_doc *array, size_t count, xai_arena *arena)
{
    double *values = XAI_NEW(arena, double, count);
    size_t i = 0;
    for (const xai_doc *v = array ? array->first : NULL; values && v && i < count; v = v->next, i++)
        values[i] = v->type == XAI_DOC_REAL ? v->real : v->type == XAI_DOC_INT ? (double)v->integer : (double)NAN;
    return values;
}

static void widen(const double *values, size_t count, double *low, double *high)
{
    for (size_t i = 0; i < count; i++) {
        *low = fmin(*low, values[i]); /* NaN is passed over */
        *high = fmax(*high, values[i]);
    }
}

/* 0..1 where all points lie in it and fill a part of it; else what they span, with some room. */
static void round_scale(double *low, double *high)
{
    if (*low >= 0 && *high <= 1 && *high > 0.3) {
        *low = 0;
        *high = 1;
        return;
    }
    double room = *high > *low ? 0.05 * (*high - *low) : 0.5;
    if (*low < 0 || *low > 0.2 * *high) *low -= room;
    else *low = 0;
    *high += room;
}

static bool is_random(const char *name) { return strncmp(name, "random maps", 11) == 0; }
static bool is_compared(const char *name) { return is_random(name) || strncmp(name, "edges", 5) == 0; }

static xai_status read_line(const xai_doc *line, xai_arena *arena, xai_plot_lines *p, xai_plot_line *out, xai_error *err)
{
    const xai_doc *x = xai_doc_get(line, "x"), *y = xai_doc_get(line, "y");
    size_t count = x && y ? (x->count < y->count ? x->count : y->count) : 0;
    const char *name = text_of(line, "name");
    double *xs = numbers_of(x, count, arena), *ys = numbers_of(y, count, arena);
    if (!xs || !ys) XAI_NO_MEMORY(err);
    widen(xs, count, &p->x_low, &p->x_high);
    widen(ys, count, &p->y_low, &p->y_high);
    *out = (xai_plot_line){.name = name, .x = xs, .y = ys, .count = count, .colour = (int)p->count};
    if (is_compared(name)) {
        out->colour = 6;
        out->dash = is_random(name) ? 1 : 2;
    }
    p->count++;
    return XAI_OK;
}

xai_status xai_render_curve(const xai_doc *curve, const char *name, xai_arena *arena, xai_artifact *out, xai_error *err)
{
    XAI_CHECK(xai_doc_is_lines(curve), err, BAD_PARAM, name, "'%s' has no lines", name);
    xai_plot_line *lines = XAI_NEW(arena, xai_plot_line, MOST_LINES);
    if (!lines) XAI_NO_MEMORY(err);
    xai_plot_lines p = {.title = text_of(curve, "title"), .x_label = text_of(curve, "x_label"),
                        .y_label = text_of(curve, "y_label"), .x_low = INFINITY, .x_high = -INFINITY, .y_low = INFINITY,
                        .y_high = -INFINITY, .lines = lines};
    for (const xai_doc *line = xai_doc_get(curve, "series")->first; line && p.count < MOST_LINES; line = line->next)
        XAI_TRY(read_line(line, arena, &p, &lines[p.count], err));
    round_scale(&p.x_low, &p.x_high);
    round_scale(&p.y_low, &p.y_high);
    return xai_render_lines(&p, name, arena, out, err);
}
