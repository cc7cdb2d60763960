/* The gradient of a task's target by any tensor: taken once in a request; and of any other seed. Belongs to the request's
 * thread. */
#include "method.h"
#include "shared.h"

#include <stdlib.h>
#include <string.h>

typedef struct suffix {
    const xai_value *of;
    xai_session *base;
} suffix;

/* On the base activation: variants may have been there before. */
static xai_status run_suffix(void *user, size_t index, xai_session *session, const xai_par *par, xai_error *err)
{
    (void)index;
    (void)err;
    const suffix *s = user;
    memcpy(xai_session_value_data(session, s->of), xai_session_value_data(s->base, s->of),
           (size_t)xai_value_count(s->of) * sizeof(float));
    xai_session_forward(session, par);
    return XAI_OK;
}

/* The session in which the gradients are taken. One layer's are the same in a session of what follows it, which is
 * small: the whole is differentiated where the request needs that in any case. */
static xai_status find_session(xai_context *c, const xai_wanted *wanted, size_t count, xai_session **out,
                               xai_error *err)
{
    xai_value *of = count == 1 ? xai_program_find(c->program, wanted->value->name) : NULL;
    if (!of || of == c->in || !c->layers_only) return xai_context_gradient_base(c, out, err);
    xai_context_part *part;
    XAI_TRY(xai_context_part_of(c, of, XAI_PLAN_GRADIENT, &part, err));
    *out = xai_lanes_first(part->lanes);
    if (part->ready) return XAI_OK;
    suffix s = {.of = of};
    XAI_TRY(xai_context_kept_base(c, &s.base, err));
    XAI_TRY(xai_lanes_run(part->lanes, 1, run_suffix, &s, 0, c->token, NULL, err));
    part->ready = true;
    return XAI_OK;
}

static xai_status run_back(xai_context *c, xai_session *session, const xai_seed *seed, const xai_wanted *wanted,
                           size_t count, xai_policy policy, xai_error *err)
{
    XAI_TRY(xai_token_check(c->token, err));
    xai_par par = {c->pool};
    xai_pool_enter(c->pool, c->urgent);
    xai_status status = xai_session_backward(session, seed, 1, wanted, count, policy, &par, err);
    xai_pool_leave(c->pool);
    XAI_TRY(status);
    c->backwards++;
    return XAI_OK;
}

xai_status xai_task_backward(xai_task *task, const xai_seed *seed, const xai_wanted *wanted, xai_policy policy,
                             xai_error *err)
{
    xai_session *session;
    XAI_TRY(xai_context_gradient_base(task->context, &session, err));
    XAI_TRY(run_back(task->context, session, seed, wanted, 1, policy, err));
    xai_token_advance(task->context->token, 2);
    return XAI_OK;
}

/*
 * What one backward pass is taken for: beside the wanted values all that other methods of the request may want of the
 * same target, since the pass goes by them anyway. Rectifiers' other policies are few methods' matter.
 */
static xai_status gather(xai_task *task, const xai_wanted *wanted, size_t count, xai_policy policy, xai_wanted **all,
                         size_t *n, xai_error *err)
{
    const xai_context *c = task->context;
    xai_wanted *list = *all = XAI_NEW(task->arena, xai_wanted, count + c->wants.layer_count + 1);
    if (!list) XAI_NO_MEMORY(err);
    memcpy(list, wanted, count * sizeof *wanted);
    *n = count;
    for (size_t i = 0; policy == XAI_POLICY_PLAIN && i <= c->wants.layer_count; i++) {
        const xai_value *v = i < c->wants.layer_count ? xai_program_find(c->program, c->wants.layers[i]) : c->in;
        bool known = !v || (v == c->in && c->layers_only);
        for (size_t k = 0; k < *n; k++) known = known || list[k].value == v;
        if (known) continue;
        list[*n].value = v;
        if (!(list[(*n)++].out = malloc((size_t)xai_value_count(v) * sizeof(float)))) XAI_NO_MEMORY(err);
    }
    return XAI_OK;
}

static xai_status run_backward(xai_task *task, const xai_wanted *wanted, size_t count, xai_policy policy, xai_error *err)
{
    xai_context *c = task->context;
    xai_session *session;
    const xai_value *from = task->aim.value;
    XAI_TRY(find_session(c, wanted, count, &session, err));
    float *seed = XAI_NEW(task->arena, float, (size_t)xai_value_count(from));
    if (!seed) XAI_NO_MEMORY(err);
    xai_aim_add_seed(&task->aim, xai_session_value_data(session, from), seed);
    XAI_TRY(run_back(c, session, &(xai_seed){from, seed}, wanted, count, policy, err));
    for (size_t i = 0; i < count; i++)
        XAI_TRY(xai_shared_add_gradient(c->shared, &task->aim, policy, wanted[i].value, wanted[i].out, err));
    return XAI_OK;
}

/* All of them from an earlier pass, or none. */
static bool recall(xai_task *task, const xai_wanted *wanted, size_t count, xai_policy policy)
{
    const xai_shared *shared = task->context->shared;
    for (size_t i = 0; i < count; i++)
        if (!xai_shared_gradient(shared, &task->aim, policy, wanted[i].value)) return false;
    for (size_t i = 0; i < count; i++)
        memcpy(wanted[i].out, xai_shared_gradient(shared, &task->aim, policy, wanted[i].value),
               (size_t)xai_value_count(wanted[i].value) * sizeof(float));
    task->context->reused_backwards++;
    return true;
}

xai_status xai_task_gradient(xai_task *task, const xai_wanted *wanted, size_t count, xai_policy policy,
                             xai_error *err)
{
    xai_status status = XAI_OK;
    if (!recall(task, wanted, count, policy)) {
        xai_wanted *all = NULL;
        size_t n = 0;
        status = gather(task, wanted, count, policy, &all, &n, err);
        if (status == XAI_OK) status = run_backward(task, all, n, policy, err);
        for (size_t i = count; i < n; i++) free(all[i].out);
    }
    if (status == XAI_OK) xai_token_advance(task->context->token, 2);
    return status;
}
