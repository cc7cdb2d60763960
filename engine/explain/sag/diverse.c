/*
 * Maximum clique by branch and bound over bit sets.
 *
 * Choices are visited in dictionary order and replaced only by better ones, so the first of the best stays. Bounds:
 * the items that remain, and, since costs ascend, the next item's cost for each place still to be filled. Pure; any
 * thread.
 */
#include "diverse.h"

#include <assert.h>

typedef struct clique {
    const uint64_t *compatible;
    const int *cost;
    int limit, best_size, best_cost;
    uint64_t best;
} clique;

/* Whether `size` items of `sum` so far, with those in `open` (the first is `next`) to come, can beat the best. */
static bool hopeful(const clique *c, int size, int sum, uint64_t open, int next)
{
    int reach = size + __builtin_popcountll(open);
    if (reach > c->limit) reach = c->limit;
    if (reach != c->best_size) return reach > c->best_size;
    return sum + (c->best_size - size) * c->cost[next] < c->best_cost;
}

/* `chosen` (of `size` and cost `sum`) can be completed with any of `open`, all of which come after it. */
static void branch(clique *c, uint64_t chosen, int size, int sum, uint64_t open)
{
    if (size > c->best_size || (size == c->best_size && sum < c->best_cost)) {
        c->best_size = size;
        c->best_cost = sum;
        c->best = chosen;
    }
    while (open && size < c->limit) {
        int i = __builtin_ctzll(open);
        if (!hopeful(c, size, sum, open, i)) return;
        open &= open - 1;
        branch(c, chosen | UINT64_C(1) << i, size + 1, sum + c->cost[i], open & c->compatible[i]);
    }
}

uint64_t xai_diverse_choose(const uint64_t *compatible, const int *cost, int count, int limit)
{
    assert(count >= 0 && count <= XAI_DIVERSE_MAX && limit >= 0);
    clique c = {.compatible = compatible, .cost = cost, .limit = limit};
    branch(&c, 0, 0, 0, count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1);
    return c.best;
}
