/* Relevance passes for methods; sums run in the order of the nodes. Belongs to the task's thread. */
#include "propagation.h"

#include <string.h>

static bool is_convolution(const xai_node *node) { return strncmp(node->op->type, "Conv", 4) == 0; }

xai_status xai_relevance_fill(const xai_relevance_plan *plan, const xai_program *program, xai_arena *arena,
                              xai_rule **out, xai_error *err)
{
    xai_rule *rules = *out = XAI_NEW(arena, xai_rule, (size_t)program->node_count);
    if (!rules) XAI_NO_MEMORY(err);
    bool first = plan->has_first;
    for (int i = 0; i < program->node_count; i++) {
        const xai_node *node = program->nodes[i];
        bool convolution = is_convolution(node);
        rules[i] = convolution ? plan->convolution : plan->dense;
        if (!first || node->op->flow != XAI_FLOW_WEIGH || (plan->first_convolution && !convolution)) continue;
        rules[i] = plan->first;
        first = false;
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- cost */

/* Activations are positive as a rule, so terms of negative inputs seldom run. */
double xai_relevance_forwards(const xai_rule *rule)
{
    bool two = rule->kind == XAI_RULE_GAMMA || (rule->kind == XAI_RULE_ALPHA_BETA && rule->beta > 0);
    return rule->kind == XAI_RULE_EPSILON ? 0 : two ? 2 : 1;
}

double xai_relevance_backwards(const xai_rule *rule)
{
    return rule->kind == XAI_RULE_EPSILON ? 1 : xai_relevance_forwards(rule);
}

xai_status xai_task_relevance(xai_task *task, const xai_plain *plain, const xai_relevance_plan *plan,
                              const xai_relevance *relevance, xai_error *err)
{
    xai_context *c = task->context;
    double forwards = xai_relevance_forwards(&plan->convolution), backwards = xai_relevance_backwards(&plan->convolution);
    XAI_TRY(xai_token_check(c->token, err));
    xai_par par = {c->pool};
    xai_pool_enter(c->pool, c->urgent);
    xai_status status = xai_session_relevance(plain->session, relevance, &par, err);
    xai_pool_leave(c->pool);
    XAI_TRY(status);
    c->forwards += forwards;
    c->backwards += backwards;
    xai_token_advance(c->token, forwards + 2 * backwards);
    return XAI_OK;
}
