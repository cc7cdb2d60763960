/*
 * Hessian-vector products (session.h): one walk forward for the tangents of all values, one backward for the gradients
 * and, beside each, its tangent.
 *
 * The twin block is laid out like the session's: a value's tangent lies where the value lies in the block, the tangent
 * of a gradient where the gradient does. What does not move has no tangent, and costs nothing. Not thread-safe, like
 * the session.
 */
#include "session_inside.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

xai_status xai_session_add_twin(xai_session *s, xai_error *err)
{
    size_t n = (size_t)s->program->value_count;
    assert(s->mode == XAI_PLAN_GRADIENT);
    XAI_CHECK(s->program->plain, err, INTERNAL, "", "tangents need a plain program");
    xai_twin *t = s->twin = XAI_NEW(s->arena, xai_twin, 1);
    if (!t) XAI_NO_MEMORY(err);
    t->tangents = XAI_NEW(s->arena, float *, n);
    t->grads = XAI_NEW(s->arena, float *, n);
    if (!t->tangents || !t->grads) XAI_NO_MEMORY(err);
    XAI_TRY(xai_memory_check(s->block_bytes + s->plan.bytes, "the model's buffers, twice for tangents", err));
    t->block = aligned_alloc(64, (s->plan.bytes + 64) / 64 * 64);
    if (!t->block) XAI_NO_MEMORY(err);
    s->block_bytes += s->plan.bytes;
    return xai_stage_new(s->program->nodes, s->program->node_count, s->arena, &t->stage, err);
}

typedef struct walk {
    xai_session *session;
    xai_twin *twin;
    const xai_hvp *hvp;
    const xai_seed *seeds;
    size_t seed_count;
    xai_exec first, second; /* gradients; and their tangents */
} walk;

/* ---------------------------------------------------------------- tangents of values */

static void begin_tangent(walk *w, const xai_value *v)
{
    if (v && v->dtype == XAI_F32)
        w->twin->tangents[v->id] = (float *)(w->twin->block + w->session->plan.data_offset[v->id]);
}

static xai_status step_forward(walk *w, const xai_node *node, xai_error *err)
{
    if (!xai_node_moves(node, &w->second)) return XAI_OK;
    XAI_TRY(xai_node_check_tangent(node, &w->second, err));
    for (int k = 0; k < node->out_count; k++) begin_tangent(w, node->out[k]);
    if (!node->op->view) xai_node_tangent(node, &w->second, w->twin->stage);
    return XAI_OK;
}

/* Only what the seeds depend on matters: an operator without tangents elsewhere is no reason to refuse. */
static void mark_useful(walk *w)
{
    xai_session *s = w->session;
    memset(s->mark, 0, (size_t)s->program->value_count);
    for (size_t i = 0; i < w->seed_count; i++) s->mark[w->seeds[i].value->id] = true;
    for (int i = s->program->node_count; i-- > 0;) {
        const xai_node *node = s->program->nodes[i];
        bool useful = xai_any_marked(s->mark, node->out, node->out_count);
        for (int k = 0; useful && k < node->in_count; k++)
            if (node->in[k]) s->mark[node->in[k]->id] = true;
    }
}

