/* Reads the request's metrics: tables, what they need, cost. No state. */
#include "plan.h"

#include "expected.h"

#include <stdio.h>
#include <string.h>

enum { MOST_METRICS = 64, MOST_MAPS = 64 };

static const char *name_of(const xai_metric_plan *plan, size_t index, xai_arena *arena)
{
    const char *id = plan->items[index].metric->info.id;
    int seen = 1;
    for (size_t i = 0; i < index; i++)
        if (plan->items[i].metric == plan->items[index].metric) seen++;
    return seen == 1 ? id : xai_arena_printf(arena, "%s-%d", id, seen);
}

static xai_status check_targets(const xai_request *r, const xai_metric *m, xai_error *err)
{
    xai_target top = {.class_index = -1, .contrast = -1};
    size_t count = r->target_count ? r->target_count : 1;
    for (size_t k = 0; (m->needs & XAI_METRIC_PROBABILITY) && k < count; k++) {
        xai_target t = r->target_count ? r->targets[k] : top;
        XAI_TRY(xai_target_check(r->model, &t, err));
        XAI_CHECK(t.kind <= XAI_TARGET_MASK && t.contrast < 0 && t.space != XAI_SPACE_LOGIT, err, BAD_PARAM, "target",
                  "%s is defined on the probability of one class, whole or inside a box or mask: leave out space and "
                  "contrast", m->info.id);
        XAI_TRY(xai_target_check_probability(r->model, &t, err));
    }
    return XAI_OK;
}

static xai_status read_item(xai_metric_plan *plan, size_t index, xai_arena *arena, xai_error *err)
{
    const xai_request *r = plan->request;
    const xai_metric_call *call = &r->metrics[index];
    xai_metric_item *item = &plan->items[index];
    const xai_metric_info *info = xai_metric_find(call->id);
    XAI_CHECK(info, err, UNKNOWN_METRIC, "evaluate", "there is no metric '%s'", call->id);
    const xai_metric *m = item->metric = xai_metric_of(info);
    XAI_CHECK(!(m->needs & XAI_METRIC_EXPECTED) || r->expected, err, BAD_PARAM, "expected",
              "%s measures against a person's own region: give \"expected\", a box or a mask", info->id);
    item->params = xai_arena_alloc(arena, 1, m->params_size);
    item->name = name_of(plan, index, arena);
    if (!item->params || !item->name) XAI_NO_MEMORY(err);
    XAI_TRY(xai_params_parse(info->params, info->param_count, call->params, call->param_count, item->params, arena, err));
    if (m->check) XAI_TRY(m->check(r->model, item->params, err));
    XAI_TRY(check_targets(r, m, err));
    if (!(m->needs & XAI_METRIC_METHOD))
        memcpy(&item->random, item->params, sizeof item->random); /* XAI_METRIC_COMMON comes first */
    item->compared = item->random > 0;
    if (m->cost) item->cost = m->cost(r->model, item->params);
    plan->lanes |= m->lanes;
    return XAI_OK;
}

/* "params.step" of metric 0 becomes "evaluate.0.params.step"; what is about the target or the region stays. */
static void point(xai_error *err, size_t index)
{
    char where[sizeof err->where];
    memcpy(where, err->where, sizeof where);
    if (strncmp(where, "params", 6) == 0) snprintf(err->where, sizeof err->where, "evaluate.%zu.%.120s", index, where);
    else if (err->status == XAI_E_UNKNOWN_METRIC) snprintf(err->where, sizeof err->where, "evaluate.%zu.id", index);
}

xai_status xai_metric_plan_make(xai_metric_plan *plan, const xai_request *r, xai_arena *arena, xai_error *err)
{
    *plan = (xai_metric_plan){.request = r, .count = r->metric_count,
                              .target_count = r->target_count ? r->target_count : 1};
    XAI_CHECK(r->metric_count <= MOST_METRICS && r->map_count <= MOST_MAPS, err, TOO_LARGE, "evaluate",
              "at most %d metrics and %d maps are served in one request", MOST_METRICS, MOST_MAPS);
    if (!(plan->items = XAI_NEW(arena, xai_metric_item, plan->count))) XAI_NO_MEMORY(err);
    if (r->expected) XAI_TRY(xai_expected_check(r->model, r->expected, err));
    for (size_t i = 0; i < plan->count; i++) {
        xai_status status = read_item(plan, i, arena, err);
        if (status != XAI_OK && err) point(err, i);
        if (status != XAI_OK) return status;
    }
    return XAI_OK;
}

double xai_metric_item_cost(const xai_metric_item *item, size_t maps, size_t grids, double method)
{
    double yardsticks = item->compared ? (double)item->random * (double)grids + 1 : 0;
    return item->cost.once + item->cost.each * ((double)maps + yardsticks) + item->cost.reruns * method * (double)maps;
}

xai_status xai_grade_check(const xai_request *request, xai_error *err)
{
    xai_arena *arena = xai_arena_new(0);
    if (!arena) XAI_NO_MEMORY(err);
    xai_metric_plan plan;
    xai_status status = xai_metric_plan_make(&plan, request, arena, err);
    xai_arena_free(arena);
    return status;
}

/* What the methods cost on one target, all calls together. */
static double methods_cost(const xai_request *request)
{
    xai_request one = *request;
    xai_target target;
    if (one.target_count > 1) one.target_count = 1;
    if (one.target_count) target = one.targets[0], one.targets = &target;
    return xai_request_cost(&one);
}

/* The sizes of maps are not known before the methods have run: each may have its own. */
double xai_grade_cost(const xai_request *request)
{
    xai_arena *arena = xai_arena_new(0);
    xai_metric_plan plan;
    double cost = 0;
    size_t maps = request->call_count + request->map_count;
    if (arena && request->metric_count && xai_metric_plan_make(&plan, request, arena, NULL) == XAI_OK) {
        double method = request->call_count ? methods_cost(request) / (double)request->call_count : 0;
        cost = 1;
        for (size_t i = 0; i < plan.count; i++)
            cost += (double)plan.target_count * xai_metric_item_cost(&plan.items[i], maps, maps, method);
    }
    xai_arena_free(arena);
    return cost;
}
