/*
 * Grade: what a request's metrics say of the maps of its result.
 *
 * Metrics that run variants of the picture share one context; then those that run methods again, whose context holds
 * no lanes, so that nobody waits for memory that he holds himself. A metric is done with one target before the next,
 * map after map. One thread runs this; the pool does the work.
 */
#include "compare.h"
#include "expected.h"
#include "map.h"

#include "explain/predict.h"
#include "image/upsample.h"

#include <math.h>
#include <string.h>

typedef struct job {
    xai_metric_plan plan;
    xai_result *result;
    xai_explanation *explanations; /* the result's */
    xai_grade **grades;            /* of explanation i, as many as items */
    xai_arena *arena;              /* of the job */
    xai_context_spec spec;
    xai_context context;
    double *values; /* of the targets that are no class's */
    float *map;     /* height x width */
    const float *expected;
} job;

/* ---------------------------------------------------------------- set-up */

static xai_status want_targets(job *j, xai_error *err)
{
    const xai_request *q = j->plan.request;
    const char **kept = XAI_NEW(j->arena, const char *, j->plan.target_count);
    size_t count = 0;
    if (!kept) XAI_NO_MEMORY(err);
    for (size_t k = 0; k < q->target_count; k++) {
        xai_target t = q->targets[k];
        XAI_TRY(xai_target_check(q->model, &t, err));
        const char *tensor = xai_target_tensor(q->model, &t);
        if (strcmp(tensor, q->model->logits) != 0) kept[count++] = tensor;
    }
    j->spec.wants = (xai_wants){.precision = q->precision, .kept = kept, .kept_count = count};
    return XAI_OK;
}

static xai_status open_context(job *j, bool lanes, xai_error *err)
{
    XAI_TRY(xai_context_init(&j->context, &j->spec, err));
    if (!lanes) return XAI_OK;
    size_t sessions[XAI_PLAN_MODES] = {[XAI_PLAN_FORWARD] = 1}, width = (size_t)xai_pool_threads(j->spec.pool);
    for (int mode = 0; mode < XAI_PLAN_MODES; mode++)
        if (j->plan.lanes & 1U << mode) sessions[mode] = width;
    XAI_TRY(xai_context_reserve(&j->context, sessions, 0, err));
    return xai_context_base(&j->context, err);
}

static xai_status make_grades(job *j, xai_error *err)
{
    xai_result *r = j->result;
    j->explanations = (xai_explanation *)(uintptr_t)r->explanations; /* the result is ours to change */
    j->grades = XAI_NEW(j->arena, xai_grade *, r->explanation_count);
    j->map = XAI_NEW(j->arena, float, (size_t)j->context.height * (size_t)j->context.width);
    if (!j->grades || !j->map) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < r->explanation_count; i++) {
        xai_grade *list = j->grades[i] = XAI_NEW(r->arena, xai_grade, j->plan.count);
        if (!list) XAI_NO_MEMORY(err);
        for (size_t k = 0; k < j->plan.count; k++) {
            const xai_metric_item *item = &j->plan.items[k];
            const xai_metric_info *m = &item->metric->info;
            list[k] = (xai_grade){.metric = m, .percentile = NAN, .edges = NAN};
            list[k].name = xai_arena_strdup(r->arena, item->name);
            list[k].params = xai_params_doc(m->params, m->param_count, item->params, r->arena);
            if (!list[k].name || !list[k].params) XAI_NO_MEMORY(err);
        }
        j->explanations[i].grades = list;
        j->explanations[i].grade_count = j->plan.count;
    }
    return XAI_OK;
}

/* How many different sizes the maps of a target have, and what each cost its method on average. */
static double total_cost(const job *j)
{
    double cost = 1;
    size_t targets = j->plan.target_count, count = j->result->explanation_count;
    for (size_t k = 0; k < targets; k++) {
        size_t maps = 0, grids = 0;
        double method = 0;
        for (size_t i = k; i < count; i += targets) {
            const xai_artifact *a = xai_map_of(&j->explanations[i]);
            if (!a) continue;
            bool seen = false;
            for (size_t other = k; other < i; other += targets) {
                const xai_artifact *b = xai_map_of(&j->explanations[other]);
                seen = seen || (b && b->shape[0] == a->shape[0] && b->shape[1] == a->shape[1]);
            }
            maps++;
            grids += !seen;
            method += j->explanations[i].forwards + 2 * j->explanations[i].backwards;
        }
        for (size_t i = 0; i < j->plan.count && maps; i++)
            cost += xai_metric_item_cost(&j->plan.items[i], maps, grids, method / (double)maps);
    }
    return cost;
}

