/*
 * Anchors: the superpixels that hold the answer. While they are shown, whatever else is hidden, the class stays the
 * likeliest, but in a share of cases: 1 - precision.
 *
 * Ribeiro, Singh and Guestrin, "Anchors: High-Precision Model-Agnostic Explanations", AAAI 2018, as alibi 0.9.6's
 * AnchorImage has it: the search is anchor_search.h; a random picture shows every other superpixel with probability
 * 1/2, and the mean colour of those hidden; the coverage is the share of 10,000 random sets that contain the anchor,
 * which says little of pictures but that fewer superpixels cover more. alibi explains the class that it finds likeliest;
 * here it may be any.
 *
 * The map is the precision on the anchor's superpixels, 0 elsewhere; `candidates` lists the anchors that were followed.
 * Equal sets are evaluated once, so that samples, which the bounds are of, are more than forwards. `max_evals` bounds
 * both.
 */
#include "explain/evaluate.h"
#include "anchor_search.h"
#include "coalitions.h"

#include <string.h>

typedef struct anchors_params {
    xai_feature_params features;
    double precision, delta, tau, margin, p;
    int64_t beam, batch, coverage_samples, max_size, max_evals;
    bool first;
} anchors_params;

static const xai_param PARAMS[] = {
    XAI_FEATURE_PARAMS_OF(XAI_FEATURES_SLIC, 15, XAI_BASELINE_KINDS),
    XAI_P_REAL(anchors_params, precision, 0.95, 0.01, 0.999, "How often the class must stay the likeliest."),
    XAI_P_REAL(anchors_params, delta, 0.1, 0.0001, 0.9, "How often what is said of the precision may be wrong."),
    XAI_P_REAL(anchors_params, tau, 0.15, 0.01, 1,
               "By how much a followed anchor's precision may be below the best one's: less takes more samples."),
    XAI_P_REAL(anchors_params, margin, 0.05, 0.005, 0.5,
               "How far below `precision` the bound of an accepted anchor may lie."),
    XAI_P_REAL(anchors_params, p, 0.5, 0.01, 0.99, "Probability that a superpixel outside the anchor is shown."),
    XAI_P_INT(anchors_params, beam, 1, 1, 32, "Anchors of each size to follow: more find better ones, and are slower."),
    XAI_P_INT(anchors_params, batch, 100, 1, 10000, "Samples drawn at a time."),
    XAI_P_INT(anchors_params, coverage_samples, 10000, 1, 100000, "Random sets by which coverage is counted."),
    XAI_P_INT(anchors_params, max_size, 1024, 1, 1024, "Superpixels in an anchor at most."),
    XAI_P_INT(anchors_params, max_evals, 4000, 100, 100000, "Samples to spend; when they are, bounds are wider than asked."),
    XAI_P_BOOL(anchors_params, first, false, "Stop at the first anchor that is precise enough."),
};

static double cost(const xai_model *model, const void *params)
{
    (void)model;
    return 1 + (double)((const anchors_params *)params)->max_evals;
}

enum { START = 100, ROW_WORDS = XAI_MOST_FEATURES / 64 };

typedef struct given {
    const float *rows; /* count x features; NULL: drawn */
    size_t count;
} given;

typedef struct anchors {
    xai_task *task;
    const anchors_params *params;
    xai_features features;
    xai_coalitions coalitions;
    given samples, coverage; /* from files, taken in turn */
    int32_t *top1;           /* of each distinct coalition */
    size_t evaluated;        /* of those, how many */
} anchors;

/* ---------------------------------------------------------------- samples */

static xai_status find_given(anchors *a, const char *name, given *out, xai_error *err)
{
    xai_tensor t;
    bool found = xai_task_has_draws(a->task, name);
    if (!found) return XAI_OK;
    XAI_TRY(xai_task_use_draws(a->task, name, 2, &t, &found, err));
    XAI_CHECK(t.shape.dim[0] > 0 && t.shape.dim[1] == (int64_t)a->features.count, err, BAD_TENSOR, name,
              "%s.npy must have the shape (count, %zu): a column for each feature", name, a->features.count);
    *out = (given){t.data, (size_t)t.shape.dim[0]};
    return XAI_OK;
}

/* Coverage is counted with 1/2, whatever p, as in alibi. */
static void make_row(void *user, bool coverage, size_t index, uint64_t *row)
{
    const anchors *a = user;
    const given *g = coverage ? &a->coverage : &a->samples;
    double p = coverage ? 0.5 : a->params->p;
    xai_rng rng = xai_rng_init(a->task->seed, index | (uint64_t)coverage << 32);
    memset(row, 0, a->coalitions.words * sizeof *row);
    for (size_t i = 0; i < a->features.count; i++) {
        bool shown = g->rows ? g->rows[index % g->count * a->features.count + i] != 0 : xai_rng_uniform(&rng) < p;
        if (shown) xai_coalition_put(row, i);
    }
}

