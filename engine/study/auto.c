/*
 * The measuring behind `auto`: every candidate explains the picture and is graded, as long as the budget lasts; the one
 * with the best grades is what `auto` then stands for.
 *
 * A candidate's score is the sum of its grades, each counted as its metric says that better is: by default insertion
 * minus deletion, the areas under both curves in few steps, a measure of faithfulness to the model from -1 to 1. A
 * candidate whose expected time, by its cost and by how long the ones before it took, does not fit the rest of the
 * budget is passed over; the first is always measured. The clock decides what is measured, so the choice is written
 * down (`choose`), and a request with `choose` measures nothing.
 */
#include "base/doc.h"
#include "base/param.h"
#include "base/text.h"
#include "base/token.h"
#include "explain/choice/auto.h"
#include "explain/method.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_METRICS = 8, STEPS = 10, MOST_CALLS = 64 };

typedef enum outcome { WAITING, MEASURED, TOO_SLOW, REFUSED } outcome;

typedef struct trial {
    xai_call_text call;
    outcome outcome;
    const char *reason; /* REFUSED: why */
    double score, grades[MOST_METRICS], ms;
} trial;

typedef struct choice {
    const xai_request *request;
    xai_pool *pool;
    xai_token *token;
    xai_arena *arena;
    xai_auto_options options;
    xai_call_text metrics[MOST_METRICS];
    const xai_metric_info *infos[MOST_METRICS];
    size_t metric_count;
    trial trials[XAI_AUTO_MOST];
    size_t trial_count;
    size_t best;        /* trial_count: none was measured */
    double ms, units;   /* spent, and the forward-equivalents of it */
    double forwards, backwards;
} choice;

/* ---------------------------------------------------------------- set-up */

/* Pixels a step, so that there are STEPS of them. */
static const char *usual_metrics(const choice *c)
{
    const xai_model_info *info = xai_model_describe(c->request->model);
    bool nchw = info->layout == XAI_LAYOUT_NCHW;
    int64_t pixels = info->input_shape[nchw ? 2 : 1] * info->input_shape[nchw ? 3 : 2];
    int64_t step = (pixels + STEPS - 1) / STEPS;
    return xai_arena_printf(c->arena, "insertion?step=%lld&random=0;deletion?step=%lld&random=0", (long long)step,
                            (long long)step);
}

static xai_status read_metrics(choice *c, xai_error *err)
{
    const char *text = c->options.metrics ? c->options.metrics : usual_metrics(c);
    if (!text) XAI_NO_MEMORY(err);
    XAI_TRY(xai_calls_read(text, ';', MOST_METRICS, c->arena, c->metrics, &c->metric_count, err));
    for (size_t i = 0; i < c->metric_count; i++) {
        const xai_metric_info *info = c->infos[i] = xai_metric_find(c->metrics[i].call.id);
        XAI_CHECK(info, err, BAD_PARAM, "params.metrics", "there is no metric '%.60s'", c->metrics[i].call.id);
        XAI_CHECK(info->better != XAI_BETTER_NONE, err, BAD_PARAM, "params.metrics",
                  "%s does not say what is better, so it cannot choose", info->id);
    }
    return XAI_OK;
}

static xai_status add_trials(choice *c, xai_error *err)
{
    xai_call_text list[XAI_AUTO_MOST];
    XAI_TRY(xai_auto_candidates(&c->options, c->request->model, c->arena, list, &c->trial_count, err));
    for (size_t i = 0; i < c->trial_count; i++) c->trials[i].call = list[i];
    return XAI_OK;
}

/* What the call asks for; nothing is measured yet. */
static xai_status begin(choice *c, const xai_method_call *call, xai_error *err)
{
    const xai_method_info *info = xai_method_find("auto");
    XAI_TRY(xai_params_parse(info->params, info->param_count, call->params, call->param_count, &c->options, c->arena, err));
    XAI_TRY(read_metrics(c, err));
    XAI_TRY(add_trials(c, err));
    c->best = c->trial_count;
    return XAI_OK;
}

/* ---------------------------------------------------------------- measure */

typedef struct ask {
    xai_request request;
    xai_metric_call metrics[MOST_METRICS];
} ask;

/* The request of one candidate on the first target. */
static void make_ask(const choice *c, const trial *t, ask *a)
{
    a->request = *c->request;
    a->request.calls = &t->call.call;
    a->request.call_count = 1;
    a->request.target_count = a->request.target_count ? 1 : 0;
    a->request.emit_draws = a->request.use_draws = NULL;
    a->request.map_count = 0;
    for (size_t i = 0; i < c->metric_count; i++) a->metrics[i] = c->metrics[i].call;
    a->request.metrics = a->metrics;
    a->request.metric_count = c->metric_count;
}

