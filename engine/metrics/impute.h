/*
 * Noisy linear imputation: missing pixels become the weighted means of their neighbours, all at once: a linear system
 * over the grid. Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods", 2022, arXiv
 * 2202.00449: weights 1/6 beside, 1/12 across the corner; at the border what is left of them, made to sum to 1.
 *
 * Solved by conjugate gradients, with cycles over coarser and coarser grids as the preconditioner (cells of 2 x 2 in one,
 * Galerkin's sums of the weights), so that a hole as large as the picture takes few steps. One order of all sums.
 */
#ifndef XAI_METRICS_IMPUTE_H
#define XAI_METRICS_IMPUTE_H

#include "base/arena.h"

enum { XAI_IMPUTER_PLANES = 4 }; /* that are filled at a time: they share the matrix */

typedef struct xai_imputer xai_imputer; /* workspace for one size, for one thread at a time */

xai_imputer *xai_imputer_new(xai_arena *arena, int height, int width); /* NULL: no memory */

/* The holes that the next planes have: missing[height * width], which stays as it is until they are filled. */
void xai_imputer_set(xai_imputer *imputer, const bool *missing);

/* `pixels` [height * width][XAI_IMPUTER_PLANES]: the missing ones are filled in, until the residual is 1e-7 of what it
 * was. Where all are missing, they become 0. Planes do not touch each other: unused ones may hold zeros. */
void xai_imputer_fill(xai_imputer *imputer, double *pixels);

#endif
