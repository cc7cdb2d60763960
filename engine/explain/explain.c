/*
 * Explain: a request through to its result: check, set up, predict, then every method on every target.
 *
 * The context is shared, so that several methods and targets use one forward. Everything that the result holds lives
 * in its arena. One thread runs this; the pool does the work.
 */
#include "method.h"
#include "predict.h"
#include "shared.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CALLS = 64, MOST_TARGETS = 64 };

#define JOB_MEMORY ((size_t)2 << 30) /* most bytes of one request's results and intermediate values */

typedef struct plan {
    const xai_request *request;
    xai_arena *arena;
    const xai_method **methods; /* a call's; of one that stands for another, the other */
    const xai_method **named;   /* those that stand for another; NULL: the call stands for itself */
    void **named_params;
    xai_method_call *calls;     /* the request's, or what they stand for */
    void **params;              /* of call i and target k at [i * target_count + k], defaults filled in */
    xai_target *targets;        /* checked */
    size_t target_count;
    xai_wants wants; /* the layers that parameters name, the tensors that targets are made of */
    const char **layers, **kept;
    size_t layer_room;
} plan;

/* ---------------------------------------------------------------- check */

static xai_status want(plan *p, const char *tensor, xai_error *err)
{
    if (p->wants.layer_count == p->layer_room) {
        size_t room = 2 * p->layer_room + 16;
        const char **more = XAI_NEW(p->arena, const char *, room);
        if (!more) XAI_NO_MEMORY(err);
        if (p->layers) memcpy(more, p->layers, p->layer_room * sizeof *more);
        p->layers = more;
        p->layer_room = room;
    }
    p->layers[p->wants.layer_count++] = tensor;
    return XAI_OK;
}

/* Adds a layer that a parameter names, or leaves to the target (NULL): *layer is the name of its tensor. Of a method that
 * can do without, NULL where there is none to leave it to. */
static xai_status resolve_layer(plan *p, const xai_method *method, const char *text, const char *tensor,
                                const char **layer, xai_error *err)
{
    const xai_model *model = p->request->model;
    if (!text && !(method->needs & XAI_NEEDS_LAYER) && xai_model_default_layer(model, tensor, layer, NULL) != XAI_OK) {
        *layer = NULL;
        return XAI_OK;
    }
    XAI_TRY(text ? xai_model_find_layer(model, text, layer, err) : xai_model_default_layer(model, tensor, layer, err));
    XAI_TRY(xai_model_check_reaches(model, *layer, tensor, err));
    return want(p, *layer, err);
}

/* The lists of layers among the parameters; *given: one names some. */
static xai_status resolve_lists(plan *p, const xai_method *method, const char *tensor, void *params, bool *given,
                                xai_error *err)
{
    *given = false;
    for (size_t i = 0; i < method->info.param_count; i++) {
        const xai_param *row = &method->info.params[i];
        if (row->type != XAI_PARAM_LAYERS) continue;
        xai_layer_list *list = (xai_layer_list *)(void *)((char *)params + row->offset);
        const char **names = XAI_NEW(p->arena, const char *, list->count);
        if (!names) XAI_NO_MEMORY(err);
        for (size_t k = 0; k < list->count; k++) XAI_TRY(resolve_layer(p, method, list->names[k], tensor, &names[k], err));
        list->names = names;
        *given = *given || list->count > 0;
    }
    return XAI_OK;
}

/* Every layer that the parameters name, or leave to the target, becomes the name of its tensor. One layer stays open
 * where a list names several. */
static xai_status resolve_layers(plan *p, const xai_method *method, const char *tensor, void *params, xai_error *err)
{
    bool several;
    XAI_TRY(resolve_lists(p, method, tensor, params, &several, err));
    for (size_t i = 0; i < method->info.param_count; i++) {
        const xai_param *row = &method->info.params[i];
        if (row->type != XAI_PARAM_LAYER) continue;
        const char **layer = (const char **)(void *)((char *)params + row->offset);
        XAI_CHECK(!several || !*layer, err, BAD_PARAM, "params.layers", "give either one layer or a list, not both");
        if (!several) XAI_TRY(resolve_layer(p, method, *layer, tensor, layer, err));
    }
    return XAI_OK;
}

