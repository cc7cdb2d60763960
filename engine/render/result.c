/* The pictures of a result: an overlay for every map, a drawing for every SAG, a plot for bars and lines. Adds to the
 * result's own arena; one thread. */
#include "bars.h"
#include "base/token.h"
#include "curve.h"
#include "overlay.h"
#include "sag_picture.h"

#include <string.h>

typedef struct gallery {
    const xai_result *result;
    unsigned outputs;
    xai_artifact *list; /* the explanation's new artifacts */
    size_t count;
} gallery;

/* "overlay" for the map called "map", "<name>-overlay" for any other. */
static xai_status name_overlay(const gallery *g, const xai_artifact *map, xai_artifact *out, xai_error *err)
{
    if (strcmp(map->name, "map") == 0) return XAI_OK;
    out->name = xai_arena_printf(g->result->arena, "%s-overlay", map->name);
    if (!out->name) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status add_overlay(gallery *g, const xai_artifact *map, xai_error *err)
{
    const xai_result *r = g->result;
    xai_artifact *out = &g->list[g->count];
    if (!r->view) return XAI_OK; /* the input was a tensor: there is nothing to lay it over */
    XAI_TRY(xai_render_overlay(r->view, r->view_width, r->view_height, map->values, (int)map->shape[0],
                               (int)map->shape[1], r->arena, out, NULL, err));
    XAI_TRY(name_overlay(g, map, out, err));
    g->count++;
    return XAI_OK;
}

/* The picture of a structured attention graph, beside the graph itself. */
static xai_status add_sag_picture(gallery *g, const xai_artifact *graph, xai_error *err)
{
    const xai_result *r = g->result;
    if (!r->view) return XAI_OK;
    return xai_render_sag(graph->doc, r->view, r->view_width, r->view_height, r->arena, &g->list[g->count++], err);
}

static xai_status add_drawing(gallery *g, const xai_artifact *graph, xai_error *err)
{
    const xai_result *r = g->result;
    if (!r->view) return XAI_OK;
    return xai_render_sag(graph->doc, r->view, r->view_width, r->view_height, r->arena, &g->list[g->count++], err);
}

static xai_status add_plot(gallery *g, const xai_artifact *curve, xai_error *err)
{
    const char *name = xai_arena_printf(g->result->arena, "%s-picture", curve->name);
    if (!name) XAI_NO_MEMORY(err);
    xai_artifact *out = &g->list[g->count++];
    if (xai_doc_is_bars(curve->doc)) return xai_render_bars(curve->doc, name, g->result->arena, out, err);
    return xai_render_curve(curve->doc, name, g->result->arena, out, err);
}

static xai_status render_artifact(gallery *g, const xai_artifact *a, xai_error *err)
{
    bool is_sag = a->kind == XAI_ARTIFACT_GRAPH && strcmp(a->name, "sag") == 0;
    bool is_map = a->kind == XAI_ARTIFACT_MAP;
    if (!is_map || g->outputs & XAI_OUTPUT_MAP) g->list[g->count++] = *a;
    if (is_sag && g->outputs & XAI_OUTPUT_OVERLAY) return add_sag_picture(g, a, err);
    if (!(g->outputs & XAI_OUTPUT_OVERLAY)) return XAI_OK;
    if (is_map) return add_overlay(g, a, err);
    bool plotted = a->kind == XAI_ARTIFACT_CURVE && (xai_doc_is_bars(a->doc) || xai_doc_is_lines(a->doc));
    if (plotted) return add_plot(g, a, err);
    return a->kind == XAI_ARTIFACT_GRAPH ? add_drawing(g, a, err) : XAI_OK;
}

static xai_status render_explanation(const xai_result *r, xai_explanation *e, unsigned outputs, xai_error *err)
{
    gallery g = {.result = r, .outputs = outputs, .list = XAI_NEW(r->arena, xai_artifact, 2 * e->artifact_count)};
    if (!g.list) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < e->artifact_count; i++) XAI_TRY(render_artifact(&g, &e->artifacts[i], err));
    e->artifacts = g.list;
    e->artifact_count = g.count;
    return XAI_OK;
}

xai_status xai_result_render(xai_result *result, unsigned outputs, xai_error *err)
{
    int64_t started = xai_clock_ns();
    xai_explanation *list = (xai_explanation *)(uintptr_t)result->explanations; /* the result is ours to change */
    for (size_t i = 0; i < result->explanation_count; i++)
        XAI_TRY(render_explanation(result, &list[i], outputs ? outputs : XAI_OUTPUT_ALL, err));
    result->render_ms = (double)(xai_clock_ns() - started) * 1e-6;
    return XAI_OK;
}
