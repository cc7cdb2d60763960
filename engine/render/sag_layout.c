/*
 * The layout of a structured attention graph. Reads the document alone; pure but for the arena.
 *
 * Invariant: a drawn box below layer 0 has a drawn parent in the layer above. Ties go to the earlier node.
 */
#include "sag_layout.h"

#include <math.h>
#include <string.h>

enum { LAYER_ROOM = 10, LAYER_DISTANCE = 46 };

static const int SIDES[XAI_SAG_LAYERS] = {196, 132, 108, 92, 84};

/* ---------------------------------------------------------------- reading */

static double real_of(const xai_doc *object, const char *key)
{
    const xai_doc *value = xai_doc_get(object, key);
    if (!value) return NAN;
    return value->type == XAI_DOC_INT ? (double)value->integer : value->type == XAI_DOC_REAL ? value->real : NAN;
}

static bool true_of(const xai_doc *object, const char *key)
{
    const xai_doc *value = xai_doc_get(object, key);
    return value && value->type == XAI_DOC_BOOL && value->boolean;
}

static xai_status mask_of(const xai_doc *object, const char *key, int count, xai_mask *out, xai_error *err)
{
    const xai_doc *value = xai_doc_get(object, key);
    XAI_CHECK(value && value->type == XAI_DOC_TEXT, err, BAD_PARAM, "graph", "a node or edge has no \"%s\"", key);
    return xai_mask_from_hex(value->text, count, out, err);
}

static xai_status find_box(const xai_sag_layout *l, const xai_doc *edge, const char *key, int count, size_t *at,
                           xai_error *err)
{
    xai_mask mask;
    XAI_TRY(mask_of(edge, key, count, &mask, err));
    for (*at = 0; *at < l->box_count; (*at)++)
        if (xai_mask_equal(l->boxes[*at].mask, mask)) return XAI_OK;
    XAI_FAIL(err, BAD_PARAM, "graph", "an edge leads to a node that is not listed");
}

static xai_status read_graph(const xai_doc *graph, int count, xai_arena *arena, xai_sag_layout *l, xai_error *err)
{
    const xai_doc *nodes = xai_doc_get(graph, "nodes"), *edges = xai_doc_get(graph, "edges");
    XAI_CHECK(nodes && edges, err, BAD_PARAM, "graph", "this is not a structured attention graph");
    l->boxes = XAI_NEW(arena, xai_sag_box, nodes->count);
    l->lines = XAI_NEW(arena, xai_sag_line, edges->count);
    if (!l->boxes || !l->lines) XAI_NO_MEMORY(err);
    for (const xai_doc *n = nodes->first; n; n = n->next) {
        xai_sag_box *box = &l->boxes[l->box_count];
        XAI_TRY(mask_of(n, "id", count, &box->mask, err));
        box->p = real_of(n, "p");
        box->rel = real_of(n, "rel");
        box->versus = real_of(n, "versus");
        box->layer = true_of(n, "root") ? 0 : -1;
        box->node = l->box_count;
        box->order = (double)l->box_count++;
    }
    for (const xai_doc *e = edges->first; e; e = e->next) {
        xai_sag_line *line = &l->lines[l->line_count++];
        XAI_TRY(find_box(l, e, "from", count, &line->from, err));
        XAI_TRY(find_box(l, e, "to", count, &line->to, err));
        line->drop = real_of(e, "drop");
        line->removed = (int)real_of(e, "removed");
        XAI_CHECK(line->removed >= 0 && line->removed < count, err, BAD_PARAM, "graph", "an edge removes no region");
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- the tree */

/* Room for the tree: the graph's roots, and all children of what a full layer may hold. */
static xai_status plant(const xai_sag_layout *graph, int count, xai_arena *arena, xai_sag_layout *tree, xai_error *err)
{
    size_t roots = 0;
    for (size_t i = 0; i < graph->box_count; i++) roots += graph->boxes[i].layer == 0;
    size_t parents = roots + (XAI_SAG_LAYERS - 2) * LAYER_ROOM, room = parents * (size_t)count;
    tree->boxes = XAI_NEW(arena, xai_sag_box, roots + room);
    tree->lines = XAI_NEW(arena, xai_sag_line, room);
    if (!tree->boxes || !tree->lines) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < graph->box_count; i++)
        if (graph->boxes[i].layer == 0) tree->boxes[tree->box_count++] = graph->boxes[i];
    return XAI_OK;
}

/* Gives each drawn box of a layer children of its own. An edge leads from a set to one with a region less, so that a
 * box has no more of them than there are regions. */
static void sprout(xai_sag_layout *tree, const xai_sag_layout *graph, int layer, int count)
{
    size_t n = tree->box_count;
    for (size_t i = 0; i < n; i++) {
        int born = 0;
        for (size_t k = 0; tree->boxes[i].layer == layer && k < graph->line_count && born < count; k++) {
            const xai_sag_line *line = &graph->lines[k];
            if (line->from != tree->boxes[i].node) continue;
            xai_sag_box child = graph->boxes[line->to];
            child.layer = -1;
            tree->lines[tree->line_count++] =
                (xai_sag_line){.from = i, .to = tree->box_count, .removed = line->removed, .drop = line->drop};
            tree->boxes[tree->box_count++] = child;
            born++;
        }
    }
}

/* ---------------------------------------------------------------- choosing */

/* The parent's child that is not drawn yet and has the highest, or lowest, score; box_count if there is none. */
static size_t pick_child(const xai_sag_layout *l, size_t parent, bool highest)
{
    size_t best = l->box_count;
    for (size_t i = 0; i < l->line_count; i++) {
        size_t to = l->lines[i].to;
        if (l->lines[i].from != parent || l->boxes[to].layer >= 0) continue;
        if (best == l->box_count || (highest ? l->boxes[to].p > l->boxes[best].p : l->boxes[to].p < l->boxes[best].p))
            best = to;
    }
    return best;
}

/* In rounds, each box of the layer above brings one child, until the layer is full or nobody has one left. */
static void fill_layer(xai_sag_layout *l, int layer)
{
    int placed = 0;
    for (bool any = true, highest = true; any && placed < LAYER_ROOM; highest = !highest) {
        any = false;
        for (size_t i = 0; i < l->box_count && placed < LAYER_ROOM; i++) {
            size_t child = l->boxes[i].layer == layer - 1 ? pick_child(l, i, highest) : l->box_count;
            if (child == l->box_count) continue;
            l->boxes[child].layer = layer;
            any = true;
            placed++;
        }
    }
}

bool xai_sag_line_drawn(const xai_sag_layout *l, const xai_sag_line *line)
{
    int from = l->boxes[line->from].layer, to = l->boxes[line->to].layer;
    return from >= 0 && to == from + 1;
}

static void note_removed(xai_sag_layout *l)
{
    for (size_t i = 0; i < l->line_count; i++) {
        xai_sag_box *child = &l->boxes[l->lines[i].to];
        if (xai_sag_line_drawn(l, &l->lines[i])) child->removed = xai_mask_with(child->removed, l->lines[i].removed);
    }
}

/* ---------------------------------------------------------------- placing */

/* The mean place of the drawn parents: children stand below them. */
static double parents_place(const xai_sag_layout *l, size_t box)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < l->line_count; i++) {
        if (l->lines[i].to != box || !xai_sag_line_drawn(l, &l->lines[i])) continue;
        sum += l->boxes[l->lines[i].from].order;
        n++;
    }
    return n > 0 ? sum / n : 0;
}

