/* What the relevance methods share: rules by kind of layer, the pass through the plain program, and what it costs. */
#ifndef XAI_EXPLAIN_PROPAGATION_H
#define XAI_EXPLAIN_PROPAGATION_H

#include "explain/channels.h"
#include "graph/relevance.h"

#define XAI_RELEVANCE_STABILIZER 1e-6F /* of every rule but epsilon, as in zennit */

/* A plan of passes: one rule for each kind of layer with weights. */
typedef struct xai_relevance_plan {
    xai_rule convolution, dense; /* Conv and ConvTranspose; Gemm and MatMul */
    xai_rule first;              /* of the first layer, in the order of execution */
    bool has_first;
    bool first_convolution;      /* the first convolution, even where a dense layer comes before it */
} xai_relevance_plan;

/* Rules by node of the program, in the arena. Nodes without weights have one that is not read. */
xai_status xai_relevance_fill(const xai_relevance_plan *plan, const xai_program *program, xai_arena *arena,
                              xai_rule **out, xai_error *err);

/* Forwards and backwards that a pass counts as, by the rule of its convolutions. */
double xai_relevance_forwards(const xai_rule *rule);
double xai_relevance_backwards(const xai_rule *rule);

/* Runs a pass in the plain session, and counts it by the plan's rule of convolutions. */
xai_status xai_task_relevance(xai_task *task, const xai_plain *plain, const xai_relevance_plan *plan,
                              const xai_relevance *relevance, xai_error *err);

#endif
