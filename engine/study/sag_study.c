/*
 * The work of the SAG study on one photo.
 *
 * Searches and heat maps go through xai_explain, sets of patches through xai_probe, as anybody's would; nothing here
 * knows how a search is made. The parameters of the search are chosen so that it never stops early: no budget that
 * binds, no local search for compact sets, no graph below the sets, and further levels after the first success; and so
 * that it looks for as many diverse sets as it can tell. One thread.
 */
#include "sag_study.h"

#include "base/param.h"
#include "explain/call_text.h"
#include "explain/context.h"
#include "explain/sag/search.h"
#include "heat_order.h"
#include "mse_sets.h"
#include "stopwatch.h"

#include <string.h>

static const char BEAMS[] = "3,5,15", REGIONS[] = "tent,hard", ORDERS[] = "gradcam,igos";
enum { MOST_ITEMS = 8, ITEM = 64 };

const xai_param XAI_SAG_STUDY_PARAMS[] = {
    XAI_P_TEXT(xai_sag_study_options, beams, "Beam widths of the searches; 3,5,15 if omitted."),
    XAI_P_TEXT(xai_sag_study_options, regions, "Kinds of patches; tent,hard if omitted."),
    XAI_P_TEXT(xai_sag_study_options, orders, "Methods whose maps give an order of the patches; gradcam,igos if omitted."),
    XAI_P_ENUM(xai_sag_study_options, baseline, XAI_BASELINE_BLACK, XAI_BASELINE_CHOICES, "What is shown where no patch is."),
    XAI_P_REAL(xai_sag_study_options, p_high, 0.9, 0.01, 1, "Share of the whole photo's probability that is enough."),
    XAI_P_INT(xai_sag_study_options, grid, 7, 3, 14, "Patches along each side."),
    XAI_P_INT(xai_sag_study_options, candidates, 15, 1, 64, "Patches by which each kept set is extended."),
    XAI_P_INT(xai_sag_study_options, patience, 1, 0, 16, "Further levels searched after the first that had a success."),
    XAI_P_INT(xai_sag_study_options, max_patches, 24, 1, 196, "Patches of the largest set that the beam grows to."),
    XAI_P_INT(xai_sag_study_options, max_evals, 50000, 1, 100000, "Images that one search may show the model."),
    XAI_P_BOOL(xai_sag_study_options, label, false, "Explain the labelled class; off: the model's first."),
};
const size_t XAI_SAG_STUDY_PARAM_COUNT = sizeof XAI_SAG_STUDY_PARAMS / sizeof XAI_SAG_STUDY_PARAMS[0];

/* ---------------------------------------------------------------- lists */

typedef struct items {
    char text[MOST_ITEMS][ITEM];
    size_t count;
} items;

static xai_status split(const char *list, const char *where, items *out, xai_error *err)
{
    out->count = 0;
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ",");
        XAI_CHECK(n > 0 && n < ITEM && out->count < MOST_ITEMS, err, BAD_PARAM, where,
                  "'%.100s' is not a list of 1 to %d items by commas", list, MOST_ITEMS);
        memcpy(out->text[out->count], at, n);
        out->text[out->count++][n] = '\0';
        at += n;
        if (!*at) return XAI_OK;
    }
}

/* SUPERPIXEL: of no grid, or unknown. */
static xai_region_kind region_of(const char *name)
{
    size_t length;
    const char *choice;
    for (size_t i = 0; (choice = xai_choice_at(XAI_REGION_CHOICES, i, &length)) != NULL; i++)
        if (strlen(name) == length && strncmp(name, choice, length) == 0) return (xai_region_kind)i;
    return XAI_REGION_SUPERPIXEL;
}