static bool has_failed(xai_status status) { return status != XAI_OK && xai_status_class(status) != XAI_CLASS_CANCELLED; }

static xai_status refuse(choice *c, trial *t, const char *why, xai_error *err)
{
    t->outcome = REFUSED;
    t->reason = xai_arena_strdup(c->arena, why);
    if (!t->reason) XAI_NO_MEMORY(err);
    return XAI_OK;
}

/* The sum of the grades, each towards better; why there is none, or NULL. */
static const char *add_up(const choice *c, const xai_explanation *e, trial *t)
{
    t->score = 0;
    for (size_t i = 0; i < c->metric_count; i++) {
        const xai_grade *g = &e->grades[i];
        if (g->refusal) return g->refusal;
        t->grades[i] = g->value;
        t->score += c->infos[i]->better == XAI_BETTER_HIGHER ? g->value : -g->value;
    }
    return NULL;
}

static xai_status run_trial(choice *c, const ask *a, trial *t, xai_error *err)
{
    xai_result *result;
    const char *why = NULL;
    XAI_TRY(xai_explain(&a->request, c->pool, c->token, &result, err));
    xai_status status = xai_grade_result(&a->request, c->pool, c->token, result, err);
    if (status == XAI_OK && result->partial)
        status = XAI_ERROR_SET(err, DEADLINE, "", "the deadline came while candidates were measured");
    if (status == XAI_OK && (why = add_up(c, &result->explanations[0], t)) != NULL) status = refuse(c, t, why, err);
    else if (status == XAI_OK) t->outcome = MEASURED;
    c->forwards += result->forwards;
    c->backwards += result->backwards;
    xai_result_free(result);
    return status;
}

static bool is_better(const choice *c, const trial *t)
{
    return t->outcome == MEASURED && (c->best == c->trial_count || t->score > c->trials[c->best].score);
}

static double cost_of(const xai_request *request) { return xai_request_cost(request) + xai_grade_cost(request); }

static xai_status measure(choice *c, trial *t, xai_error *err)
{
    ask a;
    xai_error why = {0};
    make_ask(c, t, &a);
    xai_status status = xai_request_check(&a.request, &why);
    if (status == XAI_OK) status = xai_grade_check(&a.request, &why);
    if (status != XAI_OK) return refuse(c, t, why.msg, err);
    double units = cost_of(&a.request), rest = (double)c->options.budget_ms - c->ms;
    if (c->units > 0 && units * c->ms / c->units > rest) return t->outcome = TOO_SLOW, XAI_OK;
    int64_t started = xai_clock_ns();
    status = run_trial(c, &a, t, &why);
    t->ms = (double)(xai_clock_ns() - started) * 1e-6;
    c->ms += t->ms;
    c->units += units;
    if (has_failed(status)) return refuse(c, t, why.msg, err);
    if (status != XAI_OK && err) *err = why;
    if (status == XAI_OK && is_better(c, t)) c->best = (size_t)(t - c->trials);
    return status;
}

static xai_status choose(choice *c, const xai_method_call *call, xai_error *err)
{
    XAI_TRY(begin(c, call, err));
    for (size_t i = 0; i < c->trial_count; i++) XAI_TRY(measure(c, &c->trials[i], err));
    return XAI_OK;
}

/* ---------------------------------------------------------------- say why */

static size_t count_of(const choice *c, outcome what)
{
    size_t n = 0;
    for (size_t i = 0; i < c->trial_count; i++) n += c->trials[i].outcome == what;
    return n;
}

static const trial *second_best(const choice *c)
{
    const trial *second = NULL;
    for (size_t i = 0; i < c->trial_count; i++)
        if (i != c->best && c->trials[i].outcome == MEASURED && (!second || c->trials[i].score > second->score))
            second = &c->trials[i];
    return second;
}

static const char *reason_of(const choice *c, xai_arena *arena)
{
    xai_text b = {.arena = arena};
    const char *text;
    const trial *best = &c->trials[c->best], *second = second_best(c);
    size_t slow = count_of(c, TOO_SLOW), refused = count_of(c, REFUSED);
    xai_text_add(&b, "%s measured best on this picture: ", best->call.text);
    for (size_t i = 0; i < c->metric_count; i++)
        xai_text_add(&b, "%s%s %.3f", i ? ", " : "", c->infos[i]->id, best->grades[i]);
    xai_text_add(&b, "; score %.3f", best->score);
    if (second) xai_text_add(&b, ", before %s with %.3f", second->call.text, second->score);
    xai_text_add(&b, ". %zu of %zu candidates were measured in %.1f s of %.1f s", count_of(c, MEASURED), c->trial_count,
                    c->ms * 1e-3, (double)c->options.budget_ms * 1e-3);
    if (slow) xai_text_add(&b, "; %zu would not have fitted", slow);
    if (refused) xai_text_add(&b, "; %zu could not be measured", refused);
    xai_text_add(&b, ". It is a choice by measurement: another picture, budget or machine may give another.");
    return xai_text_end(&b, &text, NULL) == XAI_OK ? text : NULL;
}

