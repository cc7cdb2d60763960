/*
 * Explain: a request through to its result: check, set up, predict, then every method on every target.
 *
 * The context is shared, so that several methods and targets use one forward. Everything that the result holds lives
 * in its arena. One thread runs this; the pool does the work.
 */
#include "method.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TOP = 5, MOST_CALLS = 64, MOST_TARGETS = 64 };

#define JOB_MEMORY ((size_t)2 << 30) /* most bytes of one request's results and intermediate values */

typedef struct plan {
    const xai_request *request;
    xai_arena *arena;
    const xai_method **methods; /* a call's */
    void **params;              /* a call's, defaults filled in */
    const char **layers;        /* tensors that the parameters name */
    size_t layer_count;
    xai_target top1; /* stands in when no target is given */
    const xai_target *targets;
    size_t target_count;
} plan;

/* ---------------------------------------------------------------- check */

/* Every layer that the parameters name, or leave to the model, becomes the name of its tensor. */
static xai_status resolve_layers(plan *p, const xai_method *method, void *params, xai_error *err)
{
    for (size_t i = 0; i < method->info.param_count; i++) {
        const xai_param *row = &method->info.params[i];
        if (row->type != XAI_PARAM_LAYER) continue;
        const char *text, **tensor = &p->layers[p->layer_count++];
        memcpy(&text, (const char *)params + row->offset, sizeof text);
        XAI_TRY(xai_model_find_layer(p->request->model, text, tensor, err));
        memcpy((char *)params + row->offset, tensor, sizeof *tensor);
    }
    return XAI_OK;
}

static xai_status plan_call(plan *p, size_t i, xai_error *err)
{
    const xai_method_call *call = &p->request->calls[i];
    const xai_method_info *info = xai_method_find(call->id);
    XAI_CHECK(info, err, UNKNOWN_METHOD, "method", "there is no method '%s'", call->id);
    const xai_method *method = p->methods[i] = xai_method_of(info);
    XAI_TRY(xai_method_served(info, p->request->model, err));
    if (!(p->params[i] = xai_arena_alloc(p->arena, 1, method->params_size))) XAI_NO_MEMORY(err);
    XAI_TRY(xai_params_parse(info->params, info->param_count, call->params, call->param_count, p->params[i], p->arena,
                             err));
    XAI_TRY(resolve_layers(p, method, p->params[i], err));
    return method->check ? method->check(p->request->model, p->params[i], err) : XAI_OK;
}

static xai_status check_class(const xai_model *model, int64_t class_index, const char *where, xai_error *err)
{
    XAI_CHECK(class_index < model->info.classes, err, UNKNOWN_CLASS, where,
              "there is no class %" PRId64 ": the model has classes 0 to %" PRId64, class_index,
              model->info.classes - 1);
    return XAI_OK;
}

static xai_status plan_targets(plan *p, xai_error *err)
{
    const xai_request *r = p->request;
    p->top1 = (xai_target){.class_index = -1, .contrast = -1};
    p->targets = r->target_count ? r->targets : &p->top1;
    p->target_count = r->target_count ? r->target_count : 1;
    XAI_CHECK(p->target_count <= MOST_TARGETS && r->call_count <= MOST_CALLS, err, TOO_LARGE, "targets",
              "at most %d methods and %d targets are served in one request", MOST_CALLS, MOST_TARGETS);
    for (size_t i = 0; i < p->target_count; i++) {
        XAI_TRY(check_class(r->model, p->targets[i].class_index, "target.class", err));
        XAI_TRY(check_class(r->model, p->targets[i].contrast, "target.contrast", err));
        XAI_CHECK(p->targets[i].contrast < 0 || p->targets[i].contrast != p->targets[i].class_index, err, BAD_PARAM,
                  "target.contrast", "a class cannot be contrasted with itself");
    }
    return XAI_OK;
}

static xai_status make_plan(plan *p, const xai_request *request, xai_arena *arena, xai_error *err)
{
    *p = (plan){.request = request, .arena = arena};
    XAI_TRY(plan_targets(p, err));
    size_t params = 0;
    for (size_t i = 0; i < request->call_count; i++) {
        const xai_method_info *info = xai_method_find(request->calls[i].id);
        params += info ? info->param_count : 0;
    }
    p->methods = XAI_NEW(arena, const xai_method *, request->call_count);
    p->params = XAI_NEW(arena, void *, request->call_count);
    p->layers = XAI_NEW(arena, const char *, params);
    if (!p->methods || !p->params || !p->layers) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < request->call_count; i++) XAI_TRY(plan_call(p, i, err));
    return XAI_OK;
}

xai_status xai_request_check(const xai_request *request, xai_error *err)
{
    xai_arena *arena = xai_arena_new(0);
    if (!arena) XAI_NO_MEMORY(err);
    plan p;
    xai_status status = make_plan(&p, request, arena, err);
    xai_arena_free(arena);
    return status;
}

