/* Relevance: what the walk (relevance.c) and the rules (relevance_rules.c) share. */
#ifndef XAI_GRAPH_RELEVANCE_INSIDE_H
#define XAI_GRAPH_RELEVANCE_INSIDE_H

#include "relevance.h"
#include "session_inside.h"

#define XAI_SHARE_EPSILON 1e-6F /* of sums: against division by zero */

struct xai_relevance_room {
    xai_stage *stage;
    float *input, *weight, *bias; /* as a rule changes them; the largest of any product with weights */
    float *sum, *scaled, *part;   /* like its output */
    float *grad;                  /* like all float inputs of a node together */
};

/* One product with weights. */
typedef struct xai_weighing {
    const xai_node *node;
    const xai_exec *exec;
    xai_relevance_room *room;
    const xai_rule *rule;
    int signal, weight;  /* inputs: 0 and 1, or 1 and 0 */
    const float *from;   /* relevance of the output */
    float *to;           /* of the signal: added to */
} xai_weighing;

xai_status xai_relevance_check_rule(const xai_node *node, const xai_rule *rule, xai_error *err);
void xai_relevance_weigh(const xai_weighing *weighing);

/* relevance / [sum]; nothing where the sum and epsilon are 0. */
static inline float xai_relevance_ratio(float relevance, float sum, float epsilon)
{
    float divisor = sum + (sum < 0 ? -epsilon : epsilon);
    return divisor != 0 ? relevance / divisor : 0;
}

#endif