static const char *state_of(const choice *c, size_t i)
{
    const trial *t = &c->trials[i];
    if (i == c->best) return "chosen";
    return t->outcome == MEASURED ? "measured" : t->outcome == TOO_SLOW ? "would not fit the budget" : t->reason;
}

static xai_doc *row_of(const choice *c, size_t i, xai_arena *arena)
{
    const trial *t = &c->trials[i];
    xai_doc *row = xai_doc_array(arena);
    if (!row) return NULL;
    bool known = t->outcome == MEASURED;
    xai_doc_push(row, xai_doc_text(arena, t->call.text));
    xai_doc_push(row, xai_doc_real(arena, known ? t->score : (double)NAN));
    for (size_t m = 0; m < c->metric_count; m++) xai_doc_push(row, xai_doc_real(arena, known ? t->grades[m] : (double)NAN));
    xai_doc_push(row, xai_doc_real(arena, t->ms > 0 ? t->ms : (double)NAN));
    xai_doc_push(row, xai_doc_text(arena, state_of(c, i)));
    return row;
}

static const xai_doc *table_of(const choice *c, const char *reason, xai_arena *arena)
{
    xai_doc *table = xai_doc_object(arena), *columns = xai_doc_array(arena), *rows = xai_doc_array(arena);
    if (!table || !columns || !rows) return NULL;
    xai_doc_push(columns, xai_doc_text(arena, "candidate"));
    xai_doc_push(columns, xai_doc_text(arena, "score"));
    for (size_t m = 0; m < c->metric_count; m++) xai_doc_push(columns, xai_doc_text(arena, c->infos[m]->id));
    xai_doc_push(columns, xai_doc_text(arena, "ms"));
    xai_doc_push(columns, xai_doc_text(arena, "state"));
    for (size_t i = 0; i < c->trial_count; i++) xai_doc_push(rows, row_of(c, i, arena));
    xai_doc_put(table, "columns", columns);
    xai_doc_put(table, "rows", rows);
    xai_doc_put_text(table, "reason", reason);
    return xai_doc_ok(table) ? table : NULL;
}

/* The reason and the table, beside what the method itself shows. */
static xai_status tell(const choice *c, xai_result *r, xai_explanation *e, xai_error *err)
{
    xai_task task = {.arena = r->arena, .result = e};
    if (c->best == c->trial_count)
        return xai_task_warn(&task, err, "No candidate could be measured: %s", c->trial_count ? state_of(c, 0) : "there is none");
    const char *reason = reason_of(c, r->arena);
    const xai_doc *table = reason ? table_of(c, reason, r->arena) : NULL;
    if (!table) XAI_NO_MEMORY(err);
    XAI_TRY(xai_task_add_text(&task, "reason", "text/plain", reason, err));
    return xai_task_add_doc(&task, "candidates", XAI_ARTIFACT_TABLE, table, err);
}

/* ---------------------------------------------------------------- the request */

static bool is_open(const xai_method_call *call)
{
    if (strcmp(call->id, "auto") != 0) return false;
    for (size_t i = 0; i < call->param_count; i++)
        if (strcmp(call->params[i].name, "choose") == 0 && call->params[i].type != XAI_VALUE_NULL) return false;
    return true;
}

/* The call with its choice beside its own parameters. */
static xai_status settle(const choice *c, const xai_method_call *call, xai_arena *arena, xai_method_call *out,
                         xai_error *err)
{
    *out = *call;
    if (c->best == c->trial_count) return XAI_OK;
    xai_named_value *params = XAI_NEW(arena, xai_named_value, call->param_count + 1);
    if (!params) XAI_NO_MEMORY(err);
    size_t n = 0;
    for (size_t i = 0; i < call->param_count; i++)
        if (strcmp(call->params[i].name, "choose") != 0) params[n++] = call->params[i];
    params[n++] = (xai_named_value){.name = "choose", .type = XAI_VALUE_TEXT, .text = c->trials[c->best].call.text};
    out->params = params;
    out->param_count = n;
    return XAI_OK;
}

/* What was spent on measuring, and why the choices are what they are. */
static xai_status tell_all(choice *const *choices, const xai_request *request, xai_result *r, xai_error *err)
{
    xai_explanation *list = (xai_explanation *)(uintptr_t)r->explanations; /* the result is ours to change */
    size_t targets = request->target_count ? request->target_count : 1;
    for (size_t i = 0; i < request->call_count; i++) {
        if (!choices[i]) continue;
        r->forwards += choices[i]->forwards;
        r->backwards += choices[i]->backwards;
        r->engine_ms += choices[i]->ms;
        for (size_t k = i * targets; k < (i + 1) * targets && k < r->explanation_count; k++)
            if (!list[k].missed) XAI_TRY(tell(choices[i], r, &list[k], err));
    }
    return XAI_OK;
}

