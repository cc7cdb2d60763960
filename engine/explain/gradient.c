/* The gradient of a task's target, or of any tensor, by any tensor. Pure but for the backward pass. */
#include "method.h"

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

static xai_status run_back(xai_task *task, xai_session *session, const xai_seed *seed, const xai_wanted *wanted,
                           size_t count, xai_policy policy, xai_error *err)
{
    xai_context *c = task->context;
    XAI_TRY(xai_token_check(c->token, err));
    xai_par par = {c->pool};
    xai_pool_enter(c->pool, c->urgent);
    xai_status status = xai_session_backward(session, seed, 1, wanted, count, policy, &par, err);
    xai_pool_leave(c->pool);
    XAI_TRY(status);
    c->backwards++;
    xai_token_advance(c->token, 2);
    return XAI_OK;
}

xai_status xai_task_gradient(xai_task *task, const xai_wanted *wanted, size_t count, xai_policy policy,
                             xai_error *err)
{
    xai_session *session;
    const xai_value *from = task->aim.value;
    XAI_TRY(find_session(task->context, wanted, count, &session, err));
    float *seed = XAI_NEW(task->arena, float, (size_t)xai_value_count(from));
    if (!seed) XAI_NO_MEMORY(err);
    xai_aim_add_seed(&task->aim, xai_session_value_data(session, from), seed);
    return run_back(task, session, &(xai_seed){from, seed}, wanted, count, policy, err);
}

xai_status xai_task_backward(xai_task *task, const xai_seed *seed, const xai_wanted *wanted, xai_policy policy,
                             xai_error *err)
{
    xai_session *session;
    XAI_TRY(xai_context_gradient_base(task->context, &session, err));
    return run_back(task, session, seed, wanted, 1, policy, err);
}
