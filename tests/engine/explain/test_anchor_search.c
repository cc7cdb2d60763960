/*
 * The search for anchors on planted answers, whose anchors are known; its bounds against brute force. That it takes the
 * way of alibi is for tests/golden/test_anchors.py to say.
 */
#include "base/rng.h"
#include "explain/perturbation/anchor_search.h"

#include <check.h>
#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------- bounds */

static double kl(double p, double q)
{
    double a = p > 0 ? p * log(p / q) : 0, b = p < 1 ? (1 - p) * log((1 - p) / (1 - q)) : 0;
    return a + b;
}

/* By walking from p in steps of 1e-6. */
static double walk(double p, double level, double step)
{
    double q = p;
    while (q + step > 0 && q + step < 1 && kl(p, q + step) <= level) q += step;
    return q;
}

START_TEST(bounds_are_where_the_divergence_is_the_level)
{
    static const double P[] = {0, 0.02, 0.3, 0.5, 0.77, 0.95, 0.999, 1}, LEVEL[] = {0.001, 0.01, 0.1, 0.5, 3};
    for (size_t i = 0; i < sizeof P / sizeof *P; i++)
        for (size_t k = 0; k < sizeof LEVEL / sizeof *LEVEL; k++) {
            double p = P[i], level = LEVEL[k], reach = sqrt(level / 2) / 65536 + 3e-6;
            double high = xai_kl_upper(p, level), low = xai_kl_lower(p, level);
            ck_assert(low <= p && p <= high && low >= 0 && high <= 1);
            if (p < 1) ck_assert_double_eq_tol(high, walk(p, level, 1e-6), reach);
            if (p > 0) ck_assert_double_eq_tol(low, walk(p, level, -1e-6), reach);
        }
}
END_TEST

/* The share of runs in which the true precision lies outside is at most what delta allows. */
START_TEST(bounds_hold_as_often_as_they_say)
{
    enum { RUNS = 4000, SAMPLES = 60 };
    int below = 0, above = 0;
    for (uint64_t r = 0; r < RUNS; r++) {
        xai_rng rng = xai_rng_init(3, r);
        int positives = 0;
        for (int i = 0; i < SAMPLES; i++) positives += xai_rng_uniform(&rng) < 0.9;
        double p = (double)positives / SAMPLES, level = log(1 / 0.1) / SAMPLES;
        below += xai_kl_upper(p, level) < 0.9;
        above += xai_kl_lower(p, level) > 0.9;
    }
    ck_assert_int_le(below, RUNS / 10);
    ck_assert_int_le(above, RUNS / 10);
}
END_TEST

/* ---------------------------------------------------------------- planted answers */

typedef bool (*planted)(uint64_t shown);
static bool both(uint64_t s) { return (s & 0x24) == 0x24; }                                    /* 2 and 5 */
static bool either(uint64_t s) { return (s & 0x3) == 0x3 || (s & 0x80); }                      /* 0 and 1; or 7 */
static bool most(uint64_t s) { return __builtin_popcountll(s) >= 6; }                          /* any six of nine */
static bool always(uint64_t s) { return s < (uint64_t)-1; }
static bool never(uint64_t s) { return s == (uint64_t)-1; }
static bool odd(uint64_t s) { return ((s >> 3 ^ s >> 4) & 1) == 0; }                           /* 3 and 4, or neither */

typedef struct world {
    planted answer;
    size_t features, asked, patience; /* pictures answered so far, and before it stops */
} world;

static void random_row(void *user, bool coverage, size_t index, uint64_t *row)
{
    const world *w = user;
    xai_rng rng = xai_rng_init(5, index | (uint64_t)coverage << 32);
    *row = ((uint64_t)xai_rng_u32(&rng) << 32 | xai_rng_u32(&rng)) & (((uint64_t)1 << w->features) - 1);
}

static xai_status answer(void *user, const uint64_t *rows, size_t count, uint8_t *labels, bool *stopped, xai_error *err)
{
    (void)err;
    world *w = user;
    w->asked += count;
    *stopped = w->asked > w->patience;
    for (size_t i = 0; i < count; i++) labels[i] = w->answer(rows[i]);
    return XAI_OK;
}

static xai_anchor_result search(world *w, size_t beam, size_t most_samples, xai_arena *arena)
{
    xai_anchor_source source = {w->features, 1, random_row, answer, w};
    xai_anchor_settings settings = {.threshold = 0.95, .delta = 0.1, .tau = 0.15, .margin = 0.05, .beam = beam, .batch = 50,
                                    .start = 100, .most_size = w->features, .most_samples = most_samples, .coverage = 2000};
    xai_anchor_result r;
    xai_error err = {0};
    ck_assert_msg(xai_anchor_search(&source, &settings, arena, &r, &err) == XAI_OK, "%s", err.msg);
    return r;
}

