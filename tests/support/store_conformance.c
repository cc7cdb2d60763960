/* The tests that every store must pass; see tests/server/store/conformance.h. */
#include "../server/store/conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static store_under_test open_store;
static store *s;
static xai_error err;

static const char A[] = "000000000000000000000000000000aa", B[] = "000000000000000000000000000000bb";
static const char SHA[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#define OK(call) ck_assert_msg((call) == XAI_OK, "%s", err.msg)

static store_job job_of(const char *id, int64_t created)
{
    static char request[] = "{\"method\":\"gradcam\"}";
    store_job job = {.created_ms = created, .expires_ms = created + 1000, .owner = "ann", .request = request};
    snprintf(job.id, sizeof job.id, "%s", id);
    snprintf(job.image, sizeof job.image, "%s", SHA);
    return job;
}

static void add(const char *id, int64_t created)
{
    store_job job = job_of(id, created);
    OK(s->table->add(s, &job, "bytes", 5, &err));
}

static store_state state_of(const char *id)
{
    store_job job;
    bool found;
    OK(s->table->get(s, id, &job, &found, &err));
    ck_assert(found);
    store_state state = job.state;
    store_job_clear(&job);
    return state;
}

static bool is_known(const char *id)
{
    store_job job;
    bool found;
    OK(s->table->get(s, id, &job, &found, &err));
    if (found) store_job_clear(&job);
    return found;
}

static bool has_image(const char *id)
{
    void *bytes;
    size_t size;
    OK(s->table->image(s, id, &bytes, &size, &err));
    bool has = bytes && size == 5 && memcmp(bytes, "bytes", 5) == 0;
    free(bytes);
    return has;
}

static char *result_of(const char *id)
{
    void *bytes;
    size_t size;
    OK(s->table->result(s, id, &bytes, &size, &err));
    return bytes;
}

static void reopen(void)
{
    s->table->close(s);
    s = open_store(false);
}

static void teardown(void) { s->table->close(s); }

START_TEST(a_job_comes_back_as_it_was_also_after_a_restart)
{
    add(A, 1000);
    for (int round = 0; round < 2; round++) {
        store_job job;
        bool found;
        OK(s->table->get(s, A, &job, &found, &err));
        ck_assert(found);
        ck_assert_int_eq(job.state, STORE_QUEUED);
        ck_assert_int_eq(job.attempts, 0);
        ck_assert_int_eq(job.created_ms, 1000);
        ck_assert_int_eq(job.expires_ms, 2000);
        ck_assert_str_eq(job.owner, "ann");
        ck_assert_str_eq(job.image, SHA);
        ck_assert_str_eq(job.request, "{\"method\":\"gradcam\"}");
        store_job_clear(&job);
        ck_assert(has_image(A));
        ck_assert_ptr_null(result_of(A));
        reopen();
    }
}
END_TEST

START_TEST(an_id_is_added_once)
{
    add(A, 1);
    store_job job = job_of(A, 2);
    ck_assert_int_ne(s->table->add(s, &job, "bytes", 5, &err), XAI_OK);
    ck_assert(has_image(A));
    ck_assert(!is_known(B));
}
END_TEST

START_TEST(claims_count_deliveries_and_releases_take_them_back)
{
    int attempts;
    add(A, 1);
    for (int i = 1; i <= 3; i++) {
        OK(s->table->claim(s, A, &attempts, &err));
        ck_assert_int_eq(attempts, i);
        reopen();
    }
    ck_assert_int_eq(state_of(A), STORE_RUNNING);
    OK(s->table->release(s, A, &err));
    ck_assert_int_eq(state_of(A), STORE_QUEUED);
    OK(s->table->claim(s, A, &attempts, &err));
    ck_assert_int_eq(attempts, 3);
}
END_TEST

START_TEST(a_finished_job_stays_finished)
{
    int attempts;
    add(A, 1);
    OK(s->table->claim(s, A, &attempts, &err));
    OK(s->table->finish(s, A, STORE_DONE, 5000, "{\"r\":1}", 7, &err));
    OK(s->table->finish(s, A, STORE_CANCELLED, 6000, "{}", 2, &err));
    OK(s->table->claim(s, A, &attempts, &err));
    ck_assert_int_eq(attempts, 0);
    reopen();
    ck_assert_int_eq(state_of(A), STORE_DONE);
    char *result = result_of(A);
    ck_assert_str_eq(result, "{\"r\":1}");
    free(result);
}
END_TEST

static int seen;
static char seen_ids[4][STORE_ID_SIZE];

static void note(void *user, const store_job *job)
{
    ck_assert_ptr_eq(user, &seen);
    ck_assert_ptr_nonnull(job->request);
    if (seen < 4) snprintf(seen_ids[seen], STORE_ID_SIZE, "%s", job->id);
    seen++;
}

START_TEST(unfinished_jobs_are_listed_oldest_first)
{
    int attempts;
    add(A, 20);
    add(B, 10);
    add("000000000000000000000000000000cc", 5);
    OK(s->table->finish(s, "000000000000000000000000000000cc", STORE_FAILED, 1, "{}", 2, &err));
    OK(s->table->claim(s, A, &attempts, &err));
    reopen();
    seen = 0;
    OK(s->table->unfinished(s, note, &seen, &err));
    ck_assert_int_eq(seen, 2);
    ck_assert_str_eq(seen_ids[0], B);
    ck_assert_str_eq(seen_ids[1], A);
}
END_TEST

START_TEST(removing_takes_the_bytes_and_leaves_a_memory)
{
    int attempts;
    add(A, 1);
    add(B, 1);
    OK(s->table->finish(s, A, STORE_DONE, 5000, "{}", 2, &err));
    OK(s->table->remove(s, A, &err));
    ck_assert_int_eq(state_of(A), STORE_GONE);
    ck_assert(!has_image(A));
    ck_assert_ptr_null(result_of(A));
    ck_assert(has_image(B)); /* equal bytes, still needed */
    OK(s->table->claim(s, A, &attempts, &err));
    ck_assert_int_eq(attempts, 0);
    OK(s->table->finish(s, A, STORE_DONE, 5000, "{}", 2, &err));
    ck_assert_ptr_null(result_of(A));
    OK(s->table->remove(s, A, &err));
    OK(s->table->remove(s, "000000000000000000000000000000dd", &err));
}
END_TEST

START_TEST(the_sweep_removes_what_is_over_and_forgets_what_is_old)
{
    int count;
    add(A, 1);
    add(B, 1);
    OK(s->table->finish(s, A, STORE_DONE, 5000, "{}", 2, &err));
    OK(s->table->sweep(s, 4999, 0, &count, &err));
    ck_assert_int_eq(count, 0);
    OK(s->table->sweep(s, 5000, 0, &count, &err));
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(state_of(A), STORE_GONE);
    ck_assert_int_eq(state_of(B), STORE_QUEUED); /* unfinished jobs do not expire */
    OK(s->table->sweep(s, 9000, 5001, &count, &err));
    ck_assert(!is_known(A));
    ck_assert(is_known(B));
}
END_TEST

static bool find_quiz(const char *id, store_quiz *quiz)
{
    bool found;
    OK(s->table->quiz(s, id, quiz, &found, &err));
    return found;
}

static bool has_quiz(const char *id)
{
    store_quiz quiz;
    bool found = find_quiz(id, &quiz);
    if (found) store_quiz_clear(&quiz);
    return found;
}

static void add_quiz(const char *id, const char *job, int64_t expires)
{
    static char text[] = "{\"pairs\":[]}";
    store_quiz quiz = {.created_ms = 5, .expires_ms = expires, .owner = "ann", .text = text};
    snprintf(quiz.id, sizeof quiz.id, "%s", id);
    snprintf(quiz.job, sizeof quiz.job, "%s", job);
    OK(s->table->add_quiz(s, &quiz, &err));
}

static bool answer(const char *quiz, int pair, const char *condition, bool misleading, bool correct)
{
    bool fresh;
    store_answer a = {.pair = pair, .misleading = misleading, .correct = correct, .created_ms = 7};
    snprintf(a.quiz, sizeof a.quiz, "%s", quiz);
    snprintf(a.condition, sizeof a.condition, "%s", condition);
    OK(s->table->add_answer(s, &a, &fresh, &err));
    return fresh;
}

typedef struct tallies {
    store_tally list[8];
    size_t count;
} tallies;

static void keep_tally(void *user, const store_tally *tally)
{
    tallies *t = user;
    t->list[t->count++] = *tally;
}

START_TEST(a_quiz_comes_back_and_goes_with_its_time_or_its_job)
{
    store_quiz quiz;
    int removed;
    add_quiz(A, B, 100);
    reopen();
    ck_assert(find_quiz(A, &quiz));
    ck_assert_str_eq(quiz.id, A);
    ck_assert_str_eq(quiz.job, B);
    ck_assert_str_eq(quiz.owner, "ann");
    ck_assert_str_eq(quiz.text, "{\"pairs\":[]}");
    ck_assert_int_eq(quiz.created_ms, 5);
    ck_assert_int_eq(quiz.expires_ms, 100);
    store_quiz_clear(&quiz);
    ck_assert(!has_quiz(B));
    OK(s->table->sweep(s, 99, 0, &removed, &err));
    ck_assert(has_quiz(A));
    OK(s->table->sweep(s, 100, 0, &removed, &err));
    ck_assert(!has_quiz(A));
    add_quiz(A, B, 100);
    OK(s->table->remove(s, A, &err)); /* no job of that name, and no quiz about one */
    ck_assert(has_quiz(A));
    OK(s->table->remove(s, B, &err));
    ck_assert(!has_quiz(A));
}
END_TEST

START_TEST(answers_count_once_and_outlive_their_quiz)
{
    tallies t = {.count = 0};
    int removed;
    add_quiz(A, B, 100);
    ck_assert(answer(A, 0, "sag", false, true));
    ck_assert(!answer(A, 0, "sag", false, false));
    ck_assert(answer(A, 1, "sag", true, false));
    ck_assert(answer(A, 2, "sag", true, true));
    ck_assert(answer(B, 0, "gradcam", true, false));
    OK(s->table->sweep(s, 1000, 0, &removed, &err));
    reopen();
    OK(s->table->tally(s, keep_tally, &t, &err));
    ck_assert_uint_eq(t.count, 3);
    static const store_tally WANTED[] = {{"gradcam", true, 1, 0}, {"sag", false, 1, 1}, {"sag", true, 2, 1}};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_str_eq(t.list[i].condition, WANTED[i].condition);
        ck_assert(t.list[i].misleading == WANTED[i].misleading);
        ck_assert_int_eq(t.list[i].answers, WANTED[i].answers);
        ck_assert_int_eq(t.list[i].correct, WANTED[i].correct);
    }
}
END_TEST

