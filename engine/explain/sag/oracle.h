/*
 * Oracle: the score of region sets, each evaluated at most once.
 *
 * The search sees the network only through an evaluator that scores a batch of sets; the oracle keeps every score,
 * hands out known ones for nothing, counts, and stops at a budget, at a deadline or when cancelled. What a search
 * finds therefore depends on the scores alone, never on batch size, threads or load (but for a deadline).
 */
#ifndef XAI_EXPLAIN_SAG_ORACLE_H
#define XAI_EXPLAIN_SAG_ORACLE_H

#include "base/token.h"
#include "mask.h"

typedef struct xai_sag_score {
    float p;      /* the target's probability */
    int32_t top1; /* the most probable class */
    float versus; /* the probability of the class that the target is compared with; 0 where there is none */
} xai_sag_score;

/* Scores masks[n] to scores[n]. `n` is at least 1. */
typedef xai_status (*xai_sag_evaluate_fn)(void *user, const xai_mask *masks, size_t n, xai_sag_score *scores,
                                          xai_error *err);

typedef struct xai_sag_entry {
    xai_mask mask;
    xai_sag_score score;
} xai_sag_entry;

typedef enum xai_sag_stop { XAI_SAG_STOP_NONE, XAI_SAG_STOP_BUDGET, XAI_SAG_STOP_DEADLINE } xai_sag_stop;

typedef struct xai_sag_oracle xai_sag_oracle;

/* `token` may be NULL. At most `max_evals` (at least 1) sets will be evaluated. */
xai_status xai_sag_oracle_new(xai_sag_evaluate_fn evaluate, void *user, xai_token *token, size_t max_evals,
                              xai_sag_oracle **out, xai_error *err);
void xai_sag_oracle_free(xai_sag_oracle *oracle);

/*
 * Scores of masks[n], in order, to scores[n]; sets not known yet are evaluated together, duplicates once. TOO_LARGE
 * where the budget does not cover them all (then none is evaluated), DEADLINE, CANCELLED, or the evaluator's own
 * failure.
 */
xai_status xai_sag_oracle_ask(xai_sag_oracle *oracle, const xai_mask *masks, size_t n, xai_sag_score *scores,
                              xai_error *err);

/* The score if it is known, else NULL; never evaluates and counts nothing. Valid until the next ask. */
const xai_sag_score *xai_sag_oracle_look(const xai_sag_oracle *oracle, xai_mask mask);

/* Moves the budget: a stage may be given a part of the whole. */
void xai_sag_oracle_limit(xai_sag_oracle *oracle, size_t max_evals);

/* Why the last ask failed, if it did so for want of budget or time: what is known may still be reported. */
xai_sag_stop xai_sag_oracle_stopped(const xai_sag_oracle *oracle);

/* Everything evaluated, in the order of evaluation. Valid until the next ask. */
const xai_sag_entry *xai_sag_oracle_entries(const xai_sag_oracle *oracle, size_t *count);

/* Scores that were asked for and known already. */
size_t xai_sag_oracle_hits(const xai_sag_oracle *oracle);

#endif
