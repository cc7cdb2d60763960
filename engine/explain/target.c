/*
 * The target as a number and as a gradient. One grammar for all methods: a class, minus another where a contrast is
 * given, in logit or probability space. Pure but for the backward pass.
 */
#include "method.h"

#include <string.h>

static double class_value(const xai_context *c, xai_space space, const float *logits, int64_t class_index)
{
    return space == XAI_SPACE_PROBABILITY ? xai_context_probability(c, logits, class_index)
                                          : (double)logits[class_index];
}

double xai_target_value(const xai_context *c, const xai_target *t, const float *logits)
{
    double value = class_value(c, t->space, logits, t->class_index);
    return t->contrast < 0 ? value : value - class_value(c, t->space, logits, t->contrast);
}

/* seed += sign * d value(class) / d logits. Softmax: p_k (delta - p); sigmoid: p (1 - p). */
static void add_class_seed(const xai_context *c, xai_space space, int64_t class_index, float sign, float *seed)
{
    xai_head head = c->model->info.head;
    const float *p = c->base_probabilities;
    float own = p[class_index];
    if (space == XAI_SPACE_LOGIT || head == XAI_HEAD_REGRESSION) seed[class_index] += sign;
    else if (head == XAI_HEAD_SIGMOID) seed[class_index] += sign * own * (1 - own);
    else
        for (int64_t i = 0; i < c->classes; i++) seed[i] += sign * own * ((i == class_index ? 1.0F : 0.0F) - p[i]);
}

xai_status xai_task_gradient(xai_task *task, const xai_wanted *wanted, size_t count, xai_policy policy,
                             xai_error *err)
{
    xai_context *c = task->context;
    xai_session *session;
    XAI_TRY(xai_context_gradient_base(c, &session, err));
    float *seed = XAI_NEW(task->arena, float, (size_t)c->classes);
    if (!seed) XAI_NO_MEMORY(err);
    add_class_seed(c, task->target.space, task->target.class_index, 1, seed);
    if (task->target.contrast >= 0) add_class_seed(c, task->target.space, task->target.contrast, -1, seed);
    XAI_TRY(xai_token_check(c->token, err));
    xai_par par = {c->pool};
    xai_pool_enter(c->pool, c->urgent);
    xai_status status = xai_session_backward(session, &(xai_seed){c->logits, seed}, 1, wanted, count, policy, &par,
                                             err);
    xai_pool_leave(c->pool);
    XAI_TRY(status);
    c->backwards++;
    xai_token_advance(c->token, 2);
    return XAI_OK;
}