static double plan_cost(const plan *p)
{
    double cost = 1;
    for (size_t i = 0; i < p->request->call_count; i++)
        cost += (double)p->target_count * (p->methods[i]->cost(p->request->model, p->params[i]) - 1);
    return cost;
}

double xai_request_cost(const xai_request *request)
{
    xai_arena *arena = xai_arena_new(0);
    plan p;
    double cost = 1;
    if (arena && make_plan(&p, request, arena, NULL) == XAI_OK) cost = plan_cost(&p);
    xai_arena_free(arena);
    return cost;
}

/* ---------------------------------------------------------------- run */

static xai_prediction prediction_of(const xai_context *c, int64_t class_index)
{
    return (xai_prediction){class_index, c->model->info.labels[class_index], c->base_probabilities[class_index],
                            c->base_logits[class_index]};
}

/* The best first; equal ones by index. */
static int by_logit(const void *a, const void *b)
{
    const xai_prediction *x = a, *y = b;
    if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
    return (x->class_index > y->class_index) - (x->class_index < y->class_index);
}

static xai_status predict(const xai_context *c, int top, xai_result *r, xai_error *err)
{
    size_t classes = (size_t)c->classes, n = (size_t)(top > 0 ? top : DEFAULT_TOP);
    xai_prediction *list = XAI_NEW(r->arena, xai_prediction, classes);
    if (!list) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < classes; i++) list[i] = prediction_of(c, (int64_t)i);
    qsort(list, classes, sizeof *list, by_logit);
    r->predictions = list;
    r->prediction_count = n < classes ? n : classes;
    return XAI_OK;
}

static xai_target complete_target(const xai_target *given, const xai_method *method, const xai_result *r)
{
    xai_target t = *given;
    if (t.class_index < 0) t.class_index = r->predictions[0].class_index;
    if (t.space == XAI_SPACE_DEFAULT) t.space = method->space;
    return t;
}

static xai_status run_method(const plan *p, xai_context *c, size_t call, const xai_target *given, xai_result *r,
                             xai_explanation *e, xai_error *err)
{
    const xai_method *method = p->methods[call];
    e->method = &method->info;
    e->target = complete_target(given, method, r);
    XAI_CHECK(e->target.contrast != e->target.class_index, err, BAD_PARAM, "target.contrast",
              "the class is contrasted with itself: %" PRId64 " is the top class", e->target.contrast);
    e->target_name = c->model->info.labels[e->target.class_index];
    e->target_value = xai_target_value(c, &e->target, c->base_logits);
    e->params = xai_params_doc(method->info.params, method->info.param_count, p->params[call], r->arena);
    if (!e->params) XAI_NO_MEMORY(err);
    xai_task task = {.context = c, .arena = r->arena, .target = e->target, .seed = p->request->seed,
                     .emit_draws = p->request->emit_draws, .use_draws = p->request->use_draws, .result = e};
    double forwards = c->forwards, backwards = c->backwards;
    XAI_TRY(method->run(&task, p->params[call], err));
    e->forwards = 1 + c->forwards - forwards; /* the base forward, which all share */
    e->backwards = c->backwards - backwards;
    r->partial = r->partial || e->partial;
    return XAI_OK;
}

/* What the deadline left no time for keeps its place, and says so. */
static xai_status miss(xai_result *r, xai_explanation *e, xai_error *err)
{
    xai_task task = {.arena = r->arena, .result = e};
    e->artifact_count = 0;
    e->warning_count = 0;
    e->partial = false;
    e->missed = r->partial = true;
    return xai_task_warn(&task, err, "The deadline came before this could be computed.");
}

/* A deadline ends what can only be whole; what was complete, or was cut to a partial result, is kept. */
static xai_status run_methods(const plan *p, xai_context *c, xai_result *r, xai_error *err)
{
    size_t calls = p->request->call_count;
    xai_explanation *list = XAI_NEW(r->arena, xai_explanation, calls * p->target_count);
    if (!list) XAI_NO_MEMORY(err);
    r->explanations = list;
    for (size_t i = 0; i < calls; i++)
        for (size_t k = 0; k < p->target_count; k++) {
            xai_explanation *e = &list[r->explanation_count];
            xai_status status = run_method(p, c, i, &p->targets[k], r, e, err);
            if (status == XAI_E_DEADLINE && r->explanation_count > 0) status = miss(r, e, err);
            if (status != XAI_OK) return status;
            r->explanation_count++;
        }
    return XAI_OK;
}

static bool any_needs(const plan *p, unsigned mask, unsigned needs)
{
    for (size_t i = 0; i < p->request->call_count; i++)
        if ((p->methods[i]->needs & mask) == needs) return true;
    return false;
}

