/*
 * The search's result as text: a formula, a Graphviz digraph, and a few plain sentences.
 *
 * Text grows in a builder on the arena; running out of memory is noted there and told at the end. No other state.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "document.h"

typedef struct builder {
    xai_arena *arena;
    char *text;
    size_t length, room;
    bool failed;
} builder;

static void reserve(builder *b, size_t more)
{
    if (b->failed || b->length + more < b->room) return;
    size_t room = 2 * (b->length + more) + 256;
    char *text = XAI_NEW(b->arena, char, room);
    if (!text) {
        b->failed = true;
        return;
    }
    if (b->length) memcpy(text, b->text, b->length);
    b->text = text;
    b->room = room;
}

__attribute__((format(printf, 2, 3))) static void add(builder *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    reserve(b, n > 0 ? (size_t)n + 1 : 1);
    if (!b->failed && n > 0) b->length += (size_t)vsnprintf(b->text + b->length, b->room - b->length, format, again);
    va_end(again);
}

static xai_status finish(builder *b, const char **out, xai_error *err)
{
    reserve(b, 1);
    if (b->failed) XAI_NO_MEMORY(err);
    *out = b->text;
    return XAI_OK;
}

static void add_patches(builder *b, xai_mask mask, const char *separator)
{
    int list[XAI_MASK_MAX], n = xai_mask_list(mask, list);
    for (int i = 0; i < n; i++) add(b, "%sP%d", i ? separator : "", list[i]);
}

xai_status xai_sag_dnf(const xai_sag_result *result, xai_arena *arena, const char **out, xai_error *err)
{
    builder b = {.arena = arena};
    for (size_t i = 0; i < result->mse_count; i++) {
        if (i) add(&b, " | ");
        add_patches(&b, result->mses[i].mask, " & ");
    }
    return finish(&b, out, err);
}

static void add_dot_node(builder *b, const xai_sag_node *node, int count, double f_all)
{
    char id[XAI_MASK_HEX];
    xai_mask_to_hex(node->mask, count, id);
    add(b, "  \"%s\" [label=\"", id);
    add_patches(b, node->mask, " ");
    add(b, "\\n%.3f (%.0f %%)\"%s];\n", (double)node->score.p, 100 * (double)node->score.p / f_all,
        node->root ? ", penwidth=2" : "");
}

xai_status xai_sag_dot(int count, const xai_sag_result *result, xai_arena *arena, const char **out, xai_error *err)
{
    builder b = {.arena = arena};
    add(&b, "digraph sag {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (size_t i = 0; i < result->node_count; i++) add_dot_node(&b, &result->nodes[i], count, result->f_all);
    for (size_t i = 0; i < result->edge_count; i++) {
        const xai_sag_edge *edge = &result->edges[i];
        char from[XAI_MASK_HEX], to[XAI_MASK_HEX];
        xai_mask_to_hex(result->nodes[edge->from].mask, count, from);
        xai_mask_to_hex(result->nodes[edge->to].mask, count, to);
        add(&b, "  \"%s\" -> \"%s\" [label=\"-P%d\"];\n", from, to, edge->removed);
    }
    add(&b, "}\n");
    return finish(&b, out, err);
}

static double real_of(const xai_doc *object, const char *key)
{
    const xai_doc *value = object ? xai_doc_get(object, key) : NULL;
    if (!value) return 0;
    return value->type == XAI_DOC_INT ? (double)value->integer : value->type == XAI_DOC_REAL ? value->real : 0;
}

/* "row 2, column 5": counted from 1, as a person counts. */
static void add_places(builder *b, const xai_doc *patches, int64_t cols)
{
    for (const xai_doc *p = patches->first; p; p = p->next)
        add(b, "%srow %lld column %lld", p == patches->first ? "" : p->next ? ", " : " and ",
            (long long)(p->integer / cols + 1), (long long)(p->integer % cols + 1));
}

static void add_root(builder *b, const xai_doc *mse, int64_t cols)
{
    const xai_doc *patches = xai_doc_get(mse, "patches");
    if (!patches) return;
    add(b, "  %zu patch%s keep %.0f %% of the score: ", patches->count, patches->count == 1 ? "" : "es",
        100 * real_of(mse, "rel"));
    add_places(b, patches, cols);
    add(b, "\n");
}

/* The largest single loss below the roots: the part that matters most. */
static void add_largest_drop(builder *b, const xai_doc *graph, int64_t cols)
{
    const xai_doc *edges = xai_doc_get(graph, "edges"), *largest = NULL;
    for (const xai_doc *e = edges ? edges->first : NULL; e; e = e->next)
        if (!largest || real_of(e, "drop") > real_of(largest, "drop")) largest = e;
    if (!largest) return;
    int64_t removed = (int64_t)real_of(largest, "removed");
    add(b, "  The greatest single loss: without row %lld column %lld the probability falls by %.2f.\n",
        (long long)(removed / cols + 1), (long long)(removed % cols + 1), real_of(largest, "drop"));
}

xai_status xai_sag_words(const xai_doc *graph, xai_arena *arena, const char **out, xai_error *err)
{
    builder b = {.arena = arena};
    const xai_doc *mses = xai_doc_get(graph, "mses"), *reason = xai_doc_get(graph, "reason");
    const xai_doc *regions = xai_doc_get(graph, "regions"), *threshold = xai_doc_get(graph, "threshold");
    int64_t cols = (int64_t)real_of(regions, "cols");
    XAI_CHECK(mses && cols > 0, err, INTERNAL, "graph", "this is not a structured attention graph");
    if (!mses->count) {
        add(&b, "No explanation: %s.\n", reason && reason->text ? reason->text : "none was found");
        return finish(&b, out, err);
    }
    add(&b, "Each of these combinations of patches (grid of %.0f) is enough for the network, with nothing else "
            "visible (full score %.2f):\n", real_of(regions, "count"), real_of(threshold, "f_all"));
    for (const xai_doc *mse = mses->first; mse; mse = mse->next) {
        const xai_doc *root = xai_doc_get(mse, "root");
        if (root && root->boolean) add_root(&b, mse, cols);
    }
    add_largest_drop(&b, graph, cols);
    return finish(&b, out, err);
}
