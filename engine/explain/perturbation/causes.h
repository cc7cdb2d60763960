/*
 * Causes: which parts of a whole answer for a verdict, and how much, when the verdict on every subset is known.
 *
 * A part is a cause if there is a sufficient set of parts with it that is not sufficient without it. Its degree of
 * responsibility is 1 / (1 + k), where k is the least number of other parts that have to be hidden for that; 0: no cause.
 * Chockler and Halpern, "Responsibility and Blame", 2004, arXiv cs/0312038.
 */
#ifndef XAI_EXPLAIN_CAUSES_H
#define XAI_EXPLAIN_CAUSES_H

#include <stdint.h>

enum { XAI_MOST_PARTS = 4 };

typedef struct xai_cause {
    double responsibility;
    unsigned smallest; /* the sufficient set with it, not without it, of the fewest parts; of equal ones the first */
} xai_cause;

/* `suffices`: bit S says whether the set S does. out[parts]. */
void xai_find_causes(int parts, uint32_t suffices, xai_cause *out);

#endif