static xai_status check_lists(const xai_sag_study *s, xai_error *err)
{
    const xai_sag_study_options *o = &s->options;
    items list;
    double width;
    XAI_TRY(split(o->beams, "params.beams", &list, err));
    for (size_t i = 0; i < list.count; i++)
        XAI_CHECK(xai_parse_number(list.text[i], &width) && width >= 1 && width <= 32, err, BAD_PARAM, "params.beams",
                  "'%s' is not a beam width from 1 to 32", list.text[i]);
    XAI_TRY(split(o->regions, "params.regions", &list, err));
    for (size_t i = 0; i < list.count; i++)
        XAI_CHECK(region_of(list.text[i]) != XAI_REGION_SUPERPIXEL, err, BAD_PARAM, "params.regions",
                  "'%s' is not a patch of a grid: tent, hard or feather", list.text[i]);
    return XAI_OK;
}

/* None, where the list is empty. */
static xai_status read_orders(const xai_sag_study *s, xai_arena *arena, xai_call_text *out, size_t *count, xai_error *err)
{
    *count = 0;
    return *s->options.orders ? xai_calls_read(s->options.orders, ',', MOST_ITEMS, arena, out, count, err) : XAI_OK;
}

/* ---------------------------------------------------------------- one search */

static xai_named_value number(const char *name, double value)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_NUMBER, .number = value};
}

static xai_named_value text(const char *name, const char *value)
{
    return (xai_named_value){.name = name, .type = XAI_VALUE_TEXT, .text = value};
}

static const char *baseline_name(const xai_sag_study *s, xai_arena *arena)
{
    size_t n;
    const char *name = xai_choice_at(XAI_BASELINE_CHOICES, (size_t)s->options.baseline, &n);
    return xai_arena_printf(arena, "%.*s", (int)n, name);
}

enum { SEARCH_PARAMS = 16 };

static void search_params(const xai_sag_study *s, const char *beam, const char *region, const char *baseline,
                          xai_named_value out[SEARCH_PARAMS])
{
    const xai_sag_study_options *o = &s->options;
    const xai_named_value list[SEARCH_PARAMS] = {
        text("beam", beam), text("region", region), text("baseline", baseline), number("grid", (double)o->grid),
        number("p_high", o->p_high), number("p_low", o->p_high), number("candidates", (double)o->candidates),
        number("patience", (double)o->patience), number("max_patches", (double)o->max_patches),
        number("max_evals", (double)o->max_evals), number("compact", 0), number("max_mses", XAI_MSE_SETS_MOST),
        number("subset_max", 0), number("max_nodes", 1), number("counterfactuals", 0), number("shown", XAI_SAG_MAX_SHOWN)};
    memcpy(out, list, sizeof list);
}

static const xai_artifact *find_artifact(const xai_explanation *e, xai_artifact_kind kind)
{
    for (size_t i = 0; i < e->artifact_count; i++)
        if (e->artifacts[i].kind == kind) return &e->artifacts[i];
    return NULL;
}

/* The fewest patches, and which they are. */
static void put_smallest(const xai_sag_study *s, xai_mask mask, xai_doc *run)
{
    char name[XAI_MASK_HEX];
    xai_mask_to_hex(mask, (int)(s->options.grid * s->options.grid), name);
    xai_doc_put_int(run, "patches", xai_mask_count(mask));
    xai_doc_put_text(run, "id", name);
}

static xai_status record_search(const xai_sag_study *s, const xai_explanation *e, xai_doc *run, xai_error *err)
{
    const xai_artifact *graph = find_artifact(e, XAI_ARTIFACT_GRAPH);
    xai_mse_sets found;
    XAI_CHECK(graph, err, INTERNAL, "", "the search made no graph");
    xai_mse_sets_read(graph->doc, &found);
    const xai_doc *stats = xai_doc_get(graph->doc, "stats");
    if (found.count) put_smallest(s, found.masks[0], run);
    xai_doc_put_text(run, "outcome", xai_record_text(graph->doc, "outcome"));
    xai_doc_put_int(run, "mses", (int64_t)found.total);
    xai_doc_put_int(run, "diverse_0", xai_mse_sets_diverse(&found, 0));
    xai_doc_put_int(run, "diverse_1", xai_mse_sets_diverse(&found, 1));
    xai_doc_put_real(run, "evals", xai_record_number(stats, "evals"));
    return XAI_OK;
}

