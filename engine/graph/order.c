/*
 * Order: nodes behind those that make their inputs. The format asks for it, and most exporters obey; converters of
 * finished files append their nodes at the end. Checks on the way that every name is made once, before anything is run.
 *
 * A depth-first walk over the nodes in file order, with a stack of its own: a file may hold a chain of a hundred
 * thousand. A file that is in order stays as it is. Pure but for the graph.
 */
#include "graph.h"

#include <string.h>

typedef enum color { NEW, OPEN, DONE } color;

typedef struct walk {
    xai_graph *graph;
    xai_graph_node *sorted;
    size_t sorted_count;
    color *colors;  /* by position in the file */
    size_t *stack;  /* open nodes, each needed by the one below it */
    int *next;      /* by position: the input to look at */
    size_t depth;
} walk;

static bool is_given(const xai_graph *g, const char *name)
{
    return xai_names_get(g->constants, name) || xai_graph_find_input(g, name);
}

static xai_status register_makers(xai_graph *g, xai_error *err)
{
    for (size_t i = 0; i < g->node_count; i++) {
        xai_graph_node *n = &g->nodes[i];
        for (int k = 0; k < n->out_count; k++) {
            if (!n->out[k][0]) continue;
            XAI_CHECK(!is_given(g, n->out[k]) && !xai_names_get(g->makers, n->out[k]), err, BAD_MODEL, n->out[k],
                      "node %d (%s %s) makes '%s' again", n->index, n->type, n->name, n->out[k]);
            XAI_TRY(xai_names_put(g->makers, n->out[k], n, err));
        }
    }
    for (size_t i = 0; i < g->output_count; i++)
        XAI_CHECK(is_given(g, g->outputs[i]) || xai_names_get(g->makers, g->outputs[i]), err, BAD_MODEL, g->outputs[i],
                  "no node makes the output '%s'", g->outputs[i]);
    return XAI_OK;
}

static void push(walk *w, size_t i)
{
    w->colors[i] = OPEN;
    w->stack[w->depth++] = i;
}

/* Looks at the next input of the node on top; closes the node when there is none left. */
static xai_status advance(walk *w, xai_error *err)
{
    xai_graph *g = w->graph;
    size_t i = w->stack[w->depth - 1];
    const xai_graph_node *n = &g->nodes[i];
    if (w->next[i] == n->in_count) {
        w->colors[i] = DONE;
        w->sorted[w->sorted_count++] = *n;
        w->depth--;
        return XAI_OK;
    }
    const char *name = n->in[w->next[i]++];
    if (!name[0] || is_given(g, name)) return XAI_OK;
    const xai_graph_node *maker = xai_names_get(g->makers, name);
    XAI_CHECK(maker, err, BAD_MODEL, name, "node %d (%s %s) uses '%s', which nothing makes", n->index, n->type, n->name,
              name);
    size_t m = (size_t)(maker - g->nodes);
    XAI_CHECK(w->colors[m] != OPEN, err, BAD_MODEL, name,
              "node %d (%s %s) uses '%s', which is made of its own output: the graph is cyclic", n->index, n->type,
              n->name, name);
    if (w->colors[m] == NEW) push(w, m);
    return XAI_OK;
}

xai_status xai_graph_sort(xai_graph *g, xai_error *err)
{
    size_t n = g->node_count;
    walk w = {.graph = g, .sorted = XAI_NEW(g->arena, xai_graph_node, n), .colors = XAI_NEW(g->arena, color, n),
              .stack = XAI_NEW(g->arena, size_t, n), .next = XAI_NEW(g->arena, int, n)};
    if (!w.sorted || !w.colors || !w.stack || !w.next) XAI_NO_MEMORY(err);
    XAI_TRY(register_makers(g, err));
    for (size_t i = 0; i < n; i++) {
        if (w.colors[i] == NEW) push(&w, i);
        while (w.depth) XAI_TRY(advance(&w, err));
    }
    g->nodes = w.sorted;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < g->nodes[i].out_count; k++)
            if (g->nodes[i].out[k][0]) XAI_TRY(xai_names_put(g->makers, g->nodes[i].out[k], &g->nodes[i], err));
    return XAI_OK;
}
