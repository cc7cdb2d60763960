/*
 * The candidate order: which regions to try first. It decides how soon small sets are found, never what holds of
 * them.
 *
 * Three voices, each a ranking of the regions, are averaged: f of the region alone (insert), f of everything but
 * the region (delete), and the caller's evidence (Grad-CAM on the regions). Ties go to the lower index.
 */
#include <assert.h>
#include <stdlib.h>

#include "state.h"

/* Adds to total[i] the rank (0 = best) of value[i] among all; equal values share the mean of their ranks. */
static void add_ranks(const double *value, int count, double *total)
{
    for (int i = 0; i < count; i++) {
        int before = 0, equal = 0;
        for (int j = 0; j < count; j++) {
            before += value[j] > value[i];
            equal += value[j] == value[i];
        }
        total[i] += before + 0.5 * (equal - 1);
    }
}

/* Insertion sort, the lists are short. */
void xai_sag_order_by(const double *total, int count, int *order)
{
    for (int i = 0; i < count; i++) {
        int at = i;
        for (; at > 0 && total[order[at - 1]] > total[i]; at--) order[at] = order[at - 1];
        order[at] = i;
    }
}

/* Evidence by evaluation may take half of the budget. */
static bool affordable(const xai_sag_state *state, int sets)
{
    return (size_t)sets <= state->settings->max_evals / 2;
}

xai_status xai_sag_order(xai_sag_state *state, xai_error *err)
{
    int n = state->settings->count;
    bool inserts = affordable(state, n + 2), deletes = affordable(state, 2 * n + 2);
    xai_sag_batch batch;
    XAI_TRY(xai_sag_batch_init(&batch, state->arena, 2 * (size_t)n, err));
    xai_mask none = {{0}}, all = xai_mask_full(n);
    for (int i = 0; inserts && i < n; i++) xai_sag_batch_add(&batch, xai_mask_with(none, i));
    for (int i = 0; deletes && i < n; i++) xai_sag_batch_add(&batch, xai_mask_without(all, i));
    if (batch.count) XAI_TRY(xai_sag_batch_ask(&batch, state, err));

    double value[XAI_MASK_MAX], total[XAI_MASK_MAX] = {0};
    for (int i = 0; inserts && i < n; i++) value[i] = (double)batch.scores[i].p;
    if (inserts) add_ranks(value, n, total);
    for (int i = 0; deletes && i < n; i++) value[i] = -(double)batch.scores[n + i].p;
    if (deletes) add_ranks(value, n, total);
    if (state->settings->evidence) add_ranks(state->settings->evidence, n, total);
    xai_sag_order_by(total, n, state->order);
    state->exhausted = inserts ? 1 : 0;
    state->pool = all;
    return XAI_OK;
}
