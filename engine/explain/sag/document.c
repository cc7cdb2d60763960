/* Builds plain values from a search's result. No state; one thread at a time on an arena. */
#include "document.h"

#include <math.h>

typedef struct paper { /* what is written, and on what */
    const xai_sag_settings *settings;
    const xai_sag_result *result;
    xai_arena *arena;
} paper;

static void put_mask(xai_doc *object, const char *key, xai_mask mask, int count)
{
    char text[XAI_MASK_HEX];
    xai_mask_to_hex(mask, count, text);
    xai_doc_put_text(object, key, text);
}

static void put_patches(xai_doc *object, xai_mask mask)
{
    int list[XAI_MASK_MAX], n = xai_mask_list(mask, list);
    xai_doc *patches = xai_doc_array(object->arena);
    for (int i = 0; i < n; i++) xai_doc_push(patches, xai_doc_int(object->arena, list[i]));
    xai_doc_put(object, "patches", patches);
}

static xai_doc *truth(xai_arena *arena, xai_sag_truth value)
{
    return value == XAI_SAG_UNKNOWN ? xai_doc_null(arena) : xai_doc_bool(arena, value == XAI_SAG_TRUE);
}

/* A set with its score: the beginning of both MSEs and nodes. */
static xai_doc *scored_set(const paper *w, xai_mask mask, xai_sag_score score)
{
    xai_doc *set = xai_doc_object(w->arena);
    if (!set) return NULL;
    put_mask(set, "id", mask, w->settings->count);
    put_patches(set, mask);
    xai_doc_put_real(set, "p", (double)score.p);
    xai_doc_put_real(set, "rel", (double)score.p / w->result->f_all);
    if (w->settings->versus >= 0) xai_doc_put_real(set, "versus", (double)score.versus);
    return set;
}

static const char *criterion_name(xai_sag_criterion criterion)
{
    static const char *const names[] = {"relative", "absolute", "argmax"};
    return names[criterion];
}

static xai_doc *describe_versus(const xai_sag_settings *settings, const xai_sag_result *result, xai_arena *arena)
{
    xai_doc *doc = xai_doc_object(arena);
    if (!doc) return NULL;
    xai_doc_put_int(doc, "class", settings->versus);
    if (settings->labels) xai_doc_put_text(doc, "name", settings->labels[settings->versus]);
    xai_doc_put_real(doc, "f_all", result->versus_all);
    xai_doc_put_real(doc, "f_empty", result->versus_empty);
    return doc;
}

static xai_doc *describe_threshold(const xai_sag_settings *settings, const xai_sag_result *result, xai_arena *arena)
{
    xai_doc *doc = xai_doc_object(arena);
    if (!doc) return NULL;
    xai_doc_put_text(doc, "criterion", criterion_name(settings->criterion));
    xai_doc_put_real(doc, "p_high", settings->p_high);
    xai_doc_put_real(doc, "p_low", settings->p_low);
    xai_doc_put_real(doc, "f_all", result->f_all);
    xai_doc_put_real(doc, "f_empty", result->f_empty);
    xai_doc_put_real(doc, "tau", result->tau);
    if (settings->versus >= 0) xai_doc_put(doc, "versus", describe_versus(settings, result, arena));
    return doc;
}

static xai_doc *describe_certificate(const xai_sag_mse *mse, xai_arena *arena)
{
    xai_doc *doc = xai_doc_object(arena);
    if (!doc) return NULL;
    xai_doc_put_bool(doc, "sufficient", true);
    xai_doc_put_bool(doc, "local", true);
    xai_doc_put(doc, "subset", truth(arena, mse->subset));
    xai_doc_put(doc, "cardinality", truth(arena, mse->cardinality));
    return doc;
}

static xai_doc *describe_mse(const paper *w, const xai_sag_mse *mse)
{
    xai_doc *doc = scored_set(w, mse->mask, mse->score);
    if (!doc) return NULL;
    xai_doc_put_bool(doc, "root", mse->root);
    xai_doc_put(doc, "certificate", describe_certificate(mse, w->arena));
    return doc;
}

