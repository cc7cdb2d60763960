/*
 * Session: forward and backward over planned buffers.
 *
 * Backward accumulates: each node adds to the gradients of its inputs, in reverse order of execution, so sums have one
 * fixed order. A gradient buffer is cleared when the first node (from the end) is about to add to it, which is where
 * its planned lifetime begins. Not thread-safe; many sessions of one program run side by side.
 */
#include "session_inside.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

/* Everything but the buffers themselves. */
static xai_status plan(xai_session *s, const xai_session_spec *spec, xai_error *err)
{
    s->mark = XAI_NEW(s->arena, bool, (size_t)s->program->value_count);
    if (!s->mark) XAI_NO_MEMORY(err);
    if (s->fast) XAI_TRY(xai_program_prepare_fast(s->program, s->part.nodes, s->part.node_count, err));
    if (spec->mode == XAI_PLAN_GRADIENT)
        XAI_TRY(xai_program_prepare_backward(s->program, s->part.nodes, s->part.node_count, err));
    XAI_TRY(mark_kept(s, spec, err));
    XAI_TRY(xai_session_find_chains(s, err));
    XAI_TRY(xai_plan_make(s->program, &s->part, spec->mode, s->mark, s->together, s->arena, &s->plan, err));
    size_t shared, scratch = xai_program_scratch(s->program, s->part.nodes, s->part.node_count, &shared);
    size_t chains = xai_session_chain_scratch(s);
    if (chains > scratch) scratch = chains;
    XAI_TRY(xai_memory_check(scratch, "the scratch memory of a layer", err));
    XAI_TRY(xai_memory_check(shared, "the scratch memory of a layer", err));
    s->scratch_stride = (scratch + ALIGN) / ALIGN * ALIGN;
    s->block_bytes = s->plan.bytes + s->scratch_stride * (size_t)spec->threads + shared;
    return xai_memory_check(s->block_bytes, "the model's buffers", err);
}

static xai_status allocate(xai_session *s, const xai_session_spec *spec, xai_error *err)
{
    size_t n = (size_t)s->program->value_count, slots = s->plan.slots;
    s->data = XAI_NEW(s->arena, void *, n * slots);
    s->grads = XAI_NEW(s->arena, float *, n);
    s->execs = XAI_NEW(s->arena, xai_exec, slots);
    if (!s->data || !s->grads || !s->execs) XAI_NO_MEMORY(err);
    if (s->mode == XAI_PLAN_KEEP && s->base) {
        s->changed = XAI_NEW(s->arena, xai_box, n);
        s->stale = XAI_NEW(s->arena, xai_box, n);
        if (!s->changed || !s->stale) XAI_NO_MEMORY(err);
    }
    s->block = aligned_alloc(ALIGN, (s->block_bytes + ALIGN) / ALIGN * ALIGN);
    if (!s->block)
        XAI_FAIL(err, NO_MEMORY, "", "out of memory: the model's buffers need %zu MiB", s->block_bytes >> 20);
    s->scratch = s->block + s->plan.bytes;
    s->shared = s->scratch + s->scratch_stride * (size_t)spec->threads;
    for (size_t i = 0; i < n * slots; i++) {
        const xai_value *v = s->program->values[i % n];
        size_t at = s->plan.data_offset[i % n];
        if (v->constant) s->data[i] = v->constant->data;
        else if (at != SIZE_MAX) s->data[i] = s->block + at + i / n * xai_plan_step(v);
        if (v->initial && s->data[i]) memcpy(s->data[i], v->initial->data, (size_t)xai_value_count(v) * sizeof(float));
    }
    s->first_shared = xai_part_first_shared(&s->part);
    return XAI_OK;
}

static void copy_value(xai_session *s, const xai_value *v)
{
    if (!v || v->constant || !s->data[v->id] || !s->base->data[v->id]) return;
    for (size_t i = 0; i < s->plan.slots; i++)
        memcpy(xai_session_slot_data(s, v, (int)i), s->base->data[v->id],
               (size_t)xai_value_count(v) * xai_dtype_size(v->dtype));
}

/* What survives a run begins as the base has it. */
static void copy_base(xai_session *s)
{
    for (int i = 0; i < s->part.input_count; i++) copy_value(s, s->part.inputs[i]);
    for (int i = 0; s->mode == XAI_PLAN_KEEP && i < s->part.node_count; i++) {
        const xai_node *node = s->part.nodes[i];
        for (int k = 0; !node->op->view && k < node->out_count; k++) copy_value(s, node->out[k]);
    }
}

