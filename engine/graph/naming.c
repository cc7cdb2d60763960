/* Naming: what a person calls a tensor: its own name, its node's, or "#<node index>" where names are missing or
 * ambiguous. Pure. */
#include "base/nearest.h"
#include "graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *first_output(const xai_graph_node *n)
{
    return n->out_count > 0 && n->out[0][0] ? n->out[0] : NULL;
}

static const char *by_tensor(const xai_graph *g, const char *text)
{
    const xai_graph_node *maker = xai_names_get(g->makers, text);
    for (int i = 0; maker && i < maker->out_count; i++)
        if (strcmp(maker->out[i], text) == 0) return maker->out[i];
    const xai_graph_input *in = xai_graph_find_input(g, text);
    return in ? in->name : NULL;
}

static const char *by_index(const xai_graph *g, const char *text)
{
    char *end;
    if (text[0] != '#' || text[1] < '0' || text[1] > '9') return NULL;
    errno = 0;
    unsigned long i = strtoul(text + 1, &end, 10);
    if (*end || errno != 0 || i >= g->node_count) return NULL;
    for (size_t k = 0; k < g->node_count; k++)
        if (g->nodes[k].index == (int)i) return first_output(&g->nodes[k]);
    return NULL;
}

static const char *by_node(const xai_graph *g, const char *text, int *count)
{
    const char *found = NULL;
    *count = 0;
    for (size_t i = 0; i < g->node_count; i++) {
        if (strcmp(g->nodes[i].name, text) != 0 || !first_output(&g->nodes[i])) continue;
        found = first_output(&g->nodes[i]);
        ++*count;
    }
    return found;
}

static xai_status unknown(const xai_graph *g, const char *text, xai_error *err)
{
    xai_nearest nearest = xai_nearest_to(text);
    for (size_t i = 0; i < g->node_count; i++)
        for (int k = 0; k < g->nodes[i].out_count; k++) xai_nearest_try(&nearest, g->nodes[i].out[k]);
    XAI_FAIL(err, UNKNOWN_LAYER, text, "the model has no layer '%s'%s%s%s; its description lists them all", text,
             nearest.best ? "; did you mean '" : "", nearest.best ? nearest.best : "", nearest.best ? "'" : "");
}

xai_status xai_graph_find_tensor(const xai_graph *g, const char *text, const char **tensor, xai_error *err)
{
    int count = 0;
    *tensor = by_tensor(g, text);
    if (!*tensor) *tensor = by_index(g, text);
    if (!*tensor) *tensor = by_node(g, text, &count);
    XAI_CHECK(count < 2, err, UNKNOWN_LAYER, text, "%d nodes are named '%s': name the tensor, or #<node index>", count,
              text);
    return *tensor ? XAI_OK : unknown(g, text, err);
}
