/*
 * DIRECT: the least value of a function on the unit square, by dividing rectangles; no gradient, no chance.
 *
 * Every rectangle is known by the value at its centre. Those that could hold the least value for some Lipschitz
 * constant are cut in three along their longest sides, and the new centres are asked for. Jones, Perttunen and
 * Stuckman, "Lipschitzian Optimization Without the Lipschitz Constant", 1993; Gablonsky and Kelley, "A Locally-Biased
 * Form of the DIRECT Algorithm", 2001. Point for point SciPy's optimize.direct.
 *
 * The caller evaluates: ask gives the centres of one round, which do not depend on each other; their values are
 * written beside them; then ask again.
 */
#ifndef XAI_EXPLAIN_DIRECT_H
#define XAI_EXPLAIN_DIRECT_H

#include "base/arena.h"

typedef struct xai_direct_rectangle {
    double center[2];
    double value;
    int thirds[2]; /* how often each side has been cut */
    int next;      /* in the list of its size, by rising value; -1: none */
} xai_direct_rectangle;

enum { XAI_DIRECT_LEVELS = 96 };

typedef struct xai_direct {
    double epsilon;     /* a rectangle must promise to be better than the best by this share of its value */
    bool locally_biased; /* sizes by the longest side, and one of equals; else by the diagonal, and all of them */
    xai_direct_rectangle *list; /* in the order of evaluation */
    size_t count, most;
    size_t asked;    /* the first whose value is not known to the search */
    int *divided;    /* of those: the rectangle that each pair was cut from */
    int first[XAI_DIRECT_LEVELS]; /* of each size, the best */
    int best;
    bool done; /* `most` is reached, or the best rectangle is too small to be cut */
} xai_direct;

/* A search of at most `most` evaluations. Its memory is the arena's. */
xai_status xai_direct_init(xai_direct *search, size_t most, double epsilon, bool locally_biased, xai_arena *arena,
                           xai_error *err);

/* The rectangles [*from, *from + result) of the list are to be evaluated next; 0: the search is over. */
size_t xai_direct_ask(xai_direct *search, size_t *from);

#endif