/* Whether box a stands left of b: under its parents, then the higher score, then the document's order. */
static bool is_left(const xai_sag_layout *l, size_t a, double place_a, size_t b, double place_b)
{
    if (place_a != place_b) return place_a < place_b;
    if (l->boxes[a].p != l->boxes[b].p) return l->boxes[a].p > l->boxes[b].p;
    return a < b;
}

/* Orders the boxes of one layer: `line`[n] from left to right; their `order` becomes their place, 0 to 1. */
static size_t order_layer(xai_sag_layout *l, int layer, size_t *line, double *place)
{
    size_t n = 0;
    for (size_t i = 0; i < l->box_count; i++) {
        if (l->boxes[i].layer != layer) continue;
        double here = layer ? parents_place(l, i) : (double)i;
        size_t at = n++;
        for (; at > 0 && is_left(l, i, here, line[at - 1], place[at - 1]); at--) {
            line[at] = line[at - 1];
            place[at] = place[at - 1];
        }
        line[at] = i;
        place[at] = here;
    }
    for (size_t k = 0; k < n; k++) l->boxes[line[k]].order = ((double)k + 0.5) / (double)n;
    return n;
}

/* Puts the layer's boxes side by side, centred on x = 0. */
static void place_layer(xai_sag_layout *l, int layer, const size_t *line, size_t n, int y, int gap)
{
    int side = SIDES[layer], pitch = side + gap, width = (int)n * pitch - gap;
    for (size_t k = 0; k < n; k++) {
        xai_sag_box *box = &l->boxes[line[k]];
        box->side = side;
        box->x = -width / 2 + (int)k * pitch;
        box->y = y;
    }
    if (width > l->width) l->width = width;
    l->drawn += n;
}

static xai_status count_left_out(xai_sag_layout *l, size_t nodes, xai_arena *arena, xai_error *err)
{
    bool *drawn = XAI_NEW(arena, bool, nodes);
    if (!drawn) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < l->box_count; i++)
        if (l->boxes[i].layer >= 0) drawn[l->boxes[i].node] = true;
    for (size_t i = 0; i < nodes; i++) l->left_out += !drawn[i];
    return XAI_OK;
}

xai_status xai_sag_layout_make(const xai_doc *document, int count, bool tree, int caption, int gap, xai_arena *arena,
                               xai_sag_layout *l, xai_error *err)
{
    xai_sag_layout graph = {0};
    XAI_TRY(read_graph(document, count, arena, &graph, err));
    *l = tree ? (xai_sag_layout){0} : graph;
    if (tree) XAI_TRY(plant(&graph, count, arena, l, err));
    for (int layer = 1; layer < XAI_SAG_LAYERS; layer++) {
        if (tree) sprout(l, &graph, layer - 1, count);
        fill_layer(l, layer);
    }
    note_removed(l);
    XAI_TRY(count_left_out(l, graph.box_count, arena, err));
    size_t *line = XAI_NEW(arena, size_t, l->box_count);
    double *place = XAI_NEW(arena, double, l->box_count);
    if (!line || !place) XAI_NO_MEMORY(err);
    for (int layer = 0; layer < XAI_SAG_LAYERS; layer++) {
        size_t n = order_layer(l, layer, line, place);
        if (!n) break;
        int y = l->height + (layer ? LAYER_DISTANCE : 0);
        place_layer(l, layer, line, n, y, gap);
        l->height = y + SIDES[layer] + caption;
    }
    return XAI_OK;
}
