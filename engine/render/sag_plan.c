/* Where things stand in the picture of a graph, and what is written there. Pure but for the arena. */
#include "sag_plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "explain/sag/document.h"

enum { GAP = 16, HEAD = 84, FOOT = 30, BELOW_LINE = 7, LEAST_WIDTH = 880, MAX_VIEW = 1 << 14 };

static const double DIMMED = 0.24; /* brightness of what is hidden */

double xai_sag_dimmed(const uint8_t *p) { return DIMMED * (0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]); }

void xai_sag_figures(const xai_sag_box *box, char *text, char *versus)
{
    snprintf(text, XAI_SAG_FIGURES, "%.2f \xc2\xb7 %.0f %%", box->p, 100 * box->rel);
    versus[0] = '\0';
    if (!isnan(box->versus)) snprintf(versus, XAI_SAG_FIGURES, "against %.2f", box->versus);
}

/* ---------------------------------------------------------------- shapes */

static bool holds(const xai_regions *r, int region, int x, int y)
{
    bool inside = x >= 0 && y >= 0 && x < r->width && y < r->height;
    return inside && r->labels[(size_t)y * (size_t)r->width + (size_t)x] == region;
}

/* Along line `at` of pixels' edges, horizontal or vertical: the runs on whose two sides the region differs. */
static void border_line(const xai_regions *r, int region, int at, bool vertical, xai_sag_border_fn piece, void *user)
{
    int length = vertical ? r->height : r->width, begun = -1;
    for (int i = 0; i <= length; i++) {
        int x = vertical ? at : i, y = vertical ? i : at;
        bool edge = i < length && holds(r, region, x, y) != holds(r, region, vertical ? x - 1 : x, vertical ? y : y - 1);
        if (edge && begun < 0) begun = i;
        if (edge || begun < 0) continue;
        if (vertical) piece(user, at, begun, at, i);
        else piece(user, begun, at, i, at);
        begun = -1;
    }
}

void xai_sag_border(const xai_sag_plan *plan, int region, xai_sag_border_fn piece, void *user)
{
    const xai_regions *r = &plan->regions;
    for (int y = 0; y <= r->height; y++) border_line(r, region, y, false, piece, user);
    for (int x = 0; x <= r->width; x++) border_line(r, region, x, true, piece, user);
}

xai_sag_curve xai_sag_curve_of(const xai_sag_plan *plan, const xai_sag_line *line)
{
    const xai_sag_box *from = &plan->layout.boxes[line->from], *to = &plan->layout.boxes[line->to];
    double loss = plan->f_all > 0 ? fmin(fmax(line->drop / plan->f_all, 0), 1) : 0;
    xai_sag_curve c = {.x0 = from->x + from->side / 2.0, .y0 = from->y + from->side + plan->caption,
                       .x1 = to->x + to->side / 2.0, .y1 = to->y - 3, .red = 0.66 + 0.24 * loss,
                       .green = 0.68 - 0.5 * loss, .blue = 0.71 - 0.5 * loss, .thickness = 1.2 + 2.4 * loss};
    c.bend = (c.y1 - c.y0) / 2;
    return c;
}

/* ---------------------------------------------------------------- lettering */

/* The class that the target is compared with, and what the whole image gives it; NULL: none. */
static const xai_doc *versus_of(const xai_doc *graph)
{
    const xai_doc *threshold = xai_doc_get(graph, "threshold");
    const xai_doc *versus = threshold ? xai_doc_get(threshold, "versus") : NULL;
    return versus && versus->type == XAI_DOC_OBJECT ? versus : NULL;
}