/* What is removed, what the target keeps without it, and the class that wins then. */
static xai_doc *describe_counterfactuals(const paper *w)
{
    xai_doc *list = xai_doc_array(w->arena);
    for (size_t i = 0; list && i < w->result->counterfactual_count; i++) {
        const xai_sag_mse *set = &w->result->counterfactuals[i];
        xai_doc *doc = scored_set(w, set->mask, set->score);
        if (!doc) return NULL;
        xai_doc_put_int(doc, "top1", set->score.top1);
        if (w->settings->labels) xai_doc_put_text(doc, "name", w->settings->labels[set->score.top1]);
        xai_doc_put(doc, "certificate", describe_certificate(set, w->arena));
        xai_doc_push(list, doc);
    }
    return list;
}

static xai_doc *describe_node(const paper *w, const xai_sag_node *node)
{
    xai_doc *doc = scored_set(w, node->mask, node->score);
    if (!doc) return NULL;
    xai_doc_put_int(doc, "top1", node->score.top1);
    xai_doc_put_bool(doc, "root", node->root);
    xai_doc_put_bool(doc, "expanded", node->expanded);
    return doc;
}

static xai_doc *describe_edge(const paper *w, const xai_sag_edge *edge)
{
    xai_doc *doc = xai_doc_object(w->arena);
    if (!doc) return NULL;
    int count = w->settings->count;
    const xai_sag_node *from = &w->result->nodes[edge->from], *to = &w->result->nodes[edge->to];
    put_mask(doc, "from", from->mask, count);
    put_mask(doc, "to", to->mask, count);
    xai_doc_put_int(doc, "removed", edge->removed);
    xai_doc_put_real(doc, "drop", (double)from->score.p - (double)to->score.p);
    return doc;
}

/* What the MSEs found, and the whole image without the region, say of each region. */
static xai_doc *describe_necessity(const xai_sag_result *result, int count, xai_arena *arena)
{
    xai_doc *list = xai_doc_array(arena);
    if (!list) return NULL;
    for (int i = 0; result->necessity && i < count; i++) {
        const xai_sag_necessity *that = &result->necessity[i];
        xai_doc *doc = xai_doc_object(arena);
        if (!doc) return NULL;
        const char *role = that->sufficient ? "sufficient" : "redundant";
        xai_doc_put_int(doc, "patch", i);
        xai_doc_put_real(doc, "share", that->share);
        xai_doc_put_real(doc, "without", that->without);
        bool known = !isnan(that->without);
        xai_doc_put(doc, "necessary", known ? xai_doc_bool(arena, that->necessary) : xai_doc_null(arena));
        xai_doc_put_bool(doc, "sufficient", that->sufficient);
        xai_doc_put_text(doc, "role", that->necessary ? "necessary" : role);
        xai_doc_push(list, doc);
    }
    return list;
}

static xai_doc *describe_bounds(unsigned bounds, xai_arena *arena)
{
    static const char *const names[] = {"max_evals", "max_patches", "max_nodes", "deadline", "max_pairings"};
    xai_doc *list = xai_doc_array(arena);
    for (unsigned i = 0; list && i < sizeof names / sizeof names[0]; i++)
        if (bounds >> i & 1) xai_doc_push(list, xai_doc_text(arena, names[i]));
    return list;
}

static xai_doc *describe_forwards(const xai_sag_result *result, xai_arena *arena)
{
    xai_doc *doc = xai_doc_object(arena);
    if (!doc) return NULL;
    xai_doc_put_real(doc, "search", result->reference.search);
    xai_doc_put_real(doc, "minimise", result->reference.minimise);
    xai_doc_put_real(doc, "tree", result->reference.tree);
    return doc;
}

static xai_doc *describe_stats(const xai_sag_settings *settings, const xai_sag_result *result, xai_arena *arena)
{
    xai_doc *doc = xai_doc_object(arena);
    if (!doc) return NULL;
    xai_doc_put_int(doc, "evals", (int64_t)result->evals);
    xai_doc_put_int(doc, "unique", (int64_t)result->evals); /* no set is evaluated twice */
    xai_doc_put_int(doc, "cache_hits", (int64_t)result->hits);
    xai_doc_put(doc, "monotonicity_violations",
                result->violations < 0 ? xai_doc_null(arena) : xai_doc_int(arena, result->violations));
    xai_doc_put_int(doc, "smallest_at", (int64_t)result->smallest_at);
    if (settings->dialect == XAI_SAG_REFERENCE) xai_doc_put(doc, "reference_forwards", describe_forwards(result, arena));
    return doc;
}