typedef struct subject {
    const xai_sag_study *study;
    const xai_study_photo *photo;
    xai_target target;
    const char *baseline;
    xai_doc *runs;
} subject;

static xai_status explain(const subject *u, const xai_method_call *call, xai_result **out, xai_error *err)
{
    const xai_sag_study *s = u->study;
    xai_request request = {.model = s->model, .image = u->photo->image, .calls = call, .call_count = call ? 1 : 0,
                           .targets = &u->target, .target_count = 1, .seed = s->seed, .top = 1};
    return xai_explain(&request, s->pool, s->token, out, err);
}

static xai_status search(const subject *u, const char *beam, const char *region, xai_doc *run, xai_error *err)
{
    xai_named_value params[SEARCH_PARAMS];
    search_params(u->study, beam, region, u->baseline, params);
    xai_method_call call = {.id = "sag", .params = params, .param_count = SEARCH_PARAMS};
    xai_stopwatch watch = xai_stopwatch_now();
    xai_result *result;
    XAI_TRY(explain(u, &call, &result, err));
    watch = xai_stopwatch_since(&watch);
    xai_stopwatch_put(run, &watch);
    xai_status status = record_search(u->study, &result->explanations[0], run, err);
    xai_result_free(result);
    return status;
}

/* ---------------------------------------------------------------- one heat map */

typedef struct heat {
    const float *map;
    int rows, cols;
    double evals; /* forward-equivalents of the map */
    xai_stopwatch took;
} heat;

/* The sets of the first 1, 2, ... patches of an order, by name. */
static xai_status name_prefixes(const int *order, int count, xai_arena *arena, const char **names, xai_error *err)
{
    xai_mask mask = {{0}};
    for (int i = 0; i < count; i++) {
        char *hex = xai_arena_alloc(arena, XAI_MASK_HEX, 1);
        if (!hex) XAI_NO_MEMORY(err);
        mask = xai_mask_with(mask, order[i]);
        xai_mask_to_hex(mask, count, hex);
        names[i] = hex;
    }
    return XAI_OK;
}

static xai_status probe_prefixes(const subject *u, const char *region, const char *const *names, int count,
                                 xai_probe_value *values, xai_error *err)
{
    const xai_sag_study *s = u->study;
    xai_named_value params[] = {text("region", region), text("baseline", u->baseline), number("grid", (double)s->options.grid)};
    xai_probe_request probe = {.model = s->model, .image = u->photo->image, .target = u->target, .params = params,
                               .param_count = 3, .masks = names, .mask_count = (size_t)count};
    return xai_probe(&probe, s->pool, s->token, values, err);
}

static xai_status follow(const subject *u, const heat *h, const char *region, const xai_result *result, xai_doc *run,
                         xai_error *err)
{
    xai_arena *arena = u->photo->arena;
    xai_regions regions;
    xai_stopwatch watch = xai_stopwatch_now();
    int grid = (int)u->study->options.grid;
    XAI_TRY(xai_regions_init(&regions, region_of(region), grid, grid, result->view_height, result->view_width, arena, err));
    int order[XAI_MASK_MAX], count = regions.count;
    const char **names = XAI_NEW(arena, const char *, (size_t)count);
    xai_probe_value *values = XAI_NEW(arena, xai_probe_value, (size_t)count);
    if (!names || !values) XAI_NO_MEMORY(err);
    XAI_TRY(xai_heat_order(h->map, h->rows, h->cols, &regions, arena, order, err));
    XAI_TRY(name_prefixes(order, count, arena, names, err));
    XAI_TRY(probe_prefixes(u, region, names, count, values, err));
    int k = 0;
    xai_mask mask = {{0}};
    while (k < count && values[k].rel < u->study->options.p_high) mask = xai_mask_with(mask, order[k++]);
    if (k < count) put_smallest(u->study, xai_mask_with(mask, order[k]), run);
    xai_doc_put_real(run, "evals", h->evals + (k < count ? k + 1 : count)); /* those that an insertion would have shown */
    watch = xai_stopwatch_since(&watch);
    xai_stopwatch_put(run, &(xai_stopwatch){.wall = watch.wall + h->took.wall, .cpu = watch.cpu + h->took.cpu});
    return XAI_OK;
}

