/* The balance of a relevance pass; see balance.h. Pure. */
#include "balance.h"

#include <math.h>

#define LARGE_ERROR 0.1
#define LARGE_ERROR_TEXT "a tenth"

static const char *rule_name(const xai_node *node, const xai_rule *rule)
{
    static const char *const NAMES[] = {"epsilon", "gamma", "alpha_beta", "flat", "w2", "z_box", "winner"};
    if (node->op->flow != XAI_FLOW_WEIGH) return NULL;
    return rule->kind == XAI_RULE_ALPHA_BETA && rule->beta == 0 ? "z_plus" : NAMES[rule->kind];
}

static xai_doc *row_of(const xai_balance *b, int i, double scale, xai_arena *arena)
{
    const xai_node *node = b->program->nodes[i];
    xai_doc *row = xai_doc_object(arena);
    if (!row) return NULL;
    xai_doc_put_text(row, "layer", node->out[0]->name);
    xai_doc_put_text(row, "operator", node->op->type);
    xai_doc_put_text(row, "rule", rule_name(node, &b->rules[i]));
    xai_doc_put_real(row, "kept", b->leak[i]);
    xai_doc_put_real(row, "share", b->leak[i] / scale);
    return row;
}

/* Rows in the order in which relevance comes down. */
static xai_doc *table_of(const xai_balance *b, double scale, xai_arena *arena)
{
    xai_doc *table = xai_doc_object(arena), *rows = xai_doc_array(arena);
    if (!table || !rows) return NULL;
    for (int i = b->program->node_count; i-- > 0;)
        if (b->program->nodes[i]->op->flow == XAI_FLOW_WEIGH || fabs(b->leak[i]) > 1e-6 * scale)
            xai_doc_push(rows, row_of(b, i, scale, arena));
    xai_doc_put_real(table, "start", b->start);
    xai_doc_put_real(table, "arrived", b->arrived);
    xai_doc_put(table, "rows", rows);
    return table;
}

static int leakiest(const xai_balance *b)
{
    int worst = 0;
    for (int i = 1; i < b->program->node_count; i++)
        if (fabs(b->leak[i]) > fabs(b->leak[worst])) worst = i;
    return worst;
}

xai_status xai_task_add_balance(xai_task *task, const xai_balance *b, xai_error *err)
{
    double scale = b->start != 0 ? fabs(b->start) : 1, error = fabs(b->start - b->arrived) / scale;
    xai_doc *table = table_of(b, scale, task->arena);
    if (!table) XAI_NO_MEMORY(err);
    XAI_TRY(xai_task_add_doc(task, "conservation", XAI_ARTIFACT_TABLE, table, err));
    XAI_TRY(xai_task_add_metric(task, "conservation_error", error, err));
    if (error <= LARGE_ERROR) return XAI_OK;
    int worst = leakiest(b);
    return xai_task_warn(task, err, "Relevance is not conserved: more than " LARGE_ERROR_TEXT " (%.0f %%) is lost or made "
                         "on the way down; the most, %+.0f %%, at layer '%s' (its bias, or sums near 0).", 100 * error,
                         -100 * b->leak[worst] / scale, b->program->nodes[worst]->out[0]->name);
}