/* {"patches": [11, 29], "p": [of {}, {11}, {29}, {11, 29}], "top1": [the same], "versus": [the same]}, or null. */
static xai_doc *describe_table(const paper *w)
{
    const xai_sag_table *table = w->result->table;
    if (!table) return xai_doc_null(w->arena);
    xai_doc *doc = xai_doc_object(w->arena), *patches = xai_doc_array(w->arena);
    xai_doc *p = xai_doc_array(w->arena), *top1 = xai_doc_array(w->arena), *versus = xai_doc_array(w->arena);
    if (!doc || !patches || !p || !top1 || !versus) return NULL;
    for (int k = 0; k < table->count; k++) xai_doc_push(patches, xai_doc_int(w->arena, table->regions[k]));
    for (size_t i = 0; i < (size_t)1 << table->count; i++) {
        xai_doc_push(p, xai_doc_real(w->arena, (double)table->scores[i].p));
        xai_doc_push(top1, xai_doc_int(w->arena, table->scores[i].top1));
        xai_doc_push(versus, xai_doc_real(w->arena, (double)table->scores[i].versus));
    }
    xai_doc_put(doc, "patches", patches);
    xai_doc_put(doc, "p", p);
    xai_doc_put(doc, "top1", top1);
    if (w->settings->versus >= 0) xai_doc_put(doc, "versus", versus);
    return doc;
}

static void put_lists(xai_doc *root, const paper *w)
{
    xai_arena *arena = root->arena;
    const xai_sag_result *result = w->result;
    xai_doc *mses = xai_doc_array(arena), *roots = xai_doc_array(arena);
    for (size_t i = 0; i < result->mse_count; i++) {
        char id[XAI_MASK_HEX];
        xai_mask_to_hex(result->mses[i].mask, w->settings->count, id);
        xai_doc_push(mses, describe_mse(w, &result->mses[i]));
        if (result->mses[i].root) xai_doc_push(roots, xai_doc_text(arena, id));
    }
    xai_doc *nodes = xai_doc_array(arena), *edges = xai_doc_array(arena);
    for (size_t i = 0; i < result->node_count; i++)
        xai_doc_push(nodes, describe_node(w, &result->nodes[i]));
    for (size_t i = 0; i < result->edge_count; i++)
        xai_doc_push(edges, describe_edge(w, &result->edges[i]));
    xai_doc_put(root, "mses", mses);
    xai_doc_put(root, "roots", roots);
    xai_doc_put(root, "nodes", nodes);
    xai_doc_put(root, "edges", edges);
}

xai_status xai_sag_document(const xai_regions *regions, const char *baseline, const xai_sag_settings *settings,
                            const xai_sag_result *result, xai_arena *arena, const xai_doc **out, xai_error *err)
{
    static const char *const outcomes[] = {"complete", "partial", "no_mse", "degenerate_baseline"};
    const char *dnf;
    XAI_TRY(xai_sag_dnf(result, arena, &dnf, err));
    xai_doc *root = xai_doc_object(arena);
    if (!root) XAI_NO_MEMORY(err);
    paper w = {settings, result, arena};
    xai_doc_put(root, "regions", xai_sag_describe_regions(regions, baseline, arena));
    xai_doc_put(root, "threshold", describe_threshold(settings, result, arena));
    xai_doc_put_text(root, "outcome", outcomes[result->outcome]);
    xai_doc_put_text(root, "reason", result->reason);
    xai_doc_put(root, "bounded_by", describe_bounds(result->bounds, arena));
    put_lists(root, &w);
    xai_doc_put_text(root, "dnf", dnf);
    xai_doc_put(root, "counterfactuals", describe_counterfactuals(&w));
    xai_doc_put(root, "necessity", describe_necessity(result, regions->count, arena));
    xai_doc_put(root, "probe_table", describe_table(&w));
    xai_doc_put(root, "stats", describe_stats(settings, result, arena));
    if (!xai_doc_ok(root)) XAI_NO_MEMORY(err);
    *out = root;
    return XAI_OK;
}
