/*
 * Session: forward, suffix and backward over planned buffers.
 *
 * Backward accumulates: each node adds to the gradients of its inputs, in reverse order of execution, so sums have one
 * fixed order. A gradient buffer is cleared when the first node (from the end) is about to add to it, which is where
 * its planned lifetime begins. Not thread-safe; many sessions of one program run side by side.
 */
#include "session.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct xai_session {
    xai_arena *arena;
    xai_program *program;
    xai_plan plan;
    xai_plan_mode mode;
    unsigned char *block;
    size_t block_bytes;
    void **data;       /* by value id */
    float **grads;     /* by value id; set while a backward pass runs */
    bool *mark;        /* by value id: scratch for walks */
    unsigned char *scratch;
    size_t scratch_stride;
    xai_observer observer;
};

enum { ALIGN = 64 };

static xai_status mark_kept(xai_session *s, const xai_session_spec *spec, xai_error *err)
{
    for (size_t i = 0; i < spec->keep_count; i++) {
        const xai_value *v = xai_program_find(s->program, spec->keep[i]);
        XAI_CHECK(v, err, INTERNAL, spec->keep[i], "the program does not compute '%s'", spec->keep[i]);
        s->mark[v->id] = true;
    }
    return XAI_OK;
}

static xai_status allocate(xai_session *s, int threads, xai_error *err)
{
    size_t stride = (xai_program_scratch(s->program) + ALIGN) / ALIGN * ALIGN;
    XAI_TRY(xai_memory_check(stride, "the scratch memory of a layer", err));
    s->scratch_stride = stride;
    s->block_bytes = s->plan.bytes + stride * (size_t)threads;
    XAI_TRY(xai_memory_check(s->block_bytes, "the model's buffers", err));
    s->block = aligned_alloc(ALIGN, (s->block_bytes + ALIGN) / ALIGN * ALIGN);
    if (!s->block)
        XAI_FAIL(err, NO_MEMORY, "", "out of memory: the model's buffers need %zu MiB", s->block_bytes >> 20);
    s->scratch = s->block + s->plan.bytes;
    for (int i = 0; i < s->program->value_count; i++) {
        const xai_value *v = s->program->values[i];
        if (v->constant) s->data[i] = v->constant->data;
        else if (s->plan.data_offset[i] != SIZE_MAX) s->data[i] = s->block + s->plan.data_offset[i];
    }
    return XAI_OK;
}

static xai_status set_up(xai_session *s, const xai_session_spec *spec, xai_error *err)
{
    size_t n = (size_t)s->program->value_count;
    s->data = XAI_NEW(s->arena, void *, n);
    s->grads = XAI_NEW(s->arena, float *, n);
    s->mark = XAI_NEW(s->arena, bool, n);
    if (!s->data || !s->grads || !s->mark) XAI_NO_MEMORY(err);
    if (spec->mode == XAI_PLAN_GRADIENT) XAI_TRY(xai_program_prepare_backward(s->program, err));
    XAI_TRY(mark_kept(s, spec, err));
    XAI_TRY(xai_plan_make(s->program, spec->mode, s->mark, s->arena, &s->plan, err));
    return allocate(s, spec->threads, err);
}

xai_status xai_session_new(xai_program *program, const xai_session_spec *spec, xai_session **out, xai_error *err)
{
    xai_arena *arena = xai_arena_new(0);
    xai_session *s = arena ? XAI_NEW(arena, xai_session, 1) : NULL;
    if (!s) {
        xai_arena_free(arena);
        XAI_NO_MEMORY(err);
    }
    s->arena = arena;
    s->program = program;
    s->mode = spec->mode;
    xai_status status = set_up(s, spec, err);
    if (status != XAI_OK) xai_session_free(s);
    else *out = s;
    return status;
}

void xai_session_free(xai_session *session)
{
    if (!session) return;
    free(session->block);
    xai_arena_free(session->arena);
}

size_t xai_session_bytes(const xai_session *session) { return session->block_bytes; }

void *xai_session_value_data(xai_session *session, const xai_value *value) { return session->data[value->id]; }

float *xai_session_data(xai_session *session, const char *name)
{
    const xai_value *v = xai_program_find(session->program, name);
    return v ? session->data[v->id] : NULL;
}

static xai_exec exec_of(xai_session *s, xai_policy policy, const xai_par *par)
{
    return (xai_exec){.par = par,
                      .data = s->data,
                      .grads = s->grads,
                      .policy = policy,
                      .fast = s->mode == XAI_PLAN_FORWARD,
                      .scratch = s->scratch,
                      .scratch_stride = s->scratch_stride};
}

void xai_session_observe(xai_session *s, const xai_observer *observer) { s->observer = *observer; }

static void tell(const xai_session *s, const xai_node *node, bool backward, bool begins)
{
    if (s->observer.tell) s->observer.tell(s->observer.user, node, backward, begins);
}

static void run_node(const xai_session *s, const xai_node *node, const xai_exec *exec)
{
    if (node->op->view) return;
    tell(s, node, false, true);
    node->op->forward(node, exec);
    tell(s, node, false, false);
}

