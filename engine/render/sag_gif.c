/*
 * A graph as an animation: its roots one after the other, then below each of them set after set, with one patch less
 * each time, until the picture is whole. Every frame is the canvas of the still picture, so far.
 */
#include "sag_picture.h"

#include <stdlib.h>

#include "gif.h"
#include "sag_draw.h"

enum { FOR_ROOT = 90, FOR_STEP = 55, AT_THE_END = 500 }; /* hundredths of a second */

typedef struct film {
    const xai_sag_plan *plan;
    xai_sag_drawing drawing;
    size_t *order; /* boxes as they appear */
    size_t count;
    bool *seen;
    uint8_t *rgb;  /* the canvas's pixels */
    xai_gif *gif;
} film;

static void appear(film *f, size_t box)
{
    f->seen[box] = true;
    f->order[f->count++] = box;
}

/* What hangs below a box, depth first, from left to right; layers are few. */
static void follow(film *f, size_t box)
{
    const xai_sag_layout *l = &f->plan->layout;
    for (;;) {
        size_t next = l->box_count;
        for (size_t i = 0; i < l->line_count; i++) {
            size_t to = l->lines[i].to;
            bool here = l->lines[i].from == box && xai_sag_line_drawn(l, &l->lines[i]) && !f->seen[to];
            if (here && (next == l->box_count || l->boxes[to].x < l->boxes[next].x)) next = to;
        }
        if (next == l->box_count) return;
        appear(f, next);
        follow(f, next);
    }
}

static size_t leftmost_unseen_root(const film *f)
{
    const xai_sag_layout *l = &f->plan->layout;
    size_t first = l->box_count;
    for (size_t i = 0; i < l->box_count; i++)
        if (l->boxes[i].layer == 0 && !f->seen[i] && (first == l->box_count || l->boxes[i].x < l->boxes[first].x))
            first = i;
    return first;
}

static xai_status settle_order(film *f, xai_arena *arena, xai_error *err)
{
    const xai_sag_layout *l = &f->plan->layout;
    f->order = XAI_NEW(arena, size_t, l->box_count);
    f->seen = XAI_NEW(arena, bool, l->box_count);
    if (!f->order || !f->seen) XAI_NO_MEMORY(err);
    for (size_t root; (root = leftmost_unseen_root(f)) < l->box_count;) appear(f, root);
    for (size_t i = 0, roots = f->count; i < roots; i++) follow(f, f->order[i]);
    return XAI_OK;
}

/* A box, and the lines between it and those that are there; `until` is its place in the order. */
static void show(film *f, size_t until)
{
    const xai_sag_layout *l = &f->plan->layout;
    size_t box = f->order[until];
    f->seen[box] = true;
    for (size_t i = 0; i < l->line_count; i++) {
        const xai_sag_line *line = &l->lines[i];
        bool touches = line->from == box || line->to == box;
        if (touches && xai_sag_line_drawn(l, line) && f->seen[line->from] && f->seen[line->to])
            xai_sag_draw_line(&f->drawing, line);
    }
    xai_sag_draw_box(&f->drawing, &l->boxes[box]);
}

/* The whole picture first: its colours are those of all frames. */
static xai_status choose_colours(film *f, xai_arena *arena, xai_palette *palette, xai_error *err)
{
    size_t pixels = (size_t)f->plan->width * (size_t)f->plan->height;
    XAI_TRY(xai_sag_draw_begin(&f->drawing, f->plan, arena, err));
    for (size_t i = 0; i < f->count; i++) show(f, i);
    xai_canvas_rgb(f->drawing.canvas, f->rgb);
    xai_sag_draw_end(&f->drawing);
    return xai_palette_make(f->rgb, pixels, arena, palette, err);
}

static xai_status take(film *f, int hundredths, xai_error *err)
{
    xai_canvas_rgb(f->drawing.canvas, f->rgb);
    return xai_gif_add(f->gif, f->rgb, hundredths, err);
}

static xai_status shoot(film *f, xai_error *err)
{
    const xai_sag_layout *l = &f->plan->layout;
    for (size_t i = 0; i < l->box_count; i++) f->seen[i] = false;
    for (size_t i = 0; i < f->count; i++) {
        bool root = l->boxes[f->order[i]].layer == 0, last = i + 1 == f->count;
        show(f, i);
        XAI_TRY(take(f, last ? AT_THE_END : root ? FOR_ROOT : FOR_STEP, err));
    }
    return f->count ? XAI_OK : take(f, AT_THE_END, err); /* without nodes: the view, and why */
}

static xai_status make(film *f, xai_arena *arena, const uint8_t **bytes, size_t *size, xai_error *err)
{
    xai_status status = XAI_OK;
    xai_palette *palette = XAI_NEW(arena, xai_palette, 1);
    f->rgb = xai_arena_alloc(arena, (size_t)f->plan->width * (size_t)f->plan->height, 3);
    if (!palette || !f->rgb) XAI_NO_MEMORY(err);
    XAI_TRY(choose_colours(f, arena, palette, err));
    XAI_TRY(xai_sag_draw_begin(&f->drawing, f->plan, arena, err));
    XAI_TRY_OUT(xai_gif_new(f->plan->width, f->plan->height, palette, &f->gif, err));
    XAI_TRY_OUT(shoot(f, err));
    XAI_TRY_OUT(xai_canvas_check(f->drawing.canvas, err));
    status = xai_gif_end(f->gif, arena, bytes, size, err);
out:
    xai_gif_free(f->gif);
    xai_sag_draw_end(&f->drawing);
    return status;
}

xai_status xai_render_sag_gif(const xai_doc *graph, const uint8_t *view_rgb, int width, int height, xai_arena *arena,
                              xai_artifact *out, xai_error *err)
{
    xai_sag_plan plan;
    XAI_TRY(xai_sag_plan_make(graph, view_rgb, width, height, false, arena, &plan, err));
    film f = {.plan = &plan};
    XAI_TRY(settle_order(&f, arena, err));
    *out = (xai_artifact){.name = "gif", .kind = XAI_ARTIFACT_IMAGE, .media_type = "image/gif", .width = plan.width,
                          .height = plan.height};
    return make(&f, arena, &out->bytes, &out->size, err);
}
