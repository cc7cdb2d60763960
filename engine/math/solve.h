/*
 * Dense symmetric systems in double precision: the normal equations of small least-squares problems.
 */
#ifndef XAI_MATH_SOLVE_H
#define XAI_MATH_SOLVE_H

#include "base/arena.h"

/*
 * Solves A x = b for a positive semidefinite A (n x n, row-major, the lower triangle is read): x in place of b, A is
 * overwritten. Where A is singular, x is the solution of least length among those that come nearest, as a
 * pseudo-inverse would give. *rank, unless NULL: of A, to rounding. Scratch comes from the arena.
 */
xai_status xai_solve_semidefinite(double *a, double *b, size_t n, size_t *rank, xai_arena *arena, xai_error *err);

#endif
