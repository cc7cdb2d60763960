/* A graph as PNG: all of the plan at once. */
#include "sag_picture.h"

#include "sag_draw.h"

static xai_status draw(const xai_sag_plan *plan, const char *name, xai_arena *arena, xai_artifact *out, xai_error *err)
{
    const xai_sag_layout *l = &plan->layout;
    xai_sag_drawing d;
    XAI_TRY(xai_sag_draw_begin(&d, plan, arena, err));
    for (size_t i = 0; i < l->line_count; i++)
        if (xai_sag_line_drawn(l, &l->lines[i])) xai_sag_draw_line(&d, &l->lines[i]);
    for (size_t i = 0; i < l->box_count; i++)
        if (l->boxes[i].layer >= 0) xai_sag_draw_box(&d, &l->boxes[i]);
    xai_status status = xai_canvas_artifact(d.canvas, name, arena, out, err);
    xai_sag_draw_end(&d);
    return status;
}

xai_status xai_render_sag(const xai_doc *graph, const uint8_t *view_rgb, int width, int height, xai_arena *arena,
                          xai_artifact *out, xai_error *err)
{
    xai_sag_plan plan;
    XAI_TRY(xai_sag_plan_make(graph, view_rgb, width, height, false, arena, &plan, err));
    return draw(&plan, "picture", arena, out, err);
}

xai_status xai_render_sag_tree(const xai_doc *graph, const uint8_t *view_rgb, int width, int height, xai_arena *arena,
                               xai_artifact *out, xai_error *err)
{
    xai_sag_plan plan;
    XAI_TRY(xai_sag_plan_make(graph, view_rgb, width, height, true, arena, &plan, err));
    return draw(&plan, "tree", arena, out, err);
}
