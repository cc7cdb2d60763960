/*
 * Exact Shapley values of small set functions.
 *
 *     phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! (v(S with i) - v(S))
 */
#ifndef XAI_EXPLAIN_PERTURBATION_EXACT_H
#define XAI_EXPLAIN_PERTURBATION_EXACT_H

#include "coalitions.h"

enum { XAI_EXACT_FEATURES = 11 }; /* up to here all 2^n sets are run */

/* values[2^n]: v by bit mask; out[n]. Pure. */
void xai_shapley_exact(const double *values, size_t n, double *out);

/* All sets of the features, at most XAI_EXACT_FEATURES, evaluated; out[count] and the empty set's value. */
xai_status xai_coalitions_exact(const xai_features *features, xai_task *task, double *out, double *empty,
                                xai_error *err);

#endif
