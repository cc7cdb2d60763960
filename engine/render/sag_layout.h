/*
 * Which nodes of a structured attention graph are drawn, and where: layers from the roots downwards.
 *
 * Small graphs are drawn whole. Of large ones, every drawn node shows in turn the child that keeps most and the child
 * that loses most, until its layer is full. As a tree, a set that several nodes lead to has a box below each of them.
 */
#ifndef XAI_RENDER_SAG_LAYOUT_H
#define XAI_RENDER_SAG_LAYOUT_H

#include "base/doc.h"
#include "explain/sag/mask.h"

enum { XAI_SAG_LAYERS = 5 };

typedef struct xai_sag_box { /* a drawn node; lengths in pixels */
    size_t node;      /* its place in the document's list; boxes of a tree may share one */
    xai_mask mask;
    xai_mask removed; /* regions that its drawn parents have and it has not */
    double p, rel;
    double versus;    /* the other class's probability; NaN: there is none */
    int layer;        /* -1: not drawn */
    double order;     /* within its layer, while that is settled */
    int x, y, side;   /* of its square */
} xai_sag_box;

typedef struct xai_sag_line {
    size_t from, to; /* boxes */
    int removed;
    double drop;
} xai_sag_line;

typedef struct xai_sag_layout {
    xai_sag_box *boxes; /* all nodes, in the document's order; of a tree, roots and all children of drawn boxes */
    size_t box_count, drawn;
    xai_sag_line *lines; /* all edges between them */
    size_t line_count;
    size_t left_out;   /* nodes of the document without a drawn box */
    int width, height; /* of everything drawn */
} xai_sag_layout;

/* `caption`: height of the lettering below a square; `gap`: between squares. BAD_PARAM for another document. */
xai_status xai_sag_layout_make(const xai_doc *graph, int count, bool tree, int caption, int gap, xai_arena *arena,
                               xai_sag_layout *out, xai_error *err);

/* Whether both ends of a line are drawn, one layer apart. */
bool xai_sag_line_drawn(const xai_sag_layout *layout, const xai_sag_line *line);

#endif