/* Of what is written in XML, too: a label with a sign of its own is left out. */
static void write_versus(xai_sag_plan *plan, const xai_doc *versus)
{
    const xai_doc *name = xai_doc_get(versus, "name"), *f_all = xai_doc_get(versus, "f_all");
    bool plain = name && name->type == XAI_DOC_TEXT && strlen(name->text) < 60 && !strpbrk(name->text, "<>&");
    snprintf(plan->against, sizeof plan->against, "Against: %s, whose probability is %.2f on the whole image.",
             plain ? name->text : "another class", f_all && f_all->type == XAI_DOC_REAL ? f_all->real : NAN);
}

static void write_words(xai_sag_plan *plan, const xai_doc *graph)
{
    const xai_doc *roots = xai_doc_get(graph, "roots");
    size_t n = roots ? roots->count : 0, left = plan->layout.left_out;
    if (n == 1) snprintf(plan->title, sizeof plan->title, "These patches alone are enough for the network");
    else
        snprintf(plan->title, sizeof plan->title, "%zu combinations of patches: each alone is enough for the network",
                 n);
    snprintf(plan->legend, sizeof plan->legend,
             "Bright: shown to it; dark: hidden. Each step down hides the patch outlined in red. Bar: share of the "
             "whole image\xe2\x80\x99s probability, %.2f.", plan->f_all);
    if (versus_of(graph)) write_versus(plan, versus_of(graph));
    if (left)
        snprintf(plan->foot, sizeof plan->foot, "%zu further node%s of the graph %s not drawn.", left,
                 left == 1 ? "" : "s", left == 1 ? "is" : "are");
}

static void write_reason(xai_sag_plan *plan, const xai_doc *graph)
{
    const xai_doc *reason = xai_doc_get(graph, "reason");
    snprintf(plan->title, sizeof plan->title, "No combination of patches to show");
    snprintf(plan->legend, sizeof plan->legend, "%s", reason && reason->type == XAI_DOC_TEXT ? reason->text : "");
    char *first = plan->legend;
    if (*first >= 'a' && *first <= 'z') *first = (char)(*first - 'a' + 'A');
}

/* ---------------------------------------------------------------- the whole */

static void place(xai_sag_plan *plan)
{
    xai_sag_layout *l = &plan->layout;
    int wanted = l->width + 2 * XAI_SAG_MARGIN;
    plan->width = wanted > LEAST_WIDTH ? wanted : LEAST_WIDTH;
    plan->height = plan->head + (l->drawn ? l->height : XAI_SAG_ALONE) + XAI_SAG_MARGIN + (l->left_out ? FOOT : 0);
    for (size_t i = 0; i < l->box_count; i++) {
        l->boxes[i].x += plan->width / 2;
        l->boxes[i].y += plan->head;
    }
}

xai_status xai_sag_plan_make(const xai_doc *graph, const uint8_t *view_rgb, int width, int height, bool tree,
                             xai_arena *arena, xai_sag_plan *plan, xai_error *err)
{
    *plan = (xai_sag_plan){.view = view_rgb, .view_width = width, .view_height = height};
    XAI_CHECK(width > 0 && height > 0 && width <= MAX_VIEW && height <= MAX_VIEW, err, BAD_PARAM, "view",
              "a view of %d x %d pixels cannot be drawn", width, height);
    XAI_TRY(xai_sag_regions_of(graph, height, width, arena, &plan->regions, err));
    const xai_doc *threshold = xai_doc_get(graph, "threshold");
    const xai_doc *f_all = threshold ? xai_doc_get(threshold, "f_all") : NULL;
    plan->f_all = f_all && f_all->type == XAI_DOC_REAL ? f_all->real : 0;
    int more = versus_of(graph) ? XAI_SAG_NEXT_LINE : 0;
    plan->caption = XAI_SAG_LINE + more + BELOW_LINE;
    plan->head = HEAD + more;
    XAI_TRY(xai_sag_layout_make(graph, plan->regions.count, tree, plan->caption, GAP, arena, &plan->layout, err));
    place(plan);
    if (plan->layout.drawn) write_words(plan, graph);
    else write_reason(plan, graph);
    return XAI_OK;
}
