/*
 * Which nodes of a session run as one (ops/conv_chain.h, ops/pixel_join.h): neighbours in the order of execution whose
 * tensors in between nobody else reads and nobody wants to keep. Those tensors then have no place in the session's
 * memory.
 */
#include "ops/conv_chain.h"
#include "ops/pixel_join.h"
#include "session_inside.h"

#include <string.h>

enum { MOST = 3 };

static bool is_convolution(const xai_node *node) { return strcmp(node->op->type, "Conv") == 0; }

static bool is_between(const xai_session *s, const int *uses, const xai_node *a, const xai_node *b)
{
    const xai_value *v = a->out[0];
    return a->out_count == 1 && b->in[0] == v && uses[v->id] == 1 && !s->mark[v->id] &&
           (xai_conv_chains(a, b) || xai_pixel_join_chains(a, b));
}

xai_status xai_session_find_chains(xai_session *s, xai_error *err)
{
    const xai_part *part = &s->part;
    int *uses = XAI_NEW(s->arena, int, (size_t)s->program->value_count);
    s->together = XAI_NEW(s->arena, int, (size_t)part->node_count);
    if (!uses || !s->together) XAI_NO_MEMORY(err);
    for (int i = 0; i < part->node_count; i++)
        for (int k = 0; k < part->nodes[i]->in_count; k++)
            if (part->nodes[i]->in[k]) uses[part->nodes[i]->in[k]->id]++;
    for (int i = 0, n; i < part->node_count; i += n) {
        n = 1;
        while (s->mode == XAI_PLAN_FORWARD && n < MOST && i + n < part->node_count &&
               is_between(s, uses, part->nodes[i + n - 1], part->nodes[i + n]))
            n++;
        s->together[i] = n;
    }
    return XAI_OK;
}

size_t xai_session_chain_scratch(const xai_session *s)
{
    size_t most = 0;
    for (int i = 0; i < s->part.node_count; i += s->together[i]) {
        bool chain = s->together[i] > 1 && is_convolution(s->part.nodes[i]);
        size_t bytes = chain ? xai_conv_chain_scratch(s->part.nodes + i, s->together[i]) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

void xai_session_run_chain(xai_node *const *nodes, int count, const xai_exec *exec)
{
    if (is_convolution(nodes[0])) xai_conv_chain_run(nodes, count, exec);
    else xai_pixel_join_chain_run(nodes, count, exec);
}
