/* Balance: whether relevance was conserved on its way down, and which layers kept it. */
#ifndef XAI_EXPLAIN_BALANCE_H
#define XAI_EXPLAIN_BALANCE_H

#include "explain/method.h"
#include "graph/relevance.h"

typedef struct xai_balance {
    const xai_program *program;
    const xai_rule *rules;
    const double *leak;    /* by node (xai_relevance) */
    double start, arrived; /* all relevance at the target; and at the input */
} xai_balance;

/*
 * Adds the table "conservation", one row for each layer with weights and for whatever else keeps some (relevance that is
 * made counts negative), and the metric conservation_error: |start - arrived| / |start|. A warning names the layer that
 * keeps the most where the error is more than a tenth.
 */
xai_status xai_task_add_balance(xai_task *task, const xai_balance *balance, xai_error *err);

#endif