static void compose(const void *user, size_t index, float *input)
{
    const anchors *a = user;
    const uint64_t *row = a->coalitions.bits + (a->evaluated + index) * a->coalitions.words;
    uint8_t keep[XAI_MOST_FEATURES];
    for (size_t i = 0; i < a->features.count; i++) keep[i] = xai_coalition_has(row, i);
    xai_features_compose(&a->features, keep, input);
}

static xai_status label(void *user, const uint64_t *rows, size_t count, uint8_t *labels, bool *stopped, xai_error *err)
{
    anchors *a = user;
    xai_coalitions *c = &a->coalitions;
    size_t first = c->count;
    for (size_t i = 0; i < count; i++) xai_coalitions_add(c, rows + i * c->words);
    xai_variants variants = {.count = c->distinct - a->evaluated, .make = compose, .user = a};
    xai_scores scores = {.values = c->values + a->evaluated, .top1 = a->top1 + a->evaluated};
    if (variants.count)
        XAI_TRY(xai_evaluate_until(a->task->context, &a->task->aim, &variants, 0, &scores, &a->task->result->partial, err));
    xai_token_advance(a->task->context->token, (double)(count - variants.count));
    a->evaluated = c->distinct;
    *stopped = a->task->result->partial;
    for (size_t i = 0; i < count && !*stopped; i++)
        labels[i] = a->top1[c->which[first + i]] == a->task->aim.target.class_index;
    return XAI_OK;
}

static xai_status begin(anchors *a, xai_error *err)
{
    xai_task *task = a->task;
    size_t room = (size_t)a->params->max_evals;
    XAI_TRY(xai_features_init(&a->features, task, &a->params->features, err));
    XAI_TRY(xai_coalitions_init(&a->coalitions, &a->features, room, task, err));
    XAI_TRY(find_given(a, "coalitions", &a->samples, err));
    XAI_TRY(find_given(a, "coverage", &a->coverage, err));
    if (!(a->top1 = XAI_NEW(task->arena, int32_t, room + 1))) XAI_NO_MEMORY(err);
    a->top1[0] = (int32_t)xai_aim_top_class(&task->aim, task->context->base_logits);
    a->evaluated = 1; /* the whole picture */
    return XAI_OK;
}

static xai_status emit(const anchors *a, xai_error *err)
{
    size_t n = (size_t)a->params->coverage_samples, m = a->features.count;
    if (!a->task->emit_draws) return XAI_OK;
    float *all = XAI_NEW(a->task->arena, float, n * m);
    uint64_t row[ROW_WORDS];
    if (!all) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < n; i++) {
        make_row((void *)(uintptr_t)a, true, i, row);
        for (size_t k = 0; k < m; k++) all[i * m + k] = xai_coalition_has(row, k) ? 1 : 0;
    }
    xai_array array = {.dtype = XAI_F32, .rank = 2, .shape = {(int64_t)n, (int64_t)m}, .data = all};
    XAI_TRY(xai_task_emit_draws(a->task, "coverage", &array, err));
    return xai_coalitions_emit(&a->coalitions, a->task, err);
}

/* ---------------------------------------------------------------- result */

/* "3, 7" */
static const char *names_of(const anchors *a, const uint64_t *row, xai_arena *arena)
{
    const char *text = "";
    for (size_t i = 0; text && i < a->features.count; i++)
        if (xai_anchor_has(row, i)) text = xai_arena_printf(arena, *text ? "%s, %zu" : "%s%zu", text, i);
    return text;
}

static double precision_of(const xai_anchor *a) { return a->samples ? (double)a->positives / (double)a->samples : 0; }