static xai_session *start(xai_program *program, const xai_session_spec *spec)
{
    xai_arena *arena = xai_arena_new(0);
    xai_session *s = arena ? XAI_NEW(arena, xai_session, 1) : NULL;
    if (!s) {
        xai_arena_free(arena);
        return NULL;
    }
    *s = (xai_session){.arena = arena,
                       .program = program,
                       .part = spec->part ? *spec->part : xai_part_whole(program),
                       .base = spec->base,
                       .mode = spec->mode,
                       .fast = spec->base ? spec->base->fast : spec->mode == XAI_PLAN_FORWARD,
                       .plan = {.slots = spec->slots > 1 ? (size_t)spec->slots : 1}};
    return s;
}

xai_status xai_session_new(xai_program *program, const xai_session_spec *spec, xai_session **out, xai_error *err)
{
    xai_session *s = start(program, spec);
    if (!s) XAI_NO_MEMORY(err);
    xai_status status = plan(s, spec, err);
    if (status == XAI_OK) status = allocate(s, spec, err);
    if (status == XAI_OK && spec->tangents) status = xai_session_add_twin(s, err);
    if (status == XAI_OK && spec->relevance) status = xai_session_add_relevance(s, err);
    if (status == XAI_OK && spec->multipliers) status = xai_session_add_multipliers(s, err);
    if (status != XAI_OK) {
        xai_session_free(s);
        return status;
    }
    if (s->base) copy_base(s);
    *out = s;
    return XAI_OK;
}

xai_status xai_session_plan_bytes(xai_program *program, const xai_session_spec *spec, size_t *bytes, xai_error *err)
{
    xai_session *s = start(program, spec);
    if (!s) XAI_NO_MEMORY(err);
    xai_status status = plan(s, spec, err);
    *bytes = s->block_bytes;
    if (spec->tangents) *bytes += s->plan.bytes;
    if (spec->relevance) *bytes += xai_session_relevance_bytes(s);
    if (spec->multipliers) *bytes += xai_session_multiplier_bytes(s);
    xai_session_free(s);
    return status;
}

