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
    tcase_add_test(tc, nothing_that_was_accepted_is_lost_by_a_kill);
    return tc;
}