static xai_status add_candidates(const anchors *a, const xai_anchor_result *found, xai_error *err)
{
    static const char *const NAMES[] = {"features", "size", "samples", "precision", "low", "high", "coverage", "anchor"};
    xai_arena *arena = a->task->arena;
    xai_doc *table = xai_doc_object(arena), *columns = xai_doc_array(arena), *rows = xai_doc_array(arena);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) xai_doc_push(columns, xai_doc_text(arena, NAMES[i]));
    for (size_t i = 0; i < found->count; i++) {
        const xai_anchor *c = &found->chosen[i];
        xai_doc *row = xai_doc_array(arena);
        xai_doc_push(row, xai_doc_text(arena, names_of(a, c->row, arena)));
        xai_doc_push(row, xai_doc_int(arena, (int64_t)c->size));
        xai_doc_push(row, xai_doc_int(arena, (int64_t)c->samples));
        xai_doc_push(row, xai_doc_real(arena, precision_of(c)));
        xai_doc_push(row, xai_doc_real(arena, c->low));
        xai_doc_push(row, xai_doc_real(arena, c->high));
        xai_doc_push(row, xai_doc_real(arena, c->coverage));
        xai_doc_push(row, xai_doc_bool(arena, c->valid));
        xai_doc_push(rows, row);
    }
    xai_doc_put(table, "columns", columns);
    xai_doc_put(table, "rows", rows);
    return xai_task_add_doc(a->task, "candidates", XAI_ARTIFACT_TABLE, table, err);
}

static xai_status warn(const anchors *a, const xai_anchor_result *found, xai_error *err)
{
    const xai_anchor *best = &found->chosen[found->best];
    if (a->top1[0] != a->task->aim.target.class_index)
        XAI_TRY(xai_task_warn(a->task, err, "The class is not the likeliest one of the whole picture: what is looked for is "
                                            "what would make it so."));
    if (found->stopped)
        XAI_TRY(xai_task_warn(a->task, err, "The %s ended after %zu samples: bounds are wider than asked for.",
                              a->task->result->partial ? "time" : "budget", found->samples));
    if (!found->success)
        return xai_task_warn(a->task, err, "No set of superpixels was seen to hold the class as often as asked: shown is "
                                           "the one that held it most often.");
    if (best->size == 0)
        return xai_task_warn(a->task, err, "The class holds whatever is hidden: the anchor is empty.");
    return XAI_OK;
}

static xai_status finish(const anchors *a, const xai_anchor_result *found, xai_error *err)
{
    xai_task *task = a->task;
    const xai_anchor *best = &found->chosen[found->best];
    double *values = XAI_NEW(task->arena, double, a->features.count);
    if (!values) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < a->features.count; i++) values[i] = xai_anchor_has(best->row, i) ? precision_of(best) : 0;
    XAI_TRY(warn(a, found, err));
    XAI_TRY(xai_task_add_metric(task, "precision", precision_of(best), err));
    XAI_TRY(xai_task_add_metric(task, "precision_low", best->low, err));
    XAI_TRY(xai_task_add_metric(task, "precision_high", best->high, err));
    XAI_TRY(xai_task_add_metric(task, "coverage", best->coverage, err));
    XAI_TRY(xai_task_add_metric(task, "size", (double)best->size, err));
    XAI_TRY(xai_task_add_metric(task, "features", (double)a->features.count, err));
    XAI_TRY(xai_task_add_metric(task, "samples", (double)found->samples, err));
    XAI_TRY(xai_features_add_map(&a->features, task, "map", values, err));
    XAI_TRY(xai_features_add_table(&a->features, task, values, NULL, err));
    return add_candidates(a, found, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    const anchors_params *p = params;
    anchors a = {.task = task, .params = p};
    xai_anchor_result found;
    XAI_TRY(begin(&a, err));
    xai_anchor_source source = {a.features.count, a.coalitions.words, make_row, label, &a};
    xai_anchor_settings settings = {
        .threshold = p->precision, .delta = p->delta, .tau = p->tau, .margin = p->margin, .beam = (size_t)p->beam,
        .batch = (size_t)p->batch, .start = START, .most_size = (size_t)p->max_size,
        .most_samples = (size_t)p->max_evals, .coverage = (size_t)p->coverage_samples, .first = p->first,
        .token = task->context->token};
    XAI_TRY(xai_anchor_search(&source, &settings, task->arena, &found, err));
    task->result->partial = task->result->partial || found.late;
    xai_token_advance(task->context->token, (double)((size_t)p->max_evals - found.samples));
    XAI_TRY(emit(&a, err));
    return finish(&a, &found, err);
}

const xai_method xai_method_anchors = {
    .info = {.id = "anchors", .title = "Anchors", .family = "perturbation",
             .summary = "The superpixels that hold the class while they are shown, whatever becomes of the others.",
             .paper = "doi:10.1609/aaai.v32i1.11491", .version = 1, .needs = "forward",
             .cost = "up to 4001 forwards", .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(anchors_params),
    .needs = XAI_NEEDS_PROBABILITY,
    .lanes = 1 << XAI_PLAN_FORWARD,
    .space = XAI_SPACE_PROBABILITY,
    .check = xai_features_check,
    .cost = cost,
    .run = run,
};
