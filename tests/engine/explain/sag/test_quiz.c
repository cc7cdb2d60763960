/* The quiz over planted functions: what is asked, what is never asked, and that draws depend on the seed alone. */
#include "planted.h"

#include <stdio.h>
#include <stdlib.h>

#include "explain/sag/quiz.h"

enum { COUNT = 49, PAIRS = 8 };

static xai_arena *arena;
static planted plan;
static double heat[COUNT];
static xai_mask shown[3];

/* Enough: 11 and 29, or 30, 31 and 32. */
static float two_ways(xai_mask m)
{
    float a = (float)xai_mask_overlap(m, SET(11, 29)) / 2, b = (float)xai_mask_overlap(m, SET(30, 31, 32)) / 3;
    return 0.02f + 0.9f * fmaxf(a * a, b * b);
}

static float constant(xai_mask m)
{
    (void)m;
    return 0.5f;
}

/* The heat is right but for region 29, which it does not see, and for 40 and 41, which do not matter. */
static void setup(void)
{
    arena = xai_arena_new(0);
    for (int i = 0; i < COUNT; i++) heat[i] = 0.01 * i / COUNT;
    heat[11] = heat[30] = heat[31] = heat[32] = 1;
    heat[40] = heat[41] = 1.5;
    shown[0] = SET(11, 29);
    shown[1] = SET(30, 31, 32);
    shown[2] = SET(11);
}
static void teardown(void) { xai_arena_free(arena); }

static xai_quiz_settings usual(uint64_t seed)
{
    return (xai_quiz_settings){.count = COUNT, .heat = heat, .shown = shown, .shown_count = 3, .sufficient = 2,
                               .pairs = PAIRS, .gap = 0.3, .max_evals = 640, .seed = seed};
}

static size_t ask(const xai_quiz_settings *settings, planted_fn f, xai_quiz_question *out)
{
    size_t found = 99;
    xai_error err = {0};
    memset(&plan, 0, sizeof plan);
    plan.f = f;
    ck_assert_msg(xai_quiz_choose(settings, planted_evaluate, &plan, NULL, arena, out, &found, &err) == XAI_OK, "%s",
                  err.msg);
    ck_assert_uint_le(plan.count, settings->max_evals);
    return found;
}

static double heat_of(xai_mask mask)
{
    double sum = 0;
    for (int i = 0; i < COUNT; i++) sum += xai_mask_has(mask, i) ? heat[i] : 0;
    return sum;
}

START_TEST(pairs_are_as_promised)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        xai_quiz_settings settings = usual(seed);
        xai_quiz_question q[PAIRS];
        ck_assert_uint_eq(ask(&settings, two_ways, q), PAIRS);
        size_t misleading = 0;
        for (size_t i = 0; i < PAIRS; i++) {
            ck_assert_int_eq(xai_mask_count(q[i].mask[0]), xai_mask_count(q[i].mask[1]));
            double p[2] = {(double)two_ways(q[i].mask[0]), (double)two_ways(q[i].mask[1])};
            ck_assert_double_ge(fabs(p[0] - p[1]), 0.3);
            for (int side = 0; side < 2; side++) {
                ck_assert_double_eq((double)q[i].score[side].p, p[side]);
                ck_assert_double_eq_tol(q[i].heat[side], heat_of(q[i].mask[side]), 1e-12);
                for (int k = 0; k < 3; k++) ck_assert(!xai_mask_equal(q[i].mask[side], shown[k]));
                for (size_t j = 0; j < i; j++) /* no set twice */
                    ck_assert(!xai_mask_equal(q[i].mask[side], q[j].mask[0]) &&
                              !xai_mask_equal(q[i].mask[side], q[j].mask[1]));
            }
            bool wrong = (p[0] > p[1]) != (heat_of(q[i].mask[0]) > heat_of(q[i].mask[1]));
            ck_assert(q[i].misleading == wrong);
            misleading += wrong;
        }
        ck_assert_uint_eq(misleading, PAIRS / 2);
    }
}
END_TEST

START_TEST(seed_decides)
{
    xai_quiz_question a[PAIRS], b[PAIRS], c[PAIRS];
    xai_quiz_settings one = usual(1), two = usual(2);
    ck_assert_uint_eq(ask(&one, two_ways, a), PAIRS);
    ck_assert_uint_eq(ask(&one, two_ways, b), PAIRS);
    ck_assert_uint_eq(ask(&two, two_ways, c), PAIRS);
    size_t same = 0;
    for (int i = 0; i < PAIRS; i++) {
        ck_assert(xai_mask_equal(a[i].mask[0], b[i].mask[0]) && xai_mask_equal(a[i].mask[1], b[i].mask[1]));
        same += xai_mask_equal(a[i].mask[0], c[i].mask[0]) && xai_mask_equal(a[i].mask[1], c[i].mask[1]);
    }
    ck_assert_uint_lt(same, PAIRS);
}
END_TEST

/* Either side is right about equally often. */
START_TEST(sides_are_tossed)
{
    size_t left = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        xai_quiz_settings settings = usual(seed);
        xai_quiz_question q[PAIRS];
        ck_assert_uint_eq(ask(&settings, two_ways, q), PAIRS);
        for (int i = 0; i < PAIRS; i++) left += q[i].score[0].p > q[i].score[1].p;
    }
    ck_assert_uint_ge(left, 30 * PAIRS / 2 - 40); /* five standard deviations of a fair coin */
    ck_assert_uint_le(left, 30 * PAIRS / 2 + 40);
}
END_TEST

START_TEST(nothing_to_ask_is_a_result)
{
    xai_quiz_question q[PAIRS];
    xai_quiz_settings settings = usual(0);
    ck_assert_uint_eq(ask(&settings, constant, q), 0);
    settings.max_evals = 1;
    ck_assert_uint_eq(ask(&settings, two_ways, q), 0);
    settings = usual(0);
    settings.count = 1; /* a picture of one superpixel */
    settings.shown_count = settings.sufficient = 0;
    ck_assert_uint_eq(ask(&settings, two_ways, q), 0);
    settings = usual(0);
    for (int i = 0; i < COUNT; i++) heat[i] = 1; /* flat: it predicts nothing */
    ck_assert_uint_eq(ask(&settings, two_ways, q), 0);
}
END_TEST

/* A graph without explanations: sets are drawn at all the same. */
START_TEST(no_sufficient_set_is_needed)
{
    xai_quiz_question q[PAIRS];
    xai_quiz_settings settings = usual(3);
    settings.shown_count = settings.sufficient = 0;
    size_t found = ask(&settings, two_ways, q);
    ck_assert_uint_eq(found % 2, 0);
    ck_assert_uint_ge(found, 2);
}
END_TEST

START_TEST(cancel_ends_it)
{
    xai_quiz_question q[PAIRS];
    xai_quiz_settings settings = usual(0);
    size_t found;
    memset(&plan, 0, sizeof plan);
    plan.f = constant;
    plan.token = xai_token_new(0, NULL, NULL);
    plan.cancel_after = 64;
    ck_assert_int_eq(xai_quiz_choose(&settings, planted_evaluate, &plan, plan.token, arena, q, &found, NULL),
                     XAI_E_CANCELLED);
    ck_assert_uint_le(plan.count, 128);
    xai_token_free(plan.token);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sag quiz");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, pairs_are_as_promised);
    tcase_add_test(all, seed_decides);
    tcase_add_test(all, sides_are_tossed);
    tcase_add_test(all, nothing_to_ask_is_a_result);
    tcase_add_test(all, no_sufficient_set_is_needed);
    tcase_add_test(all, cancel_ends_it);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
