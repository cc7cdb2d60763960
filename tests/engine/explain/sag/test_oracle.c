/* The oracle: each set once, in batches, within the budget; failures leave no trace. */
#include <check.h>
#include <stdlib.h>

#include "explain/sag/oracle.h"

static xai_mask number(unsigned n)
{
    return (xai_mask){{n, (uint64_t)n << 40, 0, n}};
}

typedef struct script {
    size_t calls, sets;
    xai_status fail; /* what to answer */
} script;

static xai_status evaluate(void *user, const xai_mask *masks, size_t n, xai_sag_score *scores, xai_error *err)
{
    script *s = user;
    s->calls++;
    if (s->fail != XAI_OK) return xai_error_set(err, s->fail, __FILE__, __LINE__, "", "as told");
    s->sets += n;
    for (size_t i = 0; i < n; i++) {
        scores[i].p = (float)masks[i].word[0];
        scores[i].top1 = (int32_t)masks[i].word[0] + 1;
    }
    return XAI_OK;
}

static xai_sag_oracle *make(script *s, xai_token *token, size_t budget)
{
    xai_sag_oracle *oracle = NULL;
    ck_assert_int_eq(xai_sag_oracle_new(evaluate, s, token, budget, &oracle, NULL), XAI_OK);
    return oracle;
}

START_TEST(duplicates_are_evaluated_once)
{
    script s = {0};
    xai_sag_oracle *oracle = make(&s, NULL, 100);
    xai_mask ask[] = {number(5), number(2), number(5), number(2), number(9)};
    xai_sag_score scores[5];
    ck_assert_int_eq(xai_sag_oracle_ask(oracle, ask, 5, scores, NULL), XAI_OK);
    ck_assert_uint_eq(s.calls, 1);
    ck_assert_uint_eq(s.sets, 3);
    for (int i = 0; i < 5; i++) ck_assert_int_eq(scores[i].top1, (int)ask[i].word[0] + 1);
    ck_assert_uint_eq(xai_sag_oracle_hits(oracle), 2);
    ck_assert_int_eq(xai_sag_oracle_ask(oracle, ask, 5, scores, NULL), XAI_OK);
    ck_assert_uint_eq(s.calls, 1);
    ck_assert_uint_eq(xai_sag_oracle_hits(oracle), 7);
    xai_sag_oracle_free(oracle);
}
END_TEST

START_TEST(remembers_many)
{
    script s = {0};
    xai_sag_oracle *oracle = make(&s, NULL, 100000);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 5000; i++) {
            xai_mask m = number(i);
            xai_sag_score score;
            ck_assert_int_eq(xai_sag_oracle_ask(oracle, &m, 1, &score, NULL), XAI_OK);
            ck_assert(score.p == (float)i);
        }
    ck_assert_uint_eq(s.sets, 5000);
    ck_assert_ptr_nonnull(xai_sag_oracle_look(oracle, number(4999)));
    ck_assert_ptr_null(xai_sag_oracle_look(oracle, number(5000)));
    size_t count;
    const xai_sag_entry *entries = xai_sag_oracle_entries(oracle, &count);
    ck_assert_uint_eq(count, 5000);
    ck_assert(xai_mask_equal(entries[17].mask, number(17)));
    xai_sag_oracle_free(oracle);
}
END_TEST

START_TEST(budget_is_never_exceeded)
{
    script s = {0};
    xai_sag_oracle *oracle = make(&s, NULL, 3);
    xai_mask ask[] = {number(1), number(2), number(3), number(4)};
    xai_sag_score scores[4];
    ck_assert_int_eq(xai_sag_oracle_ask(oracle, ask, 2, scores, NULL), XAI_OK);
    ck_assert_int_eq(xai_sag_oracle_ask(oracle, ask, 4, scores, NULL), XAI_E_TOO_LARGE);
    ck_assert_int_eq(xai_sag_oracle_stopped(oracle), XAI_SAG_STOP_BUDGET);
    ck_assert_uint_eq(s.sets, 2);
    ck_assert_ptr_null(xai_sag_oracle_look(oracle, number(3)));
    ck_assert_int_eq(xai_sag_oracle_ask(oracle, ask, 3, scores, NULL), XAI_OK); /* one more fits */
    ck_assert_int_eq(xai_sag_oracle_stopped(oracle), XAI_SAG_STOP_NONE);
    ck_assert_uint_eq(s.sets, 3);
    xai_sag_oracle_free(oracle);
}
END_TEST

START_TEST(failure_leaves_no_score)
{
    script s = {.fail = XAI_E_INTERNAL};
    xai_sag_oracle *oracle = make(&s, NULL, 10);
    xai_mask m = number(1);
    xai_sag_score score;
    ck_assert_int_eq(xai_sag_oracle_ask(oracle, &m, 1, &score, NULL), XAI_E_INTERNAL);
    ck_assert_int_eq(xai_sag_oracle_stopped(oracle), XAI_SAG_STOP_NONE);
    ck_assert_ptr_null(xai_sag_oracle_look(oracle, m));
    s.fail = XAI_OK;
    ck_assert_int_eq(xai_sag_oracle_ask(oracle, &m, 1, &score, NULL), XAI_OK);
    ck_assert_int_eq(score.top1, 2);
    xai_sag_oracle_free(oracle);
}
END_TEST

START_TEST(cancelled_before_the_batch)
{
    script s = {0};
    xai_token *token = xai_token_new(0, NULL, NULL);
    xai_sag_oracle *oracle = make(&s, token, 10);
    xai_mask m = number(1);
    xai_sag_score score;
    xai_token_cancel(token);
    ck_assert_int_eq(xai_sag_oracle_ask(oracle, &m, 1, &score, NULL), XAI_E_CANCELLED);
    ck_assert_uint_eq(s.calls, 0);
    xai_sag_oracle_free(oracle);
    xai_token_free(token);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oracle");
    TCase *all = tcase_create("all");
    tcase_add_test(all, duplicates_are_evaluated_once);
    tcase_add_test(all, remembers_many);
    tcase_add_test(all, budget_is_never_exceeded);
    tcase_add_test(all, failure_leaves_no_score);
    tcase_add_test(all, cancelled_before_the_batch);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