static xai_status want_tensors(plan *p, const xai_method *method, const void *params, xai_error *err)
{
    const char *const *names;
    size_t count;
    if (!method->reads) return XAI_OK;
    XAI_TRY(method->reads(p->request->model, params, p->arena, &names, &count, err));
    for (size_t i = 0; i < count; i++) XAI_TRY(want(p, names[i], err));
    return XAI_OK;
}

/* One call on one target: parameters read anew, since the default layer depends on the target. */
static xai_status plan_pair(plan *p, size_t i, size_t k, xai_error *err)
{
    const xai_method_call *call = &p->calls[i];
    const xai_method *method = p->methods[i];
    const xai_model *model = p->request->model;
    void *params = p->params[i * p->target_count + k] = xai_arena_alloc(p->arena, 1, method->params_size);
    if (!params) XAI_NO_MEMORY(err);
    XAI_TRY(xai_params_parse(method->info.params, method->info.param_count, call->params, call->param_count, params,
                             p->arena, err));
    XAI_TRY(resolve_layers(p, method, xai_target_tensor(model, &p->targets[k]), params, err));
    if (method->check) XAI_TRY(method->check(model, params, err));
    if (method->check_target) XAI_TRY(method->check_target(model, params, &p->targets[k], err));
    return want_tensors(p, method, params, err);
}

static xai_status check_needs(const plan *p, const xai_method *method, const xai_target *t, xai_error *err)
{
    if (!(method->needs & XAI_NEEDS_PROBABILITY)) return XAI_OK;
    XAI_CHECK(t->kind <= XAI_TARGET_MASK && t->contrast < 0 && t->space != XAI_SPACE_LOGIT, err, BAD_PARAM, "target",
              "%s is defined on the probability of one class, whole or inside a box or mask: leave out space and contrast",
              method->info.id);
    return xai_target_check_probability(p->request->model, t, err);
}

/* A call's method. One that stands for another leaves its place to the other, once. */
static xai_status find_method(plan *p, size_t i, xai_error *err)
{
    const xai_method_info *info = xai_method_find(p->calls[i].id);
    XAI_CHECK(info, err, UNKNOWN_METHOD, "method", "there is no method '%s'", p->calls[i].id);
    const xai_method *m = p->methods[i] = xai_method_of(info);
    if (!m->stands_for) return XAI_OK;
    void *params = p->named_params[i] = xai_arena_alloc(p->arena, 1, m->params_size);
    if (!params) XAI_NO_MEMORY(err);
    XAI_TRY(xai_params_parse(info->params, info->param_count, p->calls[i].params, p->calls[i].param_count, params, p->arena,
                             err));
    XAI_TRY(m->stands_for(p->request->model, params, p->arena, &p->calls[i], err));
    p->named[i] = m;
    p->methods[i] = xai_method_of(xai_method_find(p->calls[i].id));
    return XAI_OK;
}

static xai_status plan_call(plan *p, size_t i, xai_error *err)
{
    XAI_TRY(find_method(p, i, err));
    const xai_method_info *info = &p->methods[i]->info;
    XAI_TRY(xai_method_served(info, p->request->model, err));
    bool exact = p->request->precision == XAI_PRECISION_F32;
    XAI_CHECK(exact || !(p->methods[i]->needs & XAI_NEEDS_GRADIENT), err, UNSUPPORTED, "precision",
              "%s needs gradients, which are computed in f32 alone: ask for it without precision bf16",
              info->id);
    for (size_t k = 0; k < p->target_count; k++) {
        XAI_TRY(check_needs(p, p->methods[i], &p->targets[k], err));
        XAI_TRY(plan_pair(p, i, k, err));
    }
    return XAI_OK;
}