START_TEST(planted_anchors_are_found)
{
    static const struct {
        planted answer;
        uint64_t anchor;
        size_t beam;
    } KNOWN[] = {{both, 0x24, 1}, {either, 0x80, 1}, {either, 0x80, 3}, {odd, 0x18, 3}, {always, 0, 1}};
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        xai_arena *arena = xai_arena_new(0);
        world w = {KNOWN[i].answer, 9, 0, SIZE_MAX};
        xai_anchor_result r = search(&w, KNOWN[i].beam, 100000, arena);
        const xai_anchor *best = &r.chosen[r.best];
        ck_assert_msg(r.success && *best->row == KNOWN[i].anchor, "case %zu: %#lx", i, (unsigned long)*best->row);
        ck_assert(best->valid && best->positives == best->samples && best->low > 0.9 && !r.stopped);
        ck_assert_uint_eq(r.samples, w.asked);
        ck_assert_double_eq_tol(best->coverage, pow(0.5, (double)best->size), 0.05);
        xai_arena_free(arena);
    }
}
END_TEST

/* Six of nine: with k of them shown the precision is known, and only sets near the threshold may be taken. */
START_TEST(what_is_accepted_is_precise_enough)
{
    for (size_t beam = 1; beam <= 4; beam++) {
        xai_arena *arena = xai_arena_new(0);
        world w = {most, 9, 0, SIZE_MAX};
        xai_anchor_result r = search(&w, beam, 100000, arena);
        const xai_anchor *best = &r.chosen[r.best];
        size_t left = 9 - best->size, good = 0;
        for (uint64_t rest = 0; rest < (uint64_t)1 << left; rest++)
            good += (size_t)__builtin_popcountll(rest) + best->size >= 6;
        ck_assert(r.success && (double)good / (double)((uint64_t)1 << left) >= 0.9);
        for (size_t i = 0; i < r.count; i++) ck_assert(r.chosen[i].low <= r.chosen[i].high);
        xai_arena_free(arena);
    }
}
END_TEST

START_TEST(hopeless_and_hurried_searches_end_with_what_they_have)
{
    xai_arena *arena = xai_arena_new(0);
    world w = {never, 6, 0, SIZE_MAX};
    xai_anchor_result r = search(&w, 2, 100000, arena);
    ck_assert(!r.success && !r.stopped && r.chosen[r.best].positives == 0);
    for (size_t spent = 0; spent <= 2000; spent += 97) {
        world hurried = {both, 9, 0, spent}, poor = {both, 9, 0, SIZE_MAX};
        xai_anchor_result a = search(&hurried, 2, 100000, arena), b = search(&poor, 2, spent + 1, arena);
        ck_assert_uint_le(a.samples, spent);
        ck_assert_uint_le(b.samples, spent + 1);
        ck_assert(!a.success || !a.stopped || a.chosen[a.best].low > 0.9);
        ck_assert_uint_lt(a.best, a.count);
        ck_assert_uint_lt(b.best, b.count);
    }
    xai_arena_free(arena);
}
END_TEST

/* The counting between the samples is not the source's: the token reaches it. */
START_TEST(cancel_and_deadline_reach_the_counting)
{
    for (int late = 0; late < 2; late++) {
        xai_arena *arena = xai_arena_new(0);
        xai_token *token = xai_token_new(late, NULL, NULL);
        world w = {both, 9, 0, SIZE_MAX};
        xai_anchor_source source = {w.features, 1, random_row, answer, &w};
        xai_anchor_settings settings = {.threshold = 0.95, .delta = 0.1, .tau = 0.15, .margin = 0.05, .beam = 2,
                                        .batch = 50, .start = 100, .most_size = 9, .most_samples = 100000,
                                        .coverage = 2000, .token = token};
        xai_anchor_result r;
        if (!late) xai_token_cancel(token);
        while (xai_token_check(token, NULL) == XAI_OK) continue; /* until the millisecond is over */
        xai_status status = xai_anchor_search(&source, &settings, arena, &r, NULL);
        ck_assert_int_eq(status, late ? XAI_OK : XAI_E_CANCELLED);
        ck_assert_uint_eq(w.asked, 100); /* of the empty anchor; no children */
        if (late) ck_assert(r.stopped && r.late && r.count == 1 && !r.success);
        xai_token_free(token);
        xai_arena_free(arena);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("anchor search");
    TCase *tc = tcase_create("planted");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, bounds_are_where_the_divergence_is_the_level);
    tcase_add_test(tc, bounds_hold_as_often_as_they_say);
    tcase_add_test(tc, planted_anchors_are_found);
    tcase_add_test(tc, what_is_accepted_is_precise_enough);
    tcase_add_test(tc, cancel_and_deadline_reach_the_counting);
    tcase_add_test(tc, hopeless_and_hurried_searches_end_with_what_they_have);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
