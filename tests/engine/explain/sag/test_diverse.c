/* The diverse choice against brute force over all subsets. */
#include <check.h>
#include <stdlib.h>

#include "base/rng.h"
#include "explain/sag/diverse.h"

typedef struct choice {
    int size, cost;
    uint64_t items;
} choice;

static bool fits(const uint64_t *compatible, uint64_t items)
{
    for (uint64_t rest = items; rest; rest &= rest - 1) {
        int i = __builtin_ctzll(rest);
        if ((items & ~(UINT64_C(1) << i)) & ~compatible[i]) return false;
    }
    return true;
}

/* Dictionary order of equally long lists: at the first difference, the one that has the lower index. */
static bool first_in_dictionary(uint64_t a, uint64_t b)
{
    uint64_t differ = a ^ b;
    return differ && (a & (differ & -differ));
}

static uint64_t brute_force(const uint64_t *compatible, const int *cost, int count, int limit)
{
    choice best = {0};
    for (uint64_t items = 1; items < UINT64_C(1) << count; items++) {
        choice c = {.size = __builtin_popcountll(items), .items = items};
        if (c.size > limit || !fits(compatible, items)) continue;
        for (uint64_t rest = items; rest; rest &= rest - 1) c.cost += cost[__builtin_ctzll(rest)];
        bool tie = c.size == best.size && c.cost == best.cost;
        if (c.size > best.size || (c.size == best.size && c.cost < best.cost) ||
            (tie && first_in_dictionary(c.items, best.items)))
            best = c;
    }
    return best.items;
}

START_TEST(agrees_with_brute_force)
{
    xai_rng rng = xai_rng_init(4, 0);
    for (int trial = 0; trial < 150; trial++) {
        int count = 1 + (int)xai_rng_below(&rng, trial < 140 ? 11 : 15), limit = 1 + (int)xai_rng_below(&rng, 6);
        uint32_t density = 1 + xai_rng_below(&rng, 9);
        uint64_t compatible[15] = {0};
        int cost[15], last = 1;
        for (int i = 0; i < count; i++) {
            cost[i] = last += (int)xai_rng_below(&rng, 2);
            for (int j = 0; j < i; j++) {
                if (xai_rng_below(&rng, 10) >= density) continue;
                compatible[i] |= UINT64_C(1) << j;
                compatible[j] |= UINT64_C(1) << i;
            }
        }
        ck_assert_uint_eq(xai_diverse_choose(compatible, cost, count, limit),
                          brute_force(compatible, cost, count, limit));
    }
}
END_TEST

START_TEST(nothing_and_everything)
{
    uint64_t all[64];
    int cost[64];
    for (int i = 0; i < 64; i++) {
        all[i] = UINT64_MAX;
        cost[i] = 3;
    }
    ck_assert_uint_eq(xai_diverse_choose(all, cost, 0, 3), 0);
    ck_assert_uint_eq(xai_diverse_choose(all, cost, 64, 3), 7);
    ck_assert_uint_eq(xai_diverse_choose(all, cost, 64, 64), UINT64_MAX);
}
END_TEST

START_TEST(more_sets_go_before_smaller_ones)
{
    /* 0 (1 patch) excludes 1 and 2 (3 patches each), which may stand together. */
    uint64_t compatible[] = {0, 4, 2};
    int cost[] = {1, 3, 3};
    ck_assert_uint_eq(xai_diverse_choose(compatible, cost, 3, 3), 6);
    ck_assert_uint_eq(xai_diverse_choose(compatible, cost, 3, 1), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("diverse");
    TCase *all = tcase_create("all");
    tcase_add_test(all, agrees_with_brute_force);
    tcase_add_test(all, nothing_and_everything);
    tcase_add_test(all, more_sets_go_before_smaller_ones);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