/* ---------------------------------------------------------------- all of them */

static xai_doc *begin_run(const subject *u, const char *kind, const char *name, const char *region)
{
    xai_arena *arena = u->photo->arena;
    bool is_beam = strcmp(kind, "beam") == 0;
    xai_doc *run = xai_doc_object(arena);
    if (!run) return NULL;
    xai_doc_put_text(run, "name", xai_arena_printf(arena, is_beam ? "beam %s, %s" : "%s order, %s", name, region));
    xai_doc_put_text(run, "kind", kind);
    xai_doc_put_text(run, "region", region);
    return run;
}

/* What fails is a run too, with its reason; only what ends the study is passed on. */
static xai_status end_run(const subject *u, xai_doc *run, xai_status status, const xai_error *why, xai_error *err)
{
    if (xai_study_ends(status)) {
        if (err) *err = *why;
        return status;
    }
    if (status != XAI_OK) {
        xai_doc_put_text(run, "error", xai_status_id(status));
        xai_doc_put_text(run, "reason", why->msg);
    }
    xai_doc_push(u->runs, run);
    return XAI_OK;
}

static xai_status run_searches(const subject *u, const char *region, xai_error *err)
{
    items beams;
    XAI_TRY(split(u->study->options.beams, "params.beams", &beams, err));
    for (size_t b = 0; b < beams.count; b++) {
        xai_error why = {0};
        xai_doc *run = begin_run(u, "beam", beams.text[b], region);
        if (!run) XAI_NO_MEMORY(err);
        XAI_TRY(end_run(u, run, search(u, beams.text[b], region, run, &why), &why, err));
    }
    return XAI_OK;
}

static xai_status follow_on(const subject *u, const char *method, const items *regions, const heat *h,
                            const xai_result *result, xai_status made, const xai_error *why_not, xai_error *err)
{
    for (size_t r = 0; r < regions->count; r++) {
        xai_error why = *why_not;
        xai_doc *run = begin_run(u, "order", method, regions->text[r]);
        if (!run) XAI_NO_MEMORY(err);
        xai_status status = made == XAI_OK ? follow(u, h, regions->text[r], result, run, &why) : made;
        XAI_TRY(end_run(u, run, status, &why, err));
    }
    return XAI_OK;
}

static xai_status run_order(const subject *u, const xai_call_text *method, const items *regions, xai_error *err)
{
    xai_error why = {0};
    xai_result *result = NULL;
    heat h = {.map = NULL};
    xai_stopwatch watch = xai_stopwatch_now();
    xai_status made = explain(u, &method->call, &result, &why);
    const xai_artifact *map = made == XAI_OK ? find_artifact(&result->explanations[0], XAI_ARTIFACT_MAP) : NULL;
    if (made == XAI_OK && !map) made = XAI_ERROR_SET(&why, UNSUPPORTED, method->call.id, "%s gives no map", method->call.id);
    if (map)
        h = (heat){.map = map->values, .rows = (int)map->shape[0], .cols = (int)map->shape[1],
                   .evals = result->forwards + 2 * result->backwards, .took = xai_stopwatch_since(&watch)};
    xai_status status = follow_on(u, method->name, regions, &h, result, made, &why, err);
    xai_result_free(result);
    return status;
}

