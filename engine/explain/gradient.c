/* The gradient of a task's target by any tensor. Pure but for the backward pass. */
#include "method.h"

xai_status xai_task_gradient(xai_task *task, const xai_wanted *wanted, size_t count, xai_policy policy,
                             xai_error *err)
{
    xai_context *c = task->context;
    xai_session *session;
    const xai_value *from = task->aim.value;
    XAI_TRY(xai_context_gradient_base(c, &session, err));
    float *seed = XAI_NEW(task->arena, float, (size_t)xai_value_count(from));
    if (!seed) XAI_NO_MEMORY(err);
    xai_aim_add_seed(&task->aim, xai_session_value_data(session, from), seed);
    XAI_TRY(xai_token_check(c->token, err));
    xai_par par = {c->pool};
    xai_pool_enter(c->pool, c->urgent);
    xai_status status = xai_session_backward(session, &(xai_seed){from, seed}, 1, wanted, count, policy, &par, err);
    xai_pool_leave(c->pool);
    XAI_TRY(status);
    c->backwards++;
    xai_token_advance(c->token, 2);
    return XAI_OK;
}
