/* The search's result as text: a formula, a Graphviz digraph, and a few plain sentences. No state. */
#include "base/text.h"
#include "document.h"

static void add_patches(xai_text *b, xai_mask mask, const char *separator)
{
    int list[XAI_MASK_MAX], n = xai_mask_list(mask, list);
    for (int i = 0; i < n; i++) xai_text_add(b, "%sP%d", i ? separator : "", list[i]);
}

xai_status xai_sag_dnf(const xai_sag_result *result, xai_arena *arena, const char **out, xai_error *err)
{
    xai_text b = {.arena = arena};
    for (size_t i = 0; i < result->mse_count; i++) {
        if (i) xai_text_add(&b, " | ");
        add_patches(&b, result->mses[i].mask, " & ");
    }
    return xai_text_end(&b, out, err);
}

static void add_dot_node(xai_text *b, const xai_sag_node *node, int count, double f_all)
{
    char id[XAI_MASK_HEX];
    xai_mask_to_hex(node->mask, count, id);
    xai_text_add(b, "  \"%s\" [label=\"", id);
    add_patches(b, node->mask, " ");
    xai_text_add(b, "\\n%.3f (%.0f %%)\"%s];\n", (double)node->score.p, 100 * (double)node->score.p / f_all,
                 node->root ? ", penwidth=2" : "");
}

xai_status xai_sag_dot(int count, const xai_sag_result *result, xai_arena *arena, const char **out, xai_error *err)
{
    xai_text b = {.arena = arena};
    xai_text_add(&b, "digraph sag {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (size_t i = 0; i < result->node_count; i++) add_dot_node(&b, &result->nodes[i], count, result->f_all);
    for (size_t i = 0; i < result->edge_count; i++) {
        const xai_sag_edge *edge = &result->edges[i];
        char from[XAI_MASK_HEX], to[XAI_MASK_HEX];
        xai_mask_to_hex(result->nodes[edge->from].mask, count, from);
        xai_mask_to_hex(result->nodes[edge->to].mask, count, to);
        xai_text_add(&b, "  \"%s\" -> \"%s\" [label=\"-P%d\"];\n", from, to, edge->removed);
    }
    xai_text_add(&b, "}\n");
    return xai_text_end(&b, out, err);
}

static double real_of(const xai_doc *object, const char *key)
{
    const xai_doc *value = object ? xai_doc_get(object, key) : NULL;
    if (!value) return 0;
    return value->type == XAI_DOC_INT ? (double)value->integer : value->type == XAI_DOC_REAL ? value->real : 0;
}

/* "row 2, column 5": counted from 1, as a person counts. */
static void add_places(xai_text *b, const xai_doc *patches, int64_t cols)
{
    for (const xai_doc *p = patches->first; p; p = p->next)
        xai_text_add(b, "%srow %lld column %lld", p == patches->first ? "" : p->next ? ", " : " and ",
                     (long long)(p->integer / cols + 1), (long long)(p->integer % cols + 1));
}

static void add_root(xai_text *b, const xai_doc *mse, int64_t cols)
{
    const xai_doc *patches = xai_doc_get(mse, "patches");
    if (!patches) return;
    xai_text_add(b, "  %zu patch%s keep %.0f %% of the score: ", patches->count, patches->count == 1 ? "" : "es",
                 100 * real_of(mse, "rel"));
    add_places(b, patches, cols);
    xai_text_add(b, "\n");
}

/* The largest single loss below the roots: the part that matters most. */
static void add_largest_drop(xai_text *b, const xai_doc *graph, int64_t cols)
{
    const xai_doc *edges = xai_doc_get(graph, "edges"), *largest = NULL;
    for (const xai_doc *e = edges ? edges->first : NULL; e; e = e->next)
        if (!largest || real_of(e, "drop") > real_of(largest, "drop")) largest = e;
    if (!largest) return;
    int64_t removed = (int64_t)real_of(largest, "removed");
    xai_text_add(b, "  The greatest single loss: without row %lld column %lld the probability falls by %.2f.\n",
                 (long long)(removed / cols + 1), (long long)(removed % cols + 1), real_of(largest, "drop"));
}

xai_status xai_sag_words(const xai_doc *graph, xai_arena *arena, const char **out, xai_error *err)
{
    xai_text b = {.arena = arena};
    const xai_doc *mses = xai_doc_get(graph, "mses"), *reason = xai_doc_get(graph, "reason");
    const xai_doc *regions = xai_doc_get(graph, "regions"), *threshold = xai_doc_get(graph, "threshold");
    int64_t cols = (int64_t)real_of(regions, "cols");
    XAI_CHECK(mses && cols > 0, err, INTERNAL, "graph", "this is not a structured attention graph");
    if (!mses->count) {
        xai_text_add(&b, "No explanation: %s.\n", reason && reason->text ? reason->text : "none was found");
        return xai_text_end(&b, out, err);
    }
    xai_text_add(&b, "Each of these combinations of patches (grid of %.0f) is enough for the network, with nothing "
                     "else visible (full score %.2f):\n", real_of(regions, "count"), real_of(threshold, "f_all"));
    for (const xai_doc *mse = mses->first; mse; mse = mse->next) {
        const xai_doc *root = xai_doc_get(mse, "root");
        if (root && root->boolean) add_root(&b, mse, cols);
    }
    add_largest_drop(&b, graph, cols);
    return xai_text_end(&b, out, err);
}