static xai_status run_all(const subject *u, xai_error *err)
{
    const xai_sag_study_options *o = &u->study->options;
    items regions;
    xai_call_text orders[MOST_ITEMS];
    size_t order_count = 0;
    XAI_TRY(split(o->regions, "params.regions", &regions, err));
    XAI_TRY(read_orders(u->study, u->photo->arena, orders, &order_count, err));
    for (size_t r = 0; r < regions.count; r++) XAI_TRY(run_searches(u, regions.text[r], err));
    for (size_t i = 0; i < order_count; i++) XAI_TRY(run_order(u, &orders[i], &regions, err));
    return XAI_OK;
}

xai_status xai_sag_study_work(void *user, const xai_study_photo *photo, xai_error *err)
{
    subject u = {.study = user, .photo = photo, .runs = xai_doc_array(photo->arena)};
    if (!u.runs || !(u.baseline = baseline_name(u.study, photo->arena))) XAI_NO_MEMORY(err);
    xai_study_look look = {u.study->model, u.study->pool, u.study->token, u.study->options.label};
    xai_result *seen;
    XAI_TRY(xai_study_target(&look, photo, &u.target, &seen, err));
    xai_result_free(seen);
    XAI_TRY(run_all(&u, err));
    xai_doc_put(photo->record, "runs", u.runs);
    return XAI_OK;
}

/* ---------------------------------------------------------------- before and beside it */

/* What every photo would be refused for: the searches' parameters are the product's own. */
static xai_status check_search(const xai_sag_study *s, const char *beam, const char *region, xai_arena *arena,
                               xai_error *err)
{
    xai_named_value params[SEARCH_PARAMS];
    const char *baseline = baseline_name(s, arena);
    if (!baseline) XAI_NO_MEMORY(err);
    search_params(s, beam, region, baseline, params);
    xai_method_call call = {.id = "sag", .params = params, .param_count = SEARCH_PARAMS};
    xai_request request = {.model = s->model, .calls = &call, .call_count = 1};
    return xai_request_check(&request, err);
}

static xai_status check_searches(const xai_sag_study *s, xai_arena *arena, xai_error *err)
{
    items beams, regions;
    XAI_TRY(split(s->options.beams, "params.beams", &beams, err));
    XAI_TRY(split(s->options.regions, "params.regions", &regions, err));
    for (size_t r = 0; r < regions.count; r++)
        for (size_t b = 0; b < beams.count; b++)
            XAI_TRY(check_search(s, beams.text[b], regions.text[r], arena, err));
    return XAI_OK;
}

static xai_status check_orders(const xai_sag_study *s, xai_arena *arena, xai_error *err)
{
    xai_call_text orders[MOST_ITEMS];
    size_t count;
    XAI_TRY(read_orders(s, arena, orders, &count, err));
    for (size_t i = 0; i < count; i++) {
        xai_request request = {.model = s->model, .calls = &orders[i].call, .call_count = 1};
        XAI_TRY(xai_request_check(&request, err));
    }
    return XAI_OK;
}

xai_status xai_sag_study_prepare(xai_sag_study *s, xai_error *err)
{
    xai_sag_study_options *o = &s->options;
    if (!o->beams) o->beams = BEAMS;
    if (!o->regions) o->regions = REGIONS;
    if (!o->orders) o->orders = ORDERS;
    XAI_TRY(check_lists(s, err));
    xai_arena *arena = xai_arena_new(0);
    if (!arena) XAI_NO_MEMORY(err);
    xai_status status = check_searches(s, arena, err);
    if (status == XAI_OK) status = check_orders(s, arena, err);
    xai_arena_free(arena);
    return status;
}

xai_doc *xai_sag_study_protocol(const xai_sag_study *s, xai_arena *arena)
{
    const xai_method_info *sag = xai_method_find("sag");
    xai_doc *doc = xai_study_protocol("sag", s->model, arena);
    if (!doc) return NULL;
    xai_doc_put_int(doc, "sag_version", sag ? sag->version : 0);
    xai_doc_put_int(doc, "seed", (int64_t)s->seed);
    xai_doc_put(doc, "params", xai_params_doc(XAI_SAG_STUDY_PARAMS, XAI_SAG_STUDY_PARAM_COUNT, &s->options, arena));
    return doc;
}
