/* Drawing a plan on a canvas, piece by piece: the picture shows them all, the animation one after the other. */
#ifndef XAI_RENDER_SAG_DRAW_H
#define XAI_RENDER_SAG_DRAW_H

#include "canvas.h"
#include "sag_plan.h"

typedef struct xai_sag_drawing {
    const xai_sag_plan *plan;
    xai_canvas *canvas;
    uint8_t *masked; /* a view's pixels */
    float *line;     /* of its width */
} xai_sag_drawing;

/* A canvas with the lettering, and the view alone where the plan has no nodes. Ended with xai_sag_draw_end. */
xai_status xai_sag_draw_begin(xai_sag_drawing *drawing, const xai_sag_plan *plan, xai_arena *arena, xai_error *err);
void xai_sag_draw_end(xai_sag_drawing *drawing);

void xai_sag_draw_box(xai_sag_drawing *drawing, const xai_sag_box *box);
void xai_sag_draw_line(xai_sag_drawing *drawing, const xai_sag_line *line);

#endif