/* A request that has nothing open. */
static xai_status answer_settled(const xai_request *request, choice *const *choices, xai_pool *pool, xai_token *token,
                                 xai_result **out, xai_error *err)
{
    XAI_TRY(xai_explain(request, pool, token, out, err));
    xai_status status = choices ? tell_all(choices, request, *out, err) : XAI_OK;
    if (status == XAI_OK) status = xai_grade_result(request, pool, token, *out, err);
    if (status != XAI_OK) xai_result_free(*out);
    return status;
}

/* ---------------------------------------------------------------- before it */

/* The metrics as the call gives them, on any map: a metric may still refuse a method. */
static xai_status check_metrics(const choice *c, xai_error *err)
{
    ask a;
    trial none = {.call = {.text = ""}};
    make_ask(c, &none, &a);
    a.request.call_count = 0;
    xai_status status = xai_grade_check(&a.request, err);
    bool own = status != XAI_OK && err && strncmp(err->where, "evaluate", 8) == 0;
    if (own) snprintf(err->where, sizeof err->where, "params.metrics");
    return status;
}

/* The least that measuring takes: the first candidate that can be. */
static double least_cost(const choice *c)
{
    for (size_t i = 0; i < c->trial_count; i++) {
        ask a;
        make_ask(c, &c->trials[i], &a);
        if (xai_request_check(&a.request, NULL) == XAI_OK && xai_grade_check(&a.request, NULL) == XAI_OK)
            return cost_of(&a.request);
    }
    return 0;
}

/* Every open call: is it served, and what does it measure at least? *cost may be NULL. */
static xai_status look_at_open(const xai_request *request, xai_arena *arena, double *cost, xai_error *err)
{
    for (size_t i = 0; i < request->call_count; i++) {
        if (!is_open(&request->calls[i])) continue;
        choice *c = XAI_NEW(arena, choice, 1);
        if (!c) XAI_NO_MEMORY(err);
        *c = (choice){.request = request, .arena = arena};
        XAI_TRY(begin(c, &request->calls[i], err));
        XAI_TRY(check_metrics(c, err));
        if (cost) *cost += least_cost(c);
    }
    return XAI_OK;
}

xai_status xai_answer_check(const xai_request *request, xai_error *err)
{
    XAI_TRY(xai_request_check(request, err));
    XAI_TRY(xai_grade_check(request, err));
    xai_arena *arena = xai_arena_new(0);
    if (!arena) XAI_NO_MEMORY(err);
    xai_status status = look_at_open(request, arena, NULL, err);
    xai_arena_free(arena);
    return status;
}

double xai_answer_cost(const xai_request *request)
{
    double cost = cost_of(request);
    xai_arena *arena = xai_arena_new(0);
    if (arena) (void)look_at_open(request, arena, &cost, NULL);
    xai_arena_free(arena);
    return cost;
}

/* ---------------------------------------------------------------- the whole */

static xai_status choose_all(const xai_request *request, xai_pool *pool, xai_token *token, xai_arena *arena,
                             xai_result **out, xai_error *err)
{
    choice *choices[MOST_CALLS] = {NULL};
    xai_method_call calls[MOST_CALLS];
    xai_request settled = *request;
    for (size_t i = 0; i < request->call_count; i++) {
        calls[i] = request->calls[i];
        if (!is_open(&calls[i])) continue;
        choice *c = choices[i] = XAI_NEW(arena, choice, 1);
        if (!c) XAI_NO_MEMORY(err);
        *c = (choice){.request = request, .pool = pool, .token = token, .arena = arena};
        XAI_TRY(choose(c, &calls[i], err));
        XAI_TRY(settle(c, &calls[i], arena, &calls[i], err));
    }
    settled.calls = calls;
    return answer_settled(&settled, choices, pool, token, out, err);
}

xai_status xai_answer(const xai_request *request, xai_pool *pool, xai_token *token, xai_result **out, xai_error *err)
{
    bool open = false;
    for (size_t i = 0; i < request->call_count; i++) open = open || is_open(&request->calls[i]);
    if (!open || request->call_count > MOST_CALLS) return answer_settled(request, NULL, pool, token, out, err);
    XAI_TRY(xai_answer_check(request, err));
    xai_arena *arena = xai_arena_new(0);
    if (!arena) XAI_NO_MEMORY(err);
    xai_status status = choose_all(request, pool, token, arena, out, err);
    xai_arena_free(arena);
    return status;
}
