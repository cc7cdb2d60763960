/* The pictures of a result: an overlay for every map, a drawing for every SAG, a plot for bars and lines. Each is drawn in
 * an arena of its own, of which the result's keeps what is encoded; one thread. */
#include "bars.h"
#include "base/token.h"
#include "curve.h"
#include "explain/method.h"
#include "overlay.h"
#include "sag_picture.h"

#include <string.h>

enum { MOST_PICTURES = 4 }; /* of one artifact */
#define DRAWING_MEMORY ((size_t)1 << 30) /* most bytes that one picture takes while it is drawn */
static const int64_t GRACE = 2000000000; /* ns: what a deadline cut short is shown all the same, if it is drawn so soon */

/* The drawing of a result. */
typedef struct studio {
    xai_result *result;
    unsigned outputs;
    const xai_token *token;
    int64_t started;
} studio;

typedef struct gallery {
    const studio *studio;
    xai_artifact *list; /* the explanation's new artifacts */
    size_t count;
    bool late; /* some were left out */
} gallery;

/* One picture of an artifact, with all that it takes in `arena`. */
typedef xai_status (*draw_fn)(const gallery *g, const xai_artifact *of, const void *how, xai_arena *arena,
                              xai_artifact *out, xai_error *err);

/* ---------------------------------------------------------------- one picture */

static xai_status keep(gallery *g, const xai_artifact *drawn, xai_error *err)
{
    xai_arena *arena = g->studio->result->arena;
    xai_artifact *out = &g->list[g->count];
    uint8_t *bytes = xai_arena_alloc(arena, drawn->size, 1);
    *out = *drawn;
    out->name = xai_arena_strdup(arena, drawn->name);
    out->bytes = bytes;
    if (!bytes || !out->name) XAI_NO_MEMORY(err);
    memcpy(bytes, drawn->bytes, drawn->size);
    g->count++;
    return XAI_OK;
}

/* XAI_OK, or why no more is to be drawn. */
static xai_status check_time(const studio *s, xai_error *err)
{
    xai_status status = xai_token_check(s->token, err);
    return status == XAI_E_DEADLINE && xai_clock_ns() - s->started < GRACE ? XAI_OK : status;
}

static xai_status add_picture(gallery *g, const xai_artifact *of, draw_fn draw, const void *how, xai_error *err)
{
    xai_artifact drawn;
    xai_status status = check_time(g->studio, err);
    if (status == XAI_E_DEADLINE) {
        g->late = true;
        return XAI_OK;
    }
    if (status != XAI_OK) return status;
    xai_arena *arena = xai_arena_new(DRAWING_MEMORY);
    if (!arena) XAI_NO_MEMORY(err);
    status = draw(g, of, how, arena, &drawn, err);
    if (status == XAI_OK) status = keep(g, &drawn, err);
    xai_arena_free(arena);
    return status;
}

/* ---------------------------------------------------------------- by kind of artifact */

/* "overlay" for the map called "map", "<name>-overlay" for any other. */
static xai_status draw_overlay(const gallery *g, const xai_artifact *map, const void *how, xai_arena *arena,
                               xai_artifact *out, xai_error *err)
{
    (void)how;
    const xai_result *r = g->studio->result;
    XAI_TRY(xai_render_overlay(r->view, r->view_width, r->view_height, map->values, (int)map->shape[0],
                               (int)map->shape[1], arena, out, NULL, err));
    if (strcmp(map->name, "map") == 0) return XAI_OK;
    out->name = xai_arena_printf(arena, "%s-overlay", map->name);
    if (!out->name) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* The pictures of a structured attention graph, each made from the graph's document alone. */
typedef struct sag_output {
    xai_output output;
    xai_sag_renderer *render;
} sag_output;

static const sag_output SAG_OUTPUTS[] = {{XAI_OUTPUT_OVERLAY, xai_render_sag}, {XAI_OUTPUT_TREE, xai_render_sag_tree},
                                         {XAI_OUTPUT_SVG, xai_render_sag_svg}, {XAI_OUTPUT_GIF, xai_render_sag_gif}};

static xai_status draw_sag(const gallery *g, const xai_artifact *graph, const void *how, xai_arena *arena,
                           xai_artifact *out, xai_error *err)
{
    const xai_result *r = g->studio->result;
    return ((const sag_output *)how)->render(graph->doc, r->view, r->view_width, r->view_height, arena, out, err);
}

static xai_status add_sag_pictures(gallery *g, const xai_artifact *graph, xai_error *err)
{
    for (size_t i = 0; i < sizeof SAG_OUTPUTS / sizeof SAG_OUTPUTS[0]; i++)
        if (g->studio->outputs & SAG_OUTPUTS[i].output) XAI_TRY(add_picture(g, graph, draw_sag, &SAG_OUTPUTS[i], err));
    return XAI_OK;
}

static xai_status draw_plot(const gallery *g, const xai_artifact *curve, const void *how, xai_arena *arena,
                            xai_artifact *out, xai_error *err)
{
    (void)g;
    (void)how;
    const char *name = xai_arena_printf(arena, "%s-picture", curve->name);
    if (!name) XAI_NO_MEMORY(err);
    return (xai_doc_is_bars(curve->doc) ? xai_render_bars : xai_render_curve)(curve->doc, name, arena, out, err);
}

static xai_status render_artifact(gallery *g, const xai_artifact *a, xai_error *err)
{
    bool is_map = a->kind == XAI_ARTIFACT_MAP, has_view = g->studio->result->view; /* a tensor has none to draw over */
    if (!is_map || g->studio->outputs & XAI_OUTPUT_MAP) g->list[g->count++] = *a;
    if (a->kind == XAI_ARTIFACT_GRAPH) return has_view ? add_sag_pictures(g, a, err) : XAI_OK;
    if (!(g->studio->outputs & XAI_OUTPUT_OVERLAY)) return XAI_OK;
    if (is_map) return has_view ? add_picture(g, a, draw_overlay, NULL, err) : XAI_OK;
    bool plotted = a->kind == XAI_ARTIFACT_CURVE && (xai_doc_is_bars(a->doc) || xai_doc_is_lines(a->doc));
    return plotted ? add_picture(g, a, draw_plot, NULL, err) : XAI_OK;
}

/* ---------------------------------------------------------------- all of them */

static xai_status render_explanation(const studio *s, xai_explanation *e, xai_error *err)
{
    xai_result *r = s->result;
    gallery g = {.studio = s, .list = XAI_NEW(r->arena, xai_artifact, (1 + MOST_PICTURES) * e->artifact_count)};
    if (!g.list) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < e->artifact_count; i++) XAI_TRY(render_artifact(&g, &e->artifacts[i], err));
    e->artifacts = g.list;
    e->artifact_count = g.count;
    if (!g.late) return XAI_OK;
    r->partial = true;
    return xai_task_warn(&(xai_task){.arena = r->arena, .result = e}, err, "The deadline came before all pictures were "
                         "drawn.");
}

xai_status xai_result_render(xai_result *result, unsigned outputs, const xai_token *token, xai_error *err)
{
    studio s = {result, outputs ? outputs : XAI_OUTPUT_USUAL, token, xai_clock_ns()};
    xai_explanation *list = (xai_explanation *)(uintptr_t)result->explanations; /* the result is ours to change */
    for (size_t i = 0; i < result->explanation_count; i++) XAI_TRY(render_explanation(&s, &list[i], err));
    result->render_ms = (double)(xai_clock_ns() - s.started) * 1e-6;
    return XAI_OK;
}