START_TEST(nothing_that_was_accepted_is_lost_by_a_kill)
{
    s->table->close(s);
    pid_t child = fork();
    if (child == 0) {
        s = open_store(false);
        add(A, 1);
        int attempts;
        if (s->table->claim(s, A, &attempts, &err) != XAI_OK) _exit(1);
        add(B, 2);
        _exit(0); /* as kill -9: nothing is closed */
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    s = open_store(false);
    ck_assert_int_eq(state_of(A), STORE_RUNNING);
    ck_assert_int_eq(state_of(B), STORE_QUEUED);
    ck_assert(has_image(B));
}
END_TEST

static void start_fresh(void) { s = open_store(true); }

TCase *store_conformance(const char *name, store_under_test opener)
{
    open_store = opener; /* one suite a program: set before the tests fork */
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, start_fresh, teardown);
    tcase_add_test(tc, a_job_comes_back_as_it_was_also_after_a_restart);
    tcase_add_test(tc, an_id_is_added_once);
    tcase_add_test(tc, claims_count_deliveries_and_releases_take_them_back);
    tcase_add_test(tc, a_finished_job_stays_finished);
    tcase_add_test(tc, unfinished_jobs_are_listed_oldest_first);
    tcase_add_test(tc, removing_takes_the_bytes_and_leaves_a_memory);
    tcase_add_test(tc, the_sweep_removes_what_is_over_and_forgets_what_is_old);
    tcase_add_test(tc, a_quiz_comes_back_and_goes_with_its_time_or_its_job);
    tcase_add_test(tc, answers_count_once_and_outlive_their_quiz);
    tcase_add_test(tc, nothing_that_was_accepted_is_lost_by_a_kill);
    return tc;
}