/* ---------------------------------------------------------------- run */

/* The target of explanation `i` as a metric sees it. */
static xai_status aim_at(job *j, const xai_metric *m, size_t i, xai_grading *g, xai_error *err)
{
    const xai_request *q = j->plan.request;
    xai_context *c = &j->context;
    xai_target t = j->explanations[i].target;
    t.space = q->target_count ? q->targets[i % j->plan.target_count].space : XAI_SPACE_DEFAULT;
    t.space = xai_target_space(q->model, &t, m->space);
    XAI_TRY(xai_aim_init(&g->aim, c, &t, err));
    if (!c->base_logits) return XAI_OK;
    size_t k = i % j->plan.target_count;
    if (!g->aim.shares && isnan(j->values[k]))
        j->values[k] = xai_aim_value(&g->aim, xai_context_base_data(c, g->aim.value));
    g->base = g->aim.shares ? xai_aim_value(&g->aim, c->base_logits) : j->values[k];
    return XAI_OK;
}

static xai_status refuse(job *j, size_t i, size_t item, const char *why, xai_error *err)
{
    j->grades[i][item].refusal = xai_arena_strdup(j->result->arena, why);
    if (!j->grades[i][item].refusal) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status grade_map(job *j, xai_comparison *c, size_t i, size_t item, xai_error *err)
{
    const xai_request *q = j->plan.request;
    xai_explanation *e = &j->explanations[i];
    const xai_artifact *a = xai_map_of(e);
    size_t call = i / j->plan.target_count;
    bool made = call < q->call_count, reruns = c->item->metric->needs & XAI_METRIC_METHOD;
    if (!a) return refuse(j, i, item, "There is no map to measure.", err);
    if (reruns && !made) return refuse(j, i, item, "This runs the method again, and a given map has none.", err);
    xai_graded map = {.values = j->map, .raw = a->values, .rows = (int)a->shape[0], .cols = (int)a->shape[1],
                      .explanation = e, .call = made ? &q->calls[call] : NULL};
    xai_upsample_bilinear(a->values, map.rows, map.cols, j->map, j->context.height, j->context.width, false);
    return xai_comparison_grade(c, &map, e, j->result->arena, &j->grades[i][item], err);
}

/* One metric on every map of one target. */
static xai_status grade_target(job *j, size_t item, size_t target, xai_error *err)
{
    const xai_metric_item *it = &j->plan.items[item];
    xai_comparison comparison;
    xai_grading g = {.request = j->plan.request, .context = &j->context, .seed = j->plan.request->seed,
                     .height = j->context.height, .width = j->context.width, .expected = j->expected,
                     .arena = xai_arena_new(XAI_GRADE_MEMORY)};
    xai_status status = XAI_OK;
    if (!g.arena) XAI_NO_MEMORY(err);
    XAI_TRY_OUT(aim_at(j, it->metric, target, &g, err));
    XAI_TRY_OUT(xai_comparison_init(&comparison, it, &g, err));
    for (size_t i = target; i < j->result->explanation_count; i += j->plan.target_count)
        XAI_TRY_OUT(grade_map(j, &comparison, i, item, err));
out:
    xai_arena_free(g.arena);
    return status;
}

/* What the deadline left no time for says so. */
static xai_status miss(job *j, size_t item, size_t target, xai_error *err)
{
    for (size_t i = target; i < j->result->explanation_count; i += j->plan.target_count) {
        const xai_grade *g = &j->grades[i][item];
        bool known = false;
        for (size_t k = 0; k < j->explanations[i].metric_count; k++)
            known = known || strcmp(j->explanations[i].metrics[k].name, g->name) == 0;
        if (!known && !g->refusal) XAI_TRY(refuse(j, i, item, "The deadline came before this could be measured.", err));
    }
    j->result->partial = true;
    return XAI_OK;
}

static xai_status grade_all(job *j, bool methods, xai_error *err)
{
    for (size_t i = 0; i < j->plan.count; i++) {
        if (methods != !!(j->plan.items[i].metric->needs & XAI_METRIC_METHOD)) continue;
        for (size_t k = 0; k < j->plan.target_count && k < j->result->explanation_count; k++) {
            xai_status status = grade_target(j, i, k, err);
            if (status == XAI_E_DEADLINE) status = miss(j, i, k, err);
            if (status != XAI_OK) return status;
        }
    }
    return XAI_OK;
}

static bool any_reruns(const job *j)
{
    for (size_t i = 0; i < j->plan.count; i++)
        if (j->plan.items[i].metric->needs & XAI_METRIC_METHOD) return true;
    return false;
}

static void count_passes(job *j)
{
    j->result->forwards += j->context.forwards;
    j->result->backwards += j->context.backwards;
}

static xai_status run_again(job *j, xai_error *err)
{
    if (!any_reruns(j)) return XAI_OK;
    xai_status status = open_context(j, false, err);
    if (status == XAI_OK) status = grade_all(j, true, err);
    count_passes(j);
    xai_context_deinit(&j->context);
    return status;
}

static xai_status run_variants(job *j, xai_error *err)
{
    xai_status status = open_context(j, true, err);
    if (status == XAI_E_DEADLINE) { /* explanations without grades are better than none */
        j->result->partial = true;
        status = make_grades(j, err);
        for (size_t i = 0; status == XAI_OK && i < j->plan.count; i++)
            for (size_t k = 0; k < j->plan.target_count; k++) XAI_TRY_OUT(miss(j, i, k, err));
        goto out;
    }
    if (status != XAI_OK) goto out;
    XAI_TRY_OUT(xai_maps_add(j->plan.request, &j->context, j->result, err));
    XAI_TRY_OUT(make_grades(j, err));
    xai_token_stage(j->spec.token, "evaluate", total_cost(j));
    XAI_TRY_OUT(grade_all(j, false, err));
    count_passes(j);
out:
    xai_context_deinit(&j->context);
    return status;
}

static xai_status find_expected(job *j, xai_error *err)
{
    const xai_request *q = j->plan.request;
    int64_t height, width;
    xai_model_input_sides(q->model, &height, &width);
    float *shares = XAI_NEW(j->arena, float, (size_t)height * (size_t)width);
    if (!shares) XAI_NO_MEMORY(err);
    j->expected = shares;
    return xai_expected_fill(q->model, q->expected, shares, err);
}

static xai_status run_job(job *j, xai_error *err)
{
    const xai_request *q = j->plan.request;
    XAI_TRY(xai_metric_plan_make(&j->plan, q, j->arena, err));
    XAI_TRY(want_targets(j, err));
    if (!(j->values = XAI_NEW(j->arena, double, j->plan.target_count))) XAI_NO_MEMORY(err);
    if (q->expected) XAI_TRY(find_expected(j, err));
    for (size_t k = 0; k < j->plan.target_count; k++) j->values[k] = NAN;
    XAI_TRY(run_variants(j, err));
    return run_again(j, err);
}

xai_status xai_grade_result(const xai_request *q, xai_pool *pool, xai_token *token, xai_result *result, xai_error *err)
{
    int64_t started = xai_clock_ns();
    if (!q->metric_count && !q->map_count) return XAI_OK;
    job j = {.plan = {.request = q}, .result = result, .arena = xai_arena_new(XAI_GRADE_MEMORY)};
    if (!j.arena) XAI_NO_MEMORY(err);
    j.spec = (xai_context_spec){.model = q->model, .pool = pool, .token = token, .arena = j.arena, .urgent = q->urgent,
                                .image = q->image, .tensor = q->tensor};
    xai_status status = run_job(&j, err);
    xai_arena_free(j.arena);
    result->engine_ms += (double)(xai_clock_ns() - started) * 1e-6;
    return status;
}