void xai_session_forward(xai_session *s, const xai_par *par)
{
    xai_exec exec = exec_of(s, XAI_POLICY_PLAIN, par);
    for (int i = 0; i < s->program->node_count; i++) run_node(s, s->program->nodes[i], &exec);
}

static bool any_marked(const bool *mark, xai_value *const *values, int count)
{
    for (int i = 0; i < count; i++)
        if (values[i] && mark[values[i]->id]) return true;
    return false;
}

static void mark_all(bool *mark, xai_value *const *values, int count)
{
    for (int i = 0; i < count; i++)
        if (values[i]) mark[values[i]->id] = true;
}

void xai_session_forward_from(xai_session *s, const xai_value *from, const xai_par *par)
{
    assert(s->mode == XAI_PLAN_GRADIENT);
    xai_exec exec = exec_of(s, XAI_POLICY_PLAIN, par);
    memset(s->mark, 0, (size_t)s->program->value_count);
    s->mark[from->id] = true;
    for (int i = 0; i < s->program->node_count; i++) {
        const xai_node *node = s->program->nodes[i];
        if (!any_marked(s->mark, node->in, node->in_count)) continue;
        mark_all(s->mark, node->out, node->out_count);
        run_node(s, node, &exec);
    }
}

/* ---------------------------------------------------------------- backward */

typedef struct backward {
    xai_session *session;
    const xai_seed *seeds;
    size_t seed_count;
    const xai_wanted *wanted;
    size_t wanted_count;
    xai_exec exec;
} backward;

/* Marks the values that depend on a wanted one: only they need gradients. */
static void mark_needed(backward *b)
{
    xai_session *s = b->session;
    memset(s->mark, 0, (size_t)s->program->value_count);
    for (size_t i = 0; i < b->wanted_count; i++) s->mark[b->wanted[i].value->id] = true;
    for (int i = 0; i < s->program->node_count; i++) {
        const xai_node *node = s->program->nodes[i];
        if (any_marked(s->mark, node->in, node->in_count)) mark_all(s->mark, node->out, node->out_count);
    }
}

/* The gradient of a value becomes live: cleared, to be added to. */
static void open_gradient(xai_session *s, const xai_value *v)
{
    if (s->grads[v->id] || !s->mark[v->id] || s->plan.grad_offset[v->id] == SIZE_MAX) return;
    s->grads[v->id] = (float *)(s->block + s->plan.grad_offset[v->id]);
    memset(s->grads[v->id], 0, (size_t)xai_value_count(v) * sizeof(float));
}

/* Everything that uses the value has been differentiated: add its seeds, hand it out. */
static void close_gradient(backward *b, const xai_value *v)
{
    xai_session *s = b->session;
    size_t count = (size_t)xai_value_count(v);
    for (size_t i = 0; i < b->seed_count; i++) {
        if (b->seeds[i].value != v) continue;
        open_gradient(s, v);
        float *g = s->grads[v->id];
        for (size_t k = 0; g && k < count; k++) g[k] += b->seeds[i].grad[k];
    }
    for (size_t i = 0; i < b->wanted_count; i++) {
        if (b->wanted[i].value != v) continue;
        if (s->grads[v->id]) memcpy(b->wanted[i].out, s->grads[v->id], count * sizeof(float));
        else memset(b->wanted[i].out, 0, count * sizeof(float));
    }
}

static void add_view_gradient(const xai_node *node, const xai_exec *exec)
{
    const float *from = exec->grads[node->out[0]->id];
    float *to = xai_grad_in(exec, node, 0);
    size_t count = (size_t)xai_value_count(node->out[0]);
    for (size_t i = 0; from && to && i < count; i++) to[i] += from[i];
}

static xai_status step_back(backward *b, const xai_node *node, xai_error *err)
{
    xai_session *s = b->session;
    bool reached = false;
    for (int k = 0; k < node->out_count; k++) {
        if (!node->out[k]) continue;
        close_gradient(b, node->out[k]);
        reached = reached || s->grads[node->out[k]->id];
    }
    if (!reached || !any_marked(s->mark, node->in, node->in_count)) return XAI_OK;
    XAI_NODE_CHECK(node->op->backward || node->op->view, node, UNSUPPORTED_METHOD, err, "it has no derivative");
    for (int k = 0; k < node->in_count; k++)
        if (xai_value_runs(node->in[k])) open_gradient(s, node->in[k]);
    tell(s, node, true, true);
    if (node->op->view) add_view_gradient(node, &b->exec);
    else node->op->backward(node, &b->exec);
    tell(s, node, true, false);
    return XAI_OK;
}

xai_status xai_session_backward(xai_session *s, const xai_seed *seeds, size_t seed_count, const xai_wanted *wanted,
                                size_t wanted_count, xai_policy policy, const xai_par *par, xai_error *err)
{
    assert(s->mode == XAI_PLAN_GRADIENT);
    backward b = {s, seeds, seed_count, wanted, wanted_count, exec_of(s, policy, par)};
    memset(s->grads, 0, (size_t)s->program->value_count * sizeof *s->grads);
    mark_needed(&b);
    for (int i = s->program->node_count; i-- > 0;) XAI_TRY(step_back(&b, s->program->nodes[i], err));
    for (int i = 0; i < s->program->input_count; i++) close_gradient(&b, s->program->inputs[i]);
    return XAI_OK;
}
