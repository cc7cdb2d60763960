/* Diverse: the largest subset of sets of which any two share few regions (a maximum clique, found exactly). */
#ifndef XAI_EXPLAIN_SAG_DIVERSE_H
#define XAI_EXPLAIN_SAG_DIVERSE_H

#include "base/error.h"

enum { XAI_DIVERSE_MAX = 64 };

/*
 * Items 0..count-1 (count <= 64), the preferred first; cost[i] >= 0 ascending; compatible[i] has bit j where i and j
 * may stand together (symmetric; the diagonal does not matter).
 *
 * Returns the chosen items as bits: as many as possible but at most `limit`; among those the smallest sum of costs;
 * among those the first in dictionary order of the indices.
 */
uint64_t xai_diverse_choose(const uint64_t *compatible, const int *cost, int count, int limit);

#endif