void xai_session_free(xai_session *session)
{
    if (!session) return;
    if (session->twin) free(session->twin->block);
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

void *xai_session_slot_data(xai_session *s, const xai_value *value, int slot)
{
    return s->data[slot * s->program->value_count + value->id];
}

xai_exec xai_session_exec(xai_session *s, xai_policy policy, const xai_par *par)
{
    return (xai_exec){.par = par,
                      .data = s->data,
                      .grads = s->grads,
                      .policy = policy,
                      .fast = s->fast,
                      .scratch = s->scratch,
                      .scratch_stride = s->scratch_stride,
                      .shared = s->shared};
}

void xai_session_observe(xai_session *s, const xai_observer *observer) { s->observer = *observer; }

static void tell(const xai_session *s, const xai_node *node, bool backward, bool begins)
{
    if (s->observer.tell) s->observer.tell(s->observer.user, node, backward, begins);
}

void xai_session_run_node(const xai_session *s, const xai_node *node, const xai_exec *exec)
{
    if (node->op->view) return;
    tell(s, node, false, true);
    node->op->forward(node, exec);
    tell(s, node, false, false);
}

/* The nodes before position `end`. */
static void run_nodes(const xai_session *s, int end, const xai_exec *exec)
{
    for (int i = 0; i < end; i += s->together[i]) {
        xai_node *const *nodes = s->part.nodes + i;
        if (s->together[i] == 1) {
            xai_session_run_node(s, nodes[0], exec);
            continue;
        }
        tell(s, nodes[0], false, true);
        xai_session_run_chain(nodes, s->together[i], exec);
        tell(s, nodes[0], false, false);
    }
}

void xai_session_forward(xai_session *s, const xai_par *par)
{
    xai_exec exec = xai_session_exec(s, XAI_POLICY_PLAIN, par);
    run_nodes(s, s->part.node_count, &exec);
}

int xai_session_together(const xai_session *s, int position) { return s->together[position]; }

/* ---------------------------------------------------------------- several slots */

static void set_slot(xai_session *s, int slot, const xai_par *par)
{
    s->execs[slot] = xai_session_exec(s, XAI_POLICY_PLAIN, par);
    s->execs[slot].data = s->data + slot * s->program->value_count;
}

void xai_session_forward_slot(xai_session *s, int slot, const xai_par *par)
{
    assert((size_t)slot < s->plan.slots);
    set_slot(s, slot, par);
    run_nodes(s, s->first_shared, &s->execs[slot]);
}

void xai_session_forward_slots(xai_session *s, int count, const xai_par *par)
{
    assert(count > 0 && (size_t)count <= s->plan.slots);
    for (int k = 0; k < count; k++) set_slot(s, k, par);
    for (int i = s->first_shared; i < s->part.node_count; i++) {
        const xai_node *node = s->part.nodes[i];
        if (node->op->forward_slots) node->op->forward_slots(node, s->execs, count);
        for (int k = 0; k < count && !node->op->forward_slots; k++) xai_session_run_node(s, node, &s->execs[k]);
    }
}

bool xai_any_marked(const bool *mark, xai_value *const *values, int count)
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

/* ---------------------------------------------------------------- walking back */

/* Marks the values that depend on a wanted one: only they need gradients. */
void xai_session_mark_needed(xai_session *s, const xai_wanted *wanted, size_t count)
{
    memset(s->mark, 0, (size_t)s->program->value_count);
    for (size_t i = 0; i < count; i++) s->mark[wanted[i].value->id] = true;
    for (int i = 0; i < s->part.node_count; i++) {
        const xai_node *node = s->part.nodes[i];
        if (xai_any_marked(s->mark, node->in, node->in_count)) mark_all(s->mark, node->out, node->out_count);
    }
}

/* The gradient of a value becomes live: cleared, to be added to. */
void xai_session_open_gradient(const xai_session *s, const xai_value *v, unsigned char *block, float **grads)
{
    if (grads[v->id] || !s->mark[v->id] || s->plan.grad_offset[v->id] == SIZE_MAX) return;
    grads[v->id] = (float *)(block + s->plan.grad_offset[v->id]);
    memset(grads[v->id], 0, (size_t)xai_value_count(v) * sizeof(float));
}

/* Everything that uses the value has been visited: add its seeds, hand it out. */
static void close_gradient(xai_session *s, const xai_walk *w, const xai_value *v)
{
    size_t count = (size_t)xai_value_count(v);
    for (size_t i = 0; i < w->seed_count; i++) {
        if (w->seeds[i].value != v) continue;
        xai_session_open_gradient(s, v, s->block, s->grads);
        float *g = s->grads[v->id];
        for (size_t k = 0; g && k < count; k++) g[k] += w->seeds[i].grad[k];
    }
    for (size_t i = 0; i < w->wanted_count; i++) {
        if (w->wanted[i].value != v) continue;
        if (s->grads[v->id]) memcpy(w->wanted[i].out, s->grads[v->id], count * sizeof(float));
        else memset(w->wanted[i].out, 0, count * sizeof(float));
    }
}

static xai_status step_back(xai_session *s, const xai_walk *w, int position, xai_error *err)
{
    const xai_node *node = s->part.nodes[position];
    bool reached = false;
    for (int k = 0; k < node->out_count; k++) {
        if (!node->out[k]) continue;
        close_gradient(s, w, node->out[k]);
        reached = reached || s->grads[node->out[k]->id];
    }
    bool visited = reached && xai_any_marked(s->mark, node->in, node->in_count);
    return visited ? w->visit(w->user, node, position, err) : XAI_OK;
}

xai_status xai_session_walk_back(xai_session *s, const xai_walk *w, xai_error *err)
{
    memset(s->grads, 0, (size_t)s->program->value_count * sizeof *s->grads);
    xai_session_mark_needed(s, w->wanted, w->wanted_count);
    for (int i = s->part.node_count; i-- > 0;) XAI_TRY(step_back(s, w, i, err));
    for (int i = 0; i < s->part.input_count; i++) close_gradient(s, w, s->part.inputs[i]);
    for (int i = 0; i < s->program->variable_count; i++) close_gradient(s, w, s->program->variables[i]);
    return XAI_OK;
}

void xai_node_backward(const xai_node *node, const xai_exec *exec)
{
    if (!node->op->view) {
        node->op->backward(node, exec);
        return;
    }
    const float *from = exec->grads[node->out[0]->id];
    float *to = xai_grad_in(exec, node, 0);
    size_t count = (size_t)xai_value_count(node->out[0]);
    for (size_t i = 0; from && to && i < count; i++) to[i] += from[i];
}

/* ---------------------------------------------------------------- the gradient */

typedef struct backward {
    xai_session *session;
    xai_exec exec;
} backward;

static xai_status differentiate(void *user, const xai_node *node, int position, xai_error *err)
{
    (void)position;
    const backward *b = user;
    xai_session *s = b->session;
    XAI_NODE_CHECK(node->op->backward || node->op->view, node, UNSUPPORTED_METHOD, err, "it has no derivative");
    for (int k = 0; k < node->in_count; k++)
        if (xai_value_runs(node->in[k])) xai_session_open_gradient(s, node->in[k], s->block, s->grads);
    tell(s, node, true, true);
    xai_node_backward(node, &b->exec);
    tell(s, node, true, false);
    return XAI_OK;
}

xai_status xai_session_backward(xai_session *s, const xai_seed *seeds, size_t seed_count, const xai_wanted *wanted,
                                size_t wanted_count, xai_policy policy, const xai_par *par, xai_error *err)
{
    assert(s->mode == XAI_PLAN_GRADIENT);
    backward b = {s, xai_session_exec(s, policy, par)};
    xai_walk walk = {seeds, seed_count, wanted, wanted_count, differentiate, &b};
    return xai_session_walk_back(s, &walk, err);
}
