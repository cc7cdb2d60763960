/* Token: cancel, deadline, progress and its rate. */
#include "base/token.h"

#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

typedef struct log {
    int calls;
    xai_progress last;
    bool fell; /* done went backwards within a stage */
} log_entry;

static void listen(void *user, const xai_progress *p)
{
    log_entry *log = user;
    log->fell = log->fell || (log->calls && p->stage == log->last.stage && p->done < log->last.done);
    log->calls++;
    log->last = *p;
}

static void sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

START_TEST(no_token_is_never_cancelled)
{
    ck_assert_int_eq(xai_token_check(NULL, NULL), XAI_OK);
    xai_token_stage(NULL, "none", 1);
    xai_token_advance(NULL, 1);
    xai_token_free(NULL);
}
END_TEST

static void *cancel(void *token)
{
    xai_token_cancel(token);
    return NULL;
}

START_TEST(another_thread_may_cancel)
{
    xai_token *token = xai_token_new(0, NULL, NULL);
    xai_error err;
    pthread_t thread;
    ck_assert_int_eq(xai_token_check(token, &err), XAI_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel, token), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(xai_token_check(token, &err), XAI_E_CANCELLED);
    ck_assert_int_eq(xai_status_class(err.status), XAI_CLASS_CANCELLED);
    xai_token_free(token);
}
END_TEST

START_TEST(a_deadline_passes)
{
    xai_token *soon = xai_token_new(20, NULL, NULL), *late = xai_token_new(600000, NULL, NULL);
    sleep_ms(40);
    ck_assert_int_eq(xai_token_check(soon, NULL), XAI_E_DEADLINE);
    ck_assert_int_eq(xai_token_check(late, NULL), XAI_OK);
    xai_token_cancel(soon);
    ck_assert_int_eq(xai_token_check(soon, NULL), XAI_E_CANCELLED);
    xai_token_free(soon);
    xai_token_free(late);
}
END_TEST

START_TEST(progress_is_reported_sparsely_and_to_its_end)
{
    log_entry log = {0};
    xai_token *token = xai_token_new(0, listen, &log);
    int64_t start = xai_clock_ns();
    xai_token_stage(token, "masks", 1000);
    ck_assert_int_eq(log.calls, 1);
    ck_assert_str_eq(log.last.stage, "masks");
    for (int i = 0; i < 1000; i++) xai_token_advance(token, 1);
    int64_t most = 3 + (xai_clock_ns() - start) / 50000000;
    ck_assert_msg(log.calls <= most, "%d reports, at most 20 a second are due", log.calls);
    ck_assert(log.last.done == 1000 && log.last.total == 1000);
    ck_assert(!log.fell);
    xai_token_advance(token, 5); /* an estimate that was too low grows */
    ck_assert(log.last.total == log.last.done);
    xai_token_free(token);
}
END_TEST

START_TEST(the_clock_does_not_run_backwards)
{
    int64_t last = xai_clock_ns();
    for (int i = 0; i < 100000; i++) {
        int64_t now = xai_clock_ns();
        ck_assert(now >= last);
        last = now;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/token");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, no_token_is_never_cancelled);
    tcase_add_test(tests, another_thread_may_cancel);
    tcase_add_test(tests, a_deadline_passes);
    tcase_add_test(tests, progress_is_reported_sparsely_and_to_its_end);
    tcase_add_test(tests, the_clock_does_not_run_backwards);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