/* One base forward serves all: it keeps what any method begins from. */
static xai_plan_mode base_mode(const plan *p, const xai_context *c)
{
    if (any_needs(p, XAI_NEEDS_LAYER, XAI_NEEDS_LAYER) && c->layers_only) return XAI_PLAN_KEEP;
    return any_needs(p, XAI_NEEDS_GRADIENT, XAI_NEEDS_GRADIENT) ? XAI_PLAN_GRADIENT : XAI_PLAN_FORWARD;
}

/* The sessions that the request will hold at once. A suffix takes less than the whole that it is a part of. */
static xai_status reserve(const plan *p, xai_context *c, xai_error *err)
{
    size_t sessions[XAI_PLAN_MODES] = {0}, width = (size_t)xai_pool_threads(c->pool);
    xai_plan_mode base = base_mode(p, c);
    for (size_t i = 0; i < p->request->call_count; i++)
        for (int mode = 0; mode < XAI_PLAN_MODES; mode++)
            if (p->methods[i]->lanes & 1U << mode) sessions[mode] = width;
    if (base != XAI_PLAN_FORWARD || !sessions[base]) sessions[base]++; /* or it runs in the first lane */
    if (sessions[XAI_PLAN_KEEP] == width && base == XAI_PLAN_FORWARD) sessions[XAI_PLAN_KEEP]++; /* their base */
    if (any_needs(p, XAI_NEEDS_LAYER, XAI_NEEDS_LAYER)) sessions[XAI_PLAN_KEEP]++;
    return xai_context_reserve(c, sessions, err);
}

static xai_status run_base(const plan *p, xai_context *c, xai_error *err)
{
    xai_session *session;
    switch (base_mode(p, c)) {
    case XAI_PLAN_KEEP: return xai_context_kept_base(c, &session, err);
    case XAI_PLAN_GRADIENT: return xai_context_gradient_base(c, &session, err);
    default: return xai_context_base(c, err);
    }
}

static void describe_run(const xai_context *c, xai_result *r)
{
    memcpy(r->crop, c->crop, sizeof r->crop);
    memcpy(r->input_shape, c->model->info.input_shape, sizeof r->input_shape);
    r->isa = xai_isa_name();
    r->precision = "f32";
    r->view = c->view;
    r->view_width = c->width;
    r->view_height = c->height;
}

static xai_status run_all(const plan *p, xai_pool *pool, xai_token *token, xai_result *r, xai_error *err)
{
    const xai_request *q = p->request;
    xai_context_spec spec = {.model = q->model, .pool = pool, .token = token, .arena = r->arena, .urgent = q->urgent,
                             .image = q->image, .tensor = q->tensor, .layers = p->layers,
                             .layer_count = p->layer_count};
    spec.layers_only = !any_needs(p, XAI_NEEDS_GRADIENT | XAI_NEEDS_LAYER, XAI_NEEDS_GRADIENT);
    xai_context c;
    xai_status status = XAI_OK;
    xai_token_stage(token, "explain", plan_cost(p));
    XAI_TRY_OUT(xai_context_init(&c, &spec, err));
    XAI_TRY_OUT(reserve(p, &c, err));
    XAI_TRY_OUT(run_base(p, &c, err));
    XAI_TRY_OUT(predict(&c, q->top, r, err));
    XAI_TRY_OUT(run_methods(p, &c, r, err));
    describe_run(&c, r);
out:
    xai_context_deinit(&c);
    return status;
}

xai_status xai_explain(const xai_request *request, xai_pool *pool, xai_token *token, xai_result **out, xai_error *err)
{
    int64_t started = xai_clock_ns();
    XAI_CHECK(!request->image != !request->tensor, err, BAD_REQUEST, "image", "give an image or a tensor, and not both");
    xai_arena *arena = xai_arena_new(JOB_MEMORY);
    xai_result *r = arena ? XAI_NEW(arena, xai_result, 1) : NULL;
    if (!r) {
        xai_arena_free(arena);
        XAI_NO_MEMORY(err);
    }
    r->arena = arena;
    plan p;
    xai_status status = make_plan(&p, request, arena, err);
    if (status == XAI_OK) status = run_all(&p, pool, token, r, err);
    r->memory = xai_arena_used(arena);
    r->engine_ms = (double)(xai_clock_ns() - started) * 1e-6;
    if (status != XAI_OK) xai_arena_free(arena);
    else *out = r;
    return status;
}

void xai_result_free(xai_result *result)
{
    if (result) xai_arena_free(result->arena);
}

const char *xai_artifact_kind_name(xai_artifact_kind kind)
{
    static const char *const NAMES[] = {"map", "maps", "image", "graph", "curve", "table", "text"};
    return NAMES[kind];
}
