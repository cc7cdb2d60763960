/*
 * State: what the stages of one search share. Internal to this folder.
 *
 * Stages: order (evidence) -> strip (deletion pass) -> squeeze -> beam or exhaust -> alternatives -> roots (diverse,
 * certify) -> dag. Each takes the state, asks the oracle in batches, and records MSEs. Seeds stand in
 * the place of all before roots; the dialect of the reference code has one stage in the place of all before dag.
 */
#ifndef XAI_EXPLAIN_SAG_STATE_H
#define XAI_EXPLAIN_SAG_STATE_H

#include "search.h"

typedef struct xai_sag_state {
    const xai_sag_settings *settings;
    xai_sag_oracle *oracle;
    const xai_token *token;  /* may be NULL */
    xai_arena *arena;
    double f_all, f_empty, tau;
    int order[XAI_MASK_MAX]; /* regions, the most promising first */
    xai_sag_mse *mses;       /* an antichain: none contains another; in dialect REFERENCE none is twice */
    size_t mse_count, mse_room;
    xai_mask pool;           /* what `exhausted` speaks of */
    int exhausted;           /* every set of at most so many regions of the pool was evaluated or contains an MSE */
    unsigned bounds;         /* xai_sag_bound bits met so far */
    size_t smallest_at;
    xai_sag_forwards reference;
    bool removal;            /* sets are what is removed from the whole; one reaches if another class wins */
} xai_sag_state;

/* A list of sets to be scored together. */
typedef struct xai_sag_batch {
    xai_mask *masks;
    xai_sag_score *scores;
    size_t count, room;
} xai_sag_batch;

xai_status xai_sag_batch_init(xai_sag_batch *batch, xai_arena *arena, size_t room, xai_error *err);
void xai_sag_batch_add(xai_sag_batch *batch, xai_mask mask); /* there must be room */
xai_status xai_sag_batch_ask(xai_sag_batch *batch, xai_sag_state *state, xai_error *err);

/* The scores of masks[n], as this state sees them. */
xai_status xai_sag_ask(xai_sag_state *state, const xai_mask *masks, size_t n, xai_sag_score *scores, xai_error *err);

/* Whether a score meets the criterion. */
bool xai_sag_reaches(const xai_sag_state *state, xai_sag_score score);

/* Whether the set contains a recorded MSE, or is one. */
bool xai_sag_covered(const xai_sag_state *state, xai_mask mask);

/* Records an MSE, in place of those that contain it; nothing happens if it contains one itself. */
xai_status xai_sag_record(xai_sag_state *state, xai_mask mask, xai_sag_score score, xai_error *err);

/* Adds an MSE as it is. */
xai_status xai_sag_append(xai_sag_state *state, xai_mask mask, xai_sag_score score, xai_error *err);

/* < 0 if a comes first: fewer regions, then higher probability, then the order of masks. */
int xai_sag_mse_compare(const void *a, const void *b);

/* order.c: scores all single inserts and, where the budget allows, deletes; fills state->order. */
xai_status xai_sag_order(xai_sag_state *state, xai_error *err);

/* order.c: values[i] the lower the better; ties by index. */
void xai_sag_order_by(const double *values, int count, int *order);

/* reduce.c: cuts a set that reaches the threshold down to an MSE and records it. */
xai_status xai_sag_reduce(xai_sag_state *state, xai_mask mask, xai_error *err);
/* reduce.c: the deletion pass: as above, after a first cut along the candidate order. */
xai_status xai_sag_strip(xai_sag_state *state, xai_mask mask, xai_error *err);

/* squeeze.c: local search for an MSE of at most `compact` regions, from the smallest known. */
xai_status xai_sag_squeeze(xai_sag_state *state, xai_error *err);

/* beam.c, exhaust.c: from the empty set upwards. */
xai_status xai_sag_beam(xai_sag_state *state, xai_error *err);
/* beam.c: the best set of `size` regions of the beam, below the threshold; MSEs on the way are recorded. *grown false:
 * the beam ended before. */
xai_status xai_sag_grow(xai_sag_state *state, int size, xai_mask *out, bool *grown, xai_error *err);
xai_status xai_sag_exhaust(xai_sag_state *state, xai_error *err);

/* seeds.c: within what the settings give to begin with. */
xai_status xai_sag_seeds(xai_sag_state *state, xai_error *err);

/* alternatives.c: MSEs in the image without the roots. */
xai_status xai_sag_alternatives(xai_sag_state *state, xai_error *err);

/* roots.c: chooses the roots and checks them against their subsets, which may find smaller MSEs. */
xai_status xai_sag_roots(xai_sag_state *state, xai_error *err);
/* roots.c: marks the largest diverse subset; returns how many roots there are. */
size_t xai_sag_choose_roots(xai_sag_state *state);

/* reference.c: the search of the reference code, and its choice of roots. */
xai_status xai_sag_reference(xai_sag_state *state, xai_error *err);
/* reference.c: nodes of its tree below the roots of this graph. */
double xai_sag_reference_tree(const xai_sag_result *result, xai_arena *arena);

/* counterfactual.c: the smallest sets without which the target is not the top class. */
xai_status xai_sag_counterfactuals(xai_sag_state *state, xai_sag_result *result, xai_error *err);

/* dag.c: the graph below the roots. */
xai_status xai_sag_dag(xai_sag_state *state, xai_sag_result *result, xai_error *err);

/* table.c: all subsets of the roots' regions. */
xai_status xai_sag_tabulate(xai_sag_state *state, xai_sag_result *result, xai_error *err);

#endif
