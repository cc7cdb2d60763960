/*
 * The graph below the roots: a node is a set, its children are the sets with one region less.
 *
 * Nodes are merged by set, so that roots share what lies below them. Level by level: all nodes that are to be
 * expanded are found first, then their children are scored as one batch. A node is expanded with all its children
 * or not at all. The empty set is no node. In the dialect of the reference code the first three regions are taken away,
 * and the share that decides is rounded as there.
 */
#include <assert.h>
#include <math.h>

#include "state.h"

enum { REFERENCE_CHILDREN = 3 };

typedef struct graph {
    xai_sag_node *nodes;
    xai_sag_edge *edges;
    size_t node_count, node_room, edge_count, edge_room;
} graph;

/* The node of this set, or node_count: the graphs are small. */
static size_t find_node(const graph *g, xai_mask mask)
{
    size_t i = 0;
    while (i < g->node_count && !xai_mask_equal(g->nodes[i].mask, mask)) i++;
    return i;
}

/* As the reference code writes it: the share to three decimals, of which whole percents are kept. */
static double percent_of(double share) { return floor(rint(1000 * share) / 10); }

static bool wants_children(const xai_sag_state *state, const xai_sag_node *node)
{
    if (xai_mask_count(node->mask) < 2) return false;
    double share = (double)node->score.p / state->f_all;
    if (state->settings->dialect == XAI_SAG_REFERENCE) return percent_of(share) > 100 * state->settings->p_low;
    return node->root || (double)node->score.p >= state->settings->p_low * state->f_all;
}

/* Adds the children of node `at` (the first `most`; 0: all) that do not exist yet, unscored, and the edges; false if
 * they do not fit. */
static bool expand(graph *g, size_t at, int most)
{
    int list[XAI_MASK_MAX], n = xai_mask_list(g->nodes[at].mask, list);
    if (most && n > most) n = most;
    size_t fresh = 0;
    for (int i = 0; i < n; i++)
        fresh += find_node(g, xai_mask_without(g->nodes[at].mask, list[i])) == g->node_count;
    if (fresh > g->node_room - g->node_count || (size_t)n > g->edge_room - g->edge_count) return false;
    for (int i = 0; i < n; i++) {
        xai_mask child = xai_mask_without(g->nodes[at].mask, list[i]);
        size_t to = find_node(g, child);
        if (to == g->node_count) g->nodes[g->node_count++] = (xai_sag_node){.mask = child};
        g->edges[g->edge_count++] = (xai_sag_edge){.from = (uint32_t)at, .to = (uint32_t)to, .removed = list[i]};
    }
    g->nodes[at].expanded = true;
    return true;
}

/* Scores the nodes from `first` on. */
static xai_status score_nodes(xai_sag_state *state, graph *g, size_t first, xai_error *err)
{
    if (first == g->node_count) return XAI_OK;
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, g->node_count - first, err));
    for (size_t i = first; i < g->node_count; i++) xai_sag_batch_add(&batch, g->nodes[i].mask);
    XAI_TRY(xai_sag_batch_ask(&batch, state, err));
    for (size_t i = first; i < g->node_count; i++) g->nodes[i].score = batch.scores[i - first];
    return XAI_OK;
}

/* Forgets a level that could not be scored. */
static void take_back(graph *g, size_t first, size_t last, size_t edges)
{
    for (size_t i = first; i < last; i++) g->nodes[i].expanded = false;
    g->node_count = last;
    g->edge_count = edges;
}

static xai_status grow(xai_sag_state *state, graph *g, xai_error *err)
{
    int most = state->settings->dialect == XAI_SAG_REFERENCE ? REFERENCE_CHILDREN : 0;
    size_t first = 0;
    while (first < g->node_count) {
        size_t last = g->node_count, edges = g->edge_count;
        for (size_t i = first; i < last; i++)
            if (wants_children(state, &g->nodes[i]) && !expand(g, i, most)) state->bounds |= XAI_SAG_BOUND_NODES;
        xai_status status = score_nodes(state, g, last, err);
        if (status != XAI_OK) {
            take_back(g, first, last, edges);
            return status;
        }
        first = last;
    }
    return XAI_OK;
}

xai_status xai_sag_dag(xai_sag_state *state, xai_sag_result *result, xai_error *err)
{
    graph g = {.node_room = (size_t)state->settings->max_nodes};
    g.edge_room = g.node_room * (size_t)state->settings->count;
    g.nodes = XAI_NEW(state->arena, xai_sag_node, g.node_room);
    g.edges = XAI_NEW(state->arena, xai_sag_edge, g.edge_room);
    if (!g.nodes || !g.edges) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < state->mse_count; i++) {
        if (!state->mses[i].root) continue;
        if (g.node_count == g.node_room) {
            state->bounds |= XAI_SAG_BOUND_NODES;
            break;
        }
        g.nodes[g.node_count++] =
            (xai_sag_node){.mask = state->mses[i].mask, .score = state->mses[i].score, .root = true};
    }
    xai_status status = grow(state, &g, err);
    result->nodes = g.nodes;
    result->node_count = g.node_count;
    result->edges = g.edges;
    result->edge_count = g.edge_count;
    return status;
}