static xai_status move_values(walk *w, xai_error *err)
{
    xai_session *s = w->session;
    const xai_value *at = w->hvp->at;
    memset(w->twin->tangents, 0, (size_t)s->program->value_count * sizeof *w->twin->tangents);
    begin_tangent(w, at);
    memcpy(w->twin->tangents[at->id], w->hvp->direction, (size_t)xai_value_count(at) * sizeof(float));
    mark_useful(w);
    for (int i = 0; i < s->program->node_count; i++) {
        const xai_node *node = s->program->nodes[i];
        bool makes_it = false; /* the node before `at` does not move it: `at` is where the movement begins */
        for (int k = 0; k < node->out_count; k++) makes_it = makes_it || node->out[k] == at;
        if (!makes_it && xai_any_marked(s->mark, node->out, node->out_count)) XAI_TRY(step_forward(w, node, err));
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- gradients and their tangents */

static void add_seeds(walk *w, const xai_value *v)
{
    xai_session *s = w->session;
    for (size_t i = 0; i < w->seed_count; i++) {
        if (w->seeds[i].value != v) continue;
        xai_session_open_gradient(s, v, s->block, s->grads);
        float *g = s->grads[v->id];
        for (size_t k = 0, n = (size_t)xai_value_count(v); g && k < n; k++) g[k] += w->seeds[i].grad[k];
    }
}

static void open_inputs(const walk *w, const xai_node *node, unsigned char *block, float **grads)
{
    for (int k = 0; k < node->in_count; k++)
        if (xai_value_runs(node->in[k])) xai_session_open_gradient(w->session, node->in[k], block, grads);
}

static xai_status step_back(walk *w, const xai_node *node, xai_error *err)
{
    xai_session *s = w->session;
    xai_twin *t = w->twin;
    bool reached = false, turned = false; /* there is a gradient; it has a tangent */
    for (int k = 0; k < node->out_count; k++) {
        if (!node->out[k]) continue;
        add_seeds(w, node->out[k]);
        reached = reached || s->grads[node->out[k]->id];
        turned = turned || t->grads[node->out[k]->id];
    }
    if (!reached || !xai_any_marked(s->mark, node->in, node->in_count)) return XAI_OK;
    XAI_NODE_CHECK(node->op->backward || node->op->view, node, UNSUPPORTED_METHOD, err, "it has no derivative");
    open_inputs(w, node, s->block, s->grads);
    xai_node_backward(node, &w->first);
    bool curves = !node->op->view && xai_node_curves(node, &w->second);
    if (turned || curves) open_inputs(w, node, t->block, t->grads);
    if (turned) xai_node_backward(node, &w->second);
    if (curves) xai_node_curve(node, &w->second, t->stage);
    return XAI_OK;
}

static void hand_out(const float *from, float *to, const xai_value *v)
{
    size_t bytes = (size_t)xai_value_count(v) * sizeof *to;
    if (to && from) memcpy(to, from, bytes);
    else if (to) memset(to, 0, bytes);
}

static xai_status turn_gradients(walk *w, xai_error *err)
{
    xai_session *s = w->session;
    const xai_value *at = w->hvp->at;
    size_t n = (size_t)s->program->value_count;
    memset(s->grads, 0, n * sizeof *s->grads);
    memset(w->twin->grads, 0, n * sizeof *w->twin->grads);
    xai_session_mark_needed(s, &(xai_wanted){at, NULL}, 1);
    for (int i = s->program->node_count; i-- > 0;) {
        const xai_node *node = s->program->nodes[i];
        if (xai_any_marked(s->mark, node->in, node->in_count)) XAI_TRY(step_back(w, node, err));
    }
    add_seeds(w, at);
    hand_out(s->grads[at->id], w->hvp->gradient, at);
    hand_out(w->twin->grads[at->id], w->hvp->product, at);
    return XAI_OK;
}

xai_status xai_session_hvp(xai_session *s, const xai_seed *seeds, size_t seed_count, const xai_hvp *hvp,
                           const xai_par *par, xai_error *err)
{
    assert(s->twin);
    XAI_CHECK(hvp->at->dtype == XAI_F32, err, BAD_TENSOR, hvp->at->name, "'%s' is no float tensor", hvp->at->name);
    walk w = {.session = s, .twin = s->twin, .hvp = hvp, .seeds = seeds, .seed_count = seed_count};
    w.first = w.second = xai_session_exec(s, XAI_POLICY_PLAIN, par);
    w.second.grads = s->twin->grads;
    w.second.tangents = s->twin->tangents;
    w.second.firsts = s->grads;
    XAI_TRY(move_values(&w, err));
    return turn_gradients(&w, err);
}