static xai_status plan_targets(plan *p, xai_error *err)
{
    const xai_request *r = p->request;
    p->target_count = r->target_count ? r->target_count : 1;
    XAI_CHECK(p->target_count <= MOST_TARGETS && r->call_count <= MOST_CALLS, err, TOO_LARGE, "targets",
              "at most %d methods and %d targets are served in one request", MOST_CALLS, MOST_TARGETS);
    p->targets = XAI_NEW(p->arena, xai_target, p->target_count);
    p->kept = XAI_NEW(p->arena, const char *, p->target_count);
    if (!p->targets || !p->kept) XAI_NO_MEMORY(err);
    for (size_t k = 0; k < p->target_count; k++) {
        p->targets[k] = r->target_count ? r->targets[k] : (xai_target){.class_index = -1, .contrast = -1};
        XAI_TRY(xai_target_check(r->model, &p->targets[k], err));
        const char *tensor = xai_target_tensor(r->model, &p->targets[k]);
        if (strcmp(tensor, r->model->logits) != 0) p->kept[p->wants.kept_count++] = tensor;
    }
    p->wants.kept = p->kept;
    return XAI_OK;
}

static xai_status make_plan(plan *p, const xai_request *request, xai_arena *arena, xai_error *err)
{
    *p = (plan){.request = request, .arena = arena, .wants = {.precision = request->precision}};
    XAI_TRY(xai_precision_check(request->precision, err));
    XAI_TRY(plan_targets(p, err));
    size_t calls = request->call_count;
    p->methods = XAI_NEW(arena, const xai_method *, calls);
    p->named = XAI_NEW(arena, const xai_method *, calls);
    p->named_params = XAI_NEW(arena, void *, calls);
    p->calls = XAI_NEW(arena, xai_method_call, calls);
    p->params = XAI_NEW(arena, void *, calls * p->target_count);
    if (!p->methods || !p->named || !p->named_params || !p->calls || !p->params) XAI_NO_MEMORY(err);
    if (calls) memcpy(p->calls, request->calls, calls * sizeof *p->calls);
    for (size_t i = 0; i < calls; i++) XAI_TRY(plan_call(p, i, err));
    p->wants.layers = p->layers;
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
    const xai_request *q = p->request;
    double cost = 1;
    for (size_t i = 0; i < q->call_count * p->target_count; i++) {
        const xai_method *m = p->methods[i / p->target_count];
        bool drawn = q->use_draws && m->cost_drawn;
        cost += (drawn ? m->cost_drawn(q->model, p->params[i], q->use_draws) : m->cost(q->model, p->params[i])) - 1;
    }
    for (size_t i = 0; i < q->call_count; i++)
        if (p->named[i]) cost += p->named[i]->cost(q->model, p->named_params[i]);
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

/* An aim for every target, and what NEURON and OUTPUT are on the base input, whose data is gone when variants run. */
static xai_status take_aims(const plan *p, xai_context *c, xai_aim *aims, double *values, xai_error *err)
{
    for (size_t k = 0; k < p->target_count; k++) {
        XAI_TRY(xai_aim_init(&aims[k], c, &p->targets[k], err));
        if (aims[k].shares) continue;
        values[k] = xai_aim_value(&aims[k], xai_context_base_data(c, aims[k].value));
        XAI_CHECK(isfinite(values[k]), err, BAD_MODEL, "", "'%s' is not a finite number on this input: the model's weights "
                  "or its preprocessing are broken", aims[k].value->name);
    }
    return XAI_OK;
}

/* The aim as a method sees it: the class filled in, the space chosen. */
static xai_status fill_aim(xai_aim *aim, const xai_method *method, const void *params, const xai_result *r,
                           xai_error *err)
{
    xai_target *t = &aim->target;
    t->space = xai_target_space(aim->model, t, method->space_of ? method->space_of(params) : method->space);
    if (!aim->shares) return XAI_OK;
    if (t->class_index < 0) t->class_index = r->predictions[0].class_index;
    XAI_CHECK(t->contrast != t->class_index, err, BAD_PARAM, "target.contrast",
              "the class is contrasted with itself: %" PRId64 " is the top class", t->contrast);
    return XAI_OK;
}

typedef struct run {
    const plan *plan;
    xai_context *context;
    xai_aim *aims;  /* a target's */
    xai_aim *filled; /* the same as the method that runs sees them */
    double *values; /* of those that are no class's */
    xai_result *result;
} run;

/* Whether a call runs on target b the variants that it runs on target a. */
static bool runs_the_same(const plan *p, size_t call, size_t a, size_t b)
{
    const xai_method *m = p->methods[call];
    if (!m->steady || b >= p->target_count) return false;
    void *const *params = p->params + call * p->target_count;
    return xai_params_equal(m->info.params, m->info.param_count, params[a], params[b]);
}

/* The targets as a call's method sees them. */
static xai_status fill_aims(const run *u, size_t call, xai_error *err)
{
    const plan *p = u->plan;
    for (size_t k = 0; k < p->target_count; k++) {
        u->filled[k] = u->aims[k];
        XAI_TRY(fill_aim(&u->filled[k], p->methods[call], p->params[call * p->target_count + k], u->result, err));
    }
    return XAI_OK;
}

/* Tells which targets will run the same variants after this one, so that they can be run for all of them. */
static void announce(const run *u, size_t call, size_t k)
{
    size_t n = 0;
    while (runs_the_same(u->plan, call, k + n, k + n + 1)) n++;
    bool again = k > 0 && runs_the_same(u->plan, call, k - 1, k);
    xai_shared_next_target(u->context->shared, again, u->filled + k + 1, n);
}

static xai_status run_method(const run *u, size_t call, size_t k, xai_explanation *e, xai_error *err)
{
    const plan *p = u->plan;
    xai_context *c = u->context;
    xai_result *r = u->result;
    const xai_method *method = p->methods[call];
    const void *params = p->params[call * p->target_count + k];
    const xai_method *named = p->named[call] ? p->named[call] : method;
    const void *named_params = p->named[call] ? p->named_params[call] : params;
    xai_task task = {.context = c, .arena = r->arena, .aim = u->filled[k], .seed = p->request->seed,
                     .emit_draws = p->request->emit_draws, .use_draws = p->request->use_draws, .result = e};
    e->method = &named->info;
    task.base = task.aim.shares ? xai_aim_value(&task.aim, c->base_logits) : u->values[k];
    e->target = task.aim.target;
    e->target_value = task.base;
    XAI_TRY(xai_target_name(c->model, &e->target, r->arena, &e->target_name, err));
    e->params = xai_params_doc(named->info.params, named->info.param_count, named_params, r->arena);
    if (!e->params) XAI_NO_MEMORY(err);
    announce(u, call, k);
    double forwards = c->forwards + c->reused_forwards, backwards = c->backwards + c->reused_backwards;
    XAI_TRY(method->run(&task, params, err));
    if (named != method) XAI_TRY(named->run(&task, named_params, err));
    e->forwards = 1 + c->forwards + c->reused_forwards - forwards; /* the base forward, which all share */
    e->backwards = c->backwards + c->reused_backwards - backwards;
    r->partial = r->partial || e->partial;
    return XAI_OK;
}

/* What the deadline left no time for keeps its place, and says so. */
static xai_status miss(xai_result *r, xai_explanation *e, xai_error *err)
{
    xai_task task = {.arena = r->arena, .result = e};
    e->artifact_count = 0;
    e->warning_count = 0;
    e->metric_count = 0;
    e->partial = false;
    e->missed = r->partial = true;
    return xai_task_warn(&task, err, "The deadline came before this could be computed.");
}

/* A deadline ends what can only be whole; what was complete, or was cut to a partial result, is kept. */
static xai_status run_methods(const plan *p, xai_context *c, xai_result *r, xai_error *err)
{
    size_t calls = p->request->call_count;
    xai_explanation *list = XAI_NEW(r->arena, xai_explanation, calls * p->target_count);
    run u = {.plan = p, .context = c, .result = r, .aims = XAI_NEW(r->arena, xai_aim, p->target_count),
             .filled = XAI_NEW(r->arena, xai_aim, p->target_count), .values = XAI_NEW(r->arena, double, p->target_count)};
    if (!list || !u.aims || !u.filled || !u.values) XAI_NO_MEMORY(err);
    if (calls) XAI_TRY(take_aims(p, c, u.aims, u.values, err));
    r->explanations = list;
    for (size_t i = 0; i < calls; i++) {
        XAI_TRY(fill_aims(&u, i, err));
        for (size_t k = 0; k < p->target_count; k++) {
            xai_explanation *e = &list[r->explanation_count];
            xai_status status = run_method(&u, i, k, e, err);
            if (status == XAI_E_DEADLINE && r->explanation_count > 0) status = miss(r, e, err);
            if (status != XAI_OK) return status;
            r->explanation_count++;
        }
    }
    return XAI_OK;
}

static bool any_needs(const plan *p, unsigned mask, unsigned needs)
{
    for (size_t i = 0; i < p->request->call_count; i++)
        if ((p->methods[i]->needs & mask) == needs) return true;
    return false;
}

static bool any_reads(const plan *p)
{
    for (size_t i = 0; i < p->request->call_count; i++)
        if (p->methods[i]->reads) return true;
    return false;
}

/* One base forward serves all: it keeps what any method begins from. */
static xai_plan_mode base_mode(const plan *p, const xai_context *c)
{
    bool layers = any_needs(p, XAI_NEEDS_LAYER, XAI_NEEDS_LAYER) && c->layers_only;
    if (any_needs(p, XAI_NEEDS_GRADIENT, XAI_NEEDS_GRADIENT) && !layers) return XAI_PLAN_GRADIENT;
    return layers || any_reads(p) ? XAI_PLAN_KEEP : XAI_PLAN_FORWARD;
}

/* In which modes a call runs variants of the input. */
static unsigned lanes_of(const plan *p, size_t call)
{
    const xai_method *method = p->methods[call];
    const void *params = p->params[call * p->target_count];
    if (method->lanes_of) return method->lanes_of(params);
    return !method->varies || method->varies(params) ? method->lanes : 0;
}

/* The sessions that the request will hold at once. A suffix takes less than the whole that it is a part of. */
static xai_status reserve(const plan *p, xai_context *c, xai_error *err)
{
    size_t sessions[XAI_PLAN_MODES] = {0}, width = (size_t)xai_pool_threads(c->pool);
    xai_plan_mode base = base_mode(p, c);
    unsigned plain = 0;
    for (size_t i = 0; i < p->request->call_count; i++) {
        plain |= p->methods[i]->plain;
        for (int mode = 0; mode < XAI_PLAN_MODES; mode++)
            if (lanes_of(p, i) & 1U << mode) sessions[mode] = width;
    }
    if (base != XAI_PLAN_FORWARD || !sessions[base]) sessions[base]++; /* or it runs in the first lane */
    if (sessions[XAI_PLAN_KEEP] == width && base == XAI_PLAN_FORWARD) sessions[XAI_PLAN_KEEP]++; /* their base */
    if (any_needs(p, XAI_NEEDS_LAYER, XAI_NEEDS_LAYER)) sessions[XAI_PLAN_KEEP]++;
    return xai_context_reserve(c, sessions, plain, err);
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

static void describe_run(const xai_context *c, xai_precision precision, xai_result *r)
{
    memcpy(r->crop, c->crop, sizeof r->crop);
    memcpy(r->input_shape, c->model->info.input_shape, sizeof r->input_shape);
    r->isa = xai_precision_isa(precision);
    r->precision = xai_precision_name(precision);
    r->view = c->view;
    r->view_width = c->width;
    r->view_height = c->height;
    r->forwards = c->forwards;
    r->backwards = c->backwards;
}

static xai_status run_all(const plan *p, xai_pool *pool, xai_token *token, xai_result *r, xai_error *err)
{
    const xai_request *q = p->request;
    xai_context_spec spec = {.model = q->model, .pool = pool, .token = token, .arena = r->arena, .urgent = q->urgent,
                             .image = q->image, .tensor = q->tensor, .wants = p->wants};
    spec.layers_only = !any_needs(p, XAI_NEEDS_GRADIENT | XAI_NEEDS_LAYER, XAI_NEEDS_GRADIENT) &&
                       !any_needs(p, XAI_NEEDS_INPUT, XAI_NEEDS_INPUT);
    xai_context c;
    xai_status status = XAI_OK;
    xai_token_stage(token, "explain", plan_cost(p));
    XAI_TRY_OUT(xai_context_init(&c, &spec, err));
    XAI_TRY_OUT(reserve(p, &c, err));
    XAI_TRY_OUT(run_base(p, &c, err));
    XAI_TRY_OUT(xai_context_predict(&c, q->top, r, err));
    XAI_TRY_OUT(run_methods(p, &c, r, err));
    describe_run(&c, q->precision, r);
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
