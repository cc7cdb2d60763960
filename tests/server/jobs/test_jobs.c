/* Jobs: states, order, merging, cache, cancelling, events, promises, restarts, draining; on a planted engine. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../support/fake_engine.h"
#include "jobs/jobs.h"
#include "json/read.h"

static models all;
static jobs_engine engine;
static store *keep;
static jobs *j;
static jobs_config config;
static char path[96];
static xai_error err;

#define OK(call) ck_assert_msg((call) == XAI_OK, "%s", err.msg)

/* ---------------------------------------------------------------- answers that a test can wait for */

typedef struct reply {
    pthread_mutex_t lock;
    pthread_cond_t came;
    bool given;
    jobs_outcome outcome;
    jobs_view view;
    char id[STORE_ID_SIZE];
} reply;

static void take_answer(void *user, jobs_outcome outcome, const jobs_view *view)
{
    reply *r = user;
    pthread_mutex_lock(&r->lock);
    ck_assert(!r->given);
    r->given = true;
    r->outcome = outcome;
    r->view = *view;
    jobs_bytes_ref(view->text);
    pthread_cond_signal(&r->came);
    pthread_mutex_unlock(&r->lock);
}

static void await(reply *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->given) pthread_cond_wait(&r->came, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

static const char *text_of(reply *r) { return r->view.text ? (const char *)jobs_bytes_data(r->view.text) : ""; }

static void clear(reply *r)
{
    jobs_view_clear(&r->view);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->came);
}

static xai_status try_submit(const char *json, const char *owner, int quota, int64_t wait_ms, reply *r)
{
    json_t *root = NULL;
    jobs_task *task = NULL;
    jobs_bytes *image = jobs_bytes_new("IMG1", 4);
    memset(r, 0, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->came, NULL);
    OK(xai_json_parse(json, strlen(json), XAI_E_BAD_REQUEST, &root, &err));
    OK(jobs_task_explain(&engine, &all, JOBS_EXPLAIN, root, image, owner, &task, &err));
    jobs_bytes_unref(image);
    task->quota = quota;
    jobs_new_id(r->id);
    return jobs_submit(j, task, r->id, wait_ms, take_answer, r, &err);
}

static void submit(const char *json, int64_t wait_ms, reply *r) { OK(try_submit(json, "", 0, wait_ms, r)); }

static store_state state_of(const char *id)
{
    jobs_view view;
    bool found;
    OK(jobs_get(j, id, &view, &found, &err));
    ck_assert(found);
    store_state state = view.state;
    jobs_view_clear(&view);
    return state;
}

static void await_state(const char *id, store_state wanted)
{
    for (int i = 0; i < 1000 && state_of(id) != wanted; i++) usleep(5000);
    ck_assert_int_eq(state_of(id), wanted);
}

static void await_running(int count)
{
    for (int i = 0; i < 1000 && atomic_load(&fake_running) != count; i++) usleep(2000);
    ck_assert_int_eq(atomic_load(&fake_running), count);
}

/* ---------------------------------------------------------------- fixture */

static void start(void)
{
    OK(store_serial_open(store_sqlite_open, path, &keep, &err));
    OK(jobs_start(&config, &engine, &all, NULL, keep, &j, &err));
}

static void stop(void)
{
    jobs_stop(j);
    keep->table->close(keep);
}

static void remove_files(void)
{
    char name[128];
    unlink(path);
    snprintf(name, sizeof name, "%s-wal", path);
    unlink(name);
}

static void setup(void)
{
    snprintf(path, sizeof path, "/tmp/test_jobs_%d.db", (int)getpid());
    remove_files();
    engine = fake_engine();
    fake_models(&all);
    config = (jobs_config){.workers = 2, .queue_length = 4, .short_cost = 20, .job_timeout_ms = 20000,
                           .retention_ms = 60000, .cache_bytes = 1 << 20, .recent_bytes = 1 << 20};
    start();
}

static void teardown(void)
{
    stop();
    remove_files();
}

/* ---------------------------------------------------------------- the ordinary course */

START_TEST(a_quick_job_answers_with_its_document)
{
    reply r;
    submit("{\"method\":\"quick\"}", 5000, &r);
    await(&r);
    ck_assert_int_eq(r.outcome, JOBS_FINISHED);
    ck_assert_int_eq(r.view.state, STORE_DONE);
    json_t *root = json_loads(text_of(&r), JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(root);
    ck_assert_str_eq(json_string_value(json_object_get(root, "id")), r.id);
    ck_assert_str_eq(json_string_value(json_object_get(root, "status")), "done");
    ck_assert_str_eq(json_string_value(json_object_get(root, "cache")), "miss");
    char href[128];
    snprintf(href, sizeof href, "/api/v1/explanations/%s/artifacts/0-overlay.png", r.id);
    ck_assert(strstr(text_of(&r), href));
    ck_assert(!strstr(text_of(&r), "????"));
    json_decref(root);
    ck_assert_int_eq(state_of(r.id), STORE_DONE); /* in memory only */
    clear(&r);
}
END_TEST

START_TEST(equal_requests_hit_the_cache_with_ids_of_their_own)
{
    reply a, b;
    submit("{\"method\":\"quick\"}", 5000, &a);
    await(&a);
    submit("{\"method\":\"quick\",\"params\":{\"key\":0}}", 5000, &b);
    await(&b);
    ck_assert_str_eq(b.view.cache, "hit");
    ck_assert(strstr(text_of(&b), b.id) && !strstr(text_of(&b), a.id));
    const char *results_a = strstr(text_of(&a), "\"image\""), *results_b = strstr(text_of(&b), "\"image\"");
    ck_assert_uint_eq(strlen(results_a), strlen(results_b));
    ck_assert_int_eq(atomic_load(&fake_runs), 1);
    clear(&a);
    clear(&b);
}
END_TEST

START_TEST(a_failure_says_why)
{
    reply r;
    submit("{\"method\":\"broken\"}", 5000, &r);
    await(&r);
    ck_assert_int_eq(r.view.state, STORE_FAILED);
    ck_assert_int_eq(r.view.error.status, XAI_E_INTERNAL);
    clear(&r);
}
END_TEST

START_TEST(a_partial_result_is_not_cached)
{
    jobs_stop(j);
    config.job_timeout_ms = 50;
    OK(jobs_start(&config, &engine, &all, NULL, keep, &j, &err));
    for (int i = 0; i < 2; i++) {
        reply r;
        submit("{\"method\":\"patient\",\"params\":{\"ms\":10000}}", 5000, &r);
        await(&r);
        ck_assert_int_eq(r.view.state, STORE_PARTIAL);
        ck_assert_str_eq(r.view.cache, "miss");
        clear(&r);
    }
    reply r;
    submit("{\"method\":\"slow\",\"params\":{\"ms\":10000}}", 5000, &r);
    await(&r);
    ck_assert_int_eq(r.view.state, STORE_FAILED);
    ck_assert_int_eq(r.view.error.status, XAI_E_DEADLINE);
    clear(&r);
}
END_TEST

/* ---------------------------------------------------------------- queue */

START_TEST(short_work_passes_long_work)
{
    reply slow[3], quick;
    for (int i = 0; i < 3; i++) {
        char json[80];
        snprintf(json, sizeof json, "{\"method\":\"slow\",\"params\":{\"ms\":2000,\"key\":%d}}", i);
        submit(json, 10000, &slow[i]);
    }
    await_running(1); /* of two workers, one is kept for short work */
    submit("{\"method\":\"quick\"}", 1000, &quick);
    await(&quick);
    ck_assert_int_eq(quick.outcome, JOBS_FINISHED);
    ck_assert(!slow[0].given);
    clear(&quick);
    for (int i = 0; i < 3; i++) OK(jobs_remove(j, slow[i].id, &err));
    for (int i = 0; i < 3; i++) {
        await(&slow[i]);
        clear(&slow[i]);
    }
}
END_TEST

START_TEST(a_full_queue_refuses_at_once)
{
    reply r[6];
    char json[80];
    for (int i = 0; i < 6; i++) {
        snprintf(json, sizeof json, "{\"method\":\"slow\",\"params\":{\"ms\":5000,\"key\":%d}}", i);
        xai_status status = try_submit(json, "", 0, 10000, &r[i]);
        if (i == 0) await_running(1);
        ck_assert_int_eq(status, i < 5 ? XAI_OK : XAI_E_BUSY);
    }
    for (int i = 0; i < 5; i++) OK(jobs_remove(j, r[i].id, &err));
    for (int i = 0; i < 5; i++) {
        await(&r[i]);
        ck_assert_int_eq(r[i].view.error.status, XAI_E_CANCELLED);
    }
    for (int i = 0; i < 6; i++) clear(&r[i]);
}
END_TEST

START_TEST(an_owner_has_a_quota_of_its_own)
{
    reply a, b, c;
    OK(try_submit("{\"method\":\"slow\",\"params\":{\"ms\":5000}}", "ann", 1, 10000, &a));
    ck_assert_int_eq(try_submit("{\"method\":\"quick\"}", "ann", 1, 10000, &b), XAI_E_QUOTA);
    OK(try_submit("{\"method\":\"quick\"}", "bob", 1, 10000, &c));
    await(&c);
    OK(jobs_remove(j, a.id, &err));
    await(&a);
    clear(&a);
    clear(&b);
    clear(&c);
}
END_TEST

/* ---------------------------------------------------------------- merging and cancelling */

START_TEST(equal_work_in_flight_is_merged_and_cancelled_with_the_last)
{
    static const char JSON[] = "{\"method\":\"slow\",\"params\":{\"ms\":8000}}";
    reply a, b;
    submit(JSON, 10000, &a);
    await_running(1);
    submit(JSON, 10000, &b);
    OK(jobs_remove(j, a.id, &err));
    await(&a);
    ck_assert_int_eq(a.view.state, STORE_CANCELLED);
    usleep(50000);
    ck_assert_int_eq(atomic_load(&fake_running), 1);
    OK(jobs_remove(j, b.id, &err));
    await(&b);
    ck_assert_str_eq(b.view.cache, "coalesced");
    await_running(0);
    ck_assert_int_eq(atomic_load(&fake_runs), 1);
    ck_assert_int_eq(atomic_load(&fake_cancelled), 1);
    ck_assert_int_eq(state_of(a.id), STORE_GONE);
    clear(&a);
    clear(&b);
}
END_TEST

START_TEST(merged_jobs_all_get_the_result)
{
    static const char JSON[] = "{\"method\":\"slow\",\"params\":{\"ms\":200}}";
    reply r[4];
    for (int i = 0; i < 4; i++) submit(JSON, 10000, &r[i]);
    for (int i = 0; i < 4; i++) {
        await(&r[i]);
        ck_assert_int_eq(r[i].view.state, STORE_DONE);
        ck_assert(strstr(text_of(&r[i]), r[i].id));
        clear(&r[i]);
    }
    ck_assert_int_eq(atomic_load(&fake_runs), 1);
}
END_TEST

START_TEST(work_of_different_owners_is_not_merged)
{
    static const char JSON[] = "{\"method\":\"slow\",\"params\":{\"ms\":100}}";
    reply a, b;
    OK(try_submit(JSON, "ann", 0, 10000, &a));
    OK(try_submit(JSON, "bob", 0, 10000, &b));
    await(&a);
    await(&b);
    ck_assert_int_eq(atomic_load(&fake_runs), 2);
    clear(&a);
    clear(&b);
}
END_TEST

START_TEST(a_client_that_goes_away_cancels_its_job)
{
    reply r;
    submit("{\"method\":\"slow\",\"params\":{\"ms\":8000}}", 10000, &r);
    await_running(1);
    jobs_abandon(j, r.id);
    await(&r);
    ck_assert_int_eq(r.view.state, STORE_CANCELLED);
    await_running(0);
    clear(&r);
}
END_TEST

/* ---------------------------------------------------------------- promises, events, retention */

START_TEST(a_job_that_outlives_the_wait_is_promised_and_kept)
{
    reply r;
    submit("{\"method\":\"slow\",\"params\":{\"ms\":400}}", 50, &r);
    await(&r);
    ck_assert_int_eq(r.outcome, JOBS_ACCEPTED);
    jobs_abandon(j, r.id); /* the client may go now */
    await_state(r.id, STORE_DONE);
    usleep(50000);
    stop();
    start();
    ck_assert_int_eq(state_of(r.id), STORE_DONE); /* from the store */
    jobs_bytes *image = NULL;
    OK(jobs_image(j, r.id, &image, &err));
    ck_assert_ptr_nonnull(image);
    jobs_bytes_unref(image);
    OK(jobs_remove(j, r.id, &err));
    ck_assert_int_eq(state_of(r.id), STORE_GONE);
    clear(&r);
}
END_TEST

static atomic_int wakes;
static void count_wake(void *user) { atomic_fetch_add((atomic_int *)user, 1); }

static int read_events(jobs_subscription *s, char names[][16], uint64_t *last, int most)
{
    jobs_event event;
    jobs_next next;
    int count = 0;
    for (int i = 0; i < 2000 && count < most; i++) {
        next = jobs_next_event(s, &event);
        if (next == JOBS_END) break;
        if (next == JOBS_WAIT) {
            usleep(2000);
            continue;
        }
        snprintf(names[count++], 16, "%s", event.name);
        *last = event.id;
    }
    return count;
}

START_TEST(events_tell_the_story_and_can_be_resumed)
{
    reply r;
    char names[64][16];
    uint64_t last = 0;
    jobs_subscription *s;
    submit("{\"method\":\"slow\",\"params\":{\"ms\":300}}", 0, &r);
    ck_assert_int_eq(r.outcome, JOBS_ACCEPTED);
    OK(jobs_subscribe(j, r.id, 0, count_wake, &wakes, &s, &err));
    ck_assert_int_eq(read_events(s, names, &last, 3), 3);
    ck_assert_str_eq(names[0], "queued");
    ck_assert_str_eq(names[1], "started");
    ck_assert_str_eq(names[2], "progress");
    jobs_unsubscribe(s);
    uint64_t resumed = last;
    OK(jobs_subscribe(j, r.id, resumed, count_wake, &wakes, &s, &err));
    int n = read_events(s, names, &last, 64);
    ck_assert_int_gt(n, 1);
    ck_assert_str_eq(names[n - 1], "done");
    for (int i = 0; i < n; i++) ck_assert_str_ne(names[i], "queued");
    jobs_unsubscribe(s);
    ck_assert_int_gt(atomic_load(&wakes), 2);
    await_state(r.id, STORE_DONE);
    OK(jobs_subscribe(j, r.id, 0, count_wake, &wakes, &s, &err)); /* long over: its end is still told */
    n = read_events(s, names, &last, 64);
    ck_assert_str_eq(names[n - 1], "done");
    jobs_unsubscribe(s);
    OK(jobs_subscribe(j, "00000000000000000000000000000000", 0, count_wake, &wakes, &s, &err));
    ck_assert_ptr_null(s);
    clear(&r);
}
END_TEST

START_TEST(cancelling_is_told_as_an_event)
{
    reply r;
    char names[64][16];
    uint64_t last = 0;
    jobs_subscription *s;
    submit("{\"method\":\"slow\",\"params\":{\"ms\":9000}}", 0, &r);
    OK(jobs_subscribe(j, r.id, 0, count_wake, &wakes, &s, &err));
    await_running(1);
    OK(jobs_remove(j, r.id, &err));
    int n = read_events(s, names, &last, 64);
    ck_assert_str_eq(names[n - 1], "cancelled");
    jobs_unsubscribe(s);
    await_running(0);
    clear(&r);
}
END_TEST

START_TEST(results_go_when_their_time_is_over)
{
    jobs_stop(j);
    config.retention_ms = 300;
    OK(jobs_start(&config, &engine, &all, NULL, keep, &j, &err));
    reply memory, stored;
    submit("{\"method\":\"quick\"}", 5000, &memory);
    submit("{\"method\":\"quick\",\"params\":{\"key\":1}}", 0, &stored);
    await(&memory);
    await_state(stored.id, STORE_GONE);
    await_state(memory.id, STORE_GONE);
    clear(&memory);
    clear(&stored);
}
END_TEST

START_TEST(memory_for_recent_results_is_bounded)
{
    jobs_stop(j);
    config.recent_bytes = 4000;
    OK(jobs_start(&config, &engine, &all, NULL, keep, &j, &err));
    reply r[6];
    for (int i = 0; i < 6; i++) {
        char json[80];
        snprintf(json, sizeof json, "{\"method\":\"quick\",\"params\":{\"key\":%d}}", i);
        submit(json, 5000, &r[i]);
        await(&r[i]);
    }
    jobs_counters counters;
    jobs_count(j, &counters);
    ck_assert_uint_le(counters.recent_bytes, 4000);
    ck_assert_int_eq(state_of(r[0].id), STORE_GONE);
    ck_assert_int_eq(state_of(r[5].id), STORE_DONE);
    for (int i = 0; i < 6; i++) clear(&r[i]);
}
END_TEST

/* ---------------------------------------------------------------- restarts */

START_TEST(accepted_jobs_survive_a_kill)
{
    enum { JOBS = 4 };
    static char ids[JOBS][STORE_ID_SIZE];
    int pipe_fds[2];
    stop();
    ck_assert_int_eq(pipe(pipe_fds), 0);
    pid_t child = fork();
    if (child == 0) {
        start();
        for (int i = 0; i < JOBS; i++) {
            reply r;
            char json[80];
            snprintf(json, sizeof json, "{\"method\":\"slow\",\"params\":{\"ms\":%d,\"key\":%d}}", i == 0 ? 60000 : 20, i);
            submit(json, 0, &r);
            if (write(pipe_fds[1], r.id, STORE_ID_SIZE) != STORE_ID_SIZE) _exit(1);
        }
        await_running(1);
        _exit(0); /* nothing is closed: as kill -9 */
    }
    int status = -1;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    for (int i = 0; i < JOBS; i++) ck_assert_int_eq(read(pipe_fds[0], ids[i], STORE_ID_SIZE), STORE_ID_SIZE);
    start();
    OK(jobs_remove(j, ids[0], &err)); /* the long one; the others end by themselves */
    for (int i = 1; i < JOBS; i++) await_state(ids[i], STORE_DONE);
    jobs_counters counters;
    jobs_count(j, &counters);
    ck_assert_uint_eq(counters.recovered, JOBS);
}
END_TEST

START_TEST(a_job_that_kills_the_server_is_given_up_after_three_times)
{
    char id[STORE_ID_SIZE];
    int pipe_fds[2];
    stop();
    ck_assert_int_eq(pipe(pipe_fds), 0);
    for (int life = 0; life < JOBS_MAX_DELIVERIES; life++) {
        pid_t child = fork();
        if (child == 0) {
            start();
            reply r;
            if (life == 0) submit("{\"method\":\"slow\",\"params\":{\"ms\":60000}}", 0, &r);
            if (life == 0 && write(pipe_fds[1], r.id, STORE_ID_SIZE) != STORE_ID_SIZE) _exit(1);
            await_running(1);
            _exit(0);
        }
        int status = -1;
        waitpid(child, &status, 0);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_int_eq(read(pipe_fds[0], id, sizeof id), (int)sizeof id);
    start();
    await_state(id, STORE_FAILED);
    ck_assert_int_eq(atomic_load(&fake_running), 0);
    usleep(20000);
    jobs_view view;
    bool found;
    OK(jobs_get(j, id, &view, &found, &err));
    ck_assert(view.text && strstr((const char *)jobs_bytes_data(view.text), "begun 3 times"));
    jobs_view_clear(&view);
}
END_TEST

START_TEST(draining_ends_what_is_awaited_and_keeps_the_rest)
{
    reply quick, promised, kept;
    submit("{\"method\":\"slow\",\"params\":{\"ms\":150,\"key\":1}}", 10000, &quick);
    submit("{\"method\":\"slow\",\"params\":{\"ms\":9000,\"key\":2}}", 10000, &promised);
    submit("{\"method\":\"slow\",\"params\":{\"ms\":10,\"key\":3}}", 0, &kept);
    await_running(1);
    jobs_drain(j, 600);
    await(&quick);
    ck_assert_int_eq(quick.view.state, STORE_DONE);
    await(&promised);
    ck_assert_int_eq(promised.outcome, JOBS_ACCEPTED);
    reply late;
    ck_assert_int_eq(try_submit("{\"method\":\"quick\"}", "", 0, 0, &late), XAI_E_BUSY);
    stop();
    start();
    ck_assert(!store_state_is_final(state_of(promised.id)));
    OK(jobs_remove(j, promised.id, &err));
    await_state(kept.id, STORE_DONE);
    clear(&quick);
    clear(&promised);
    clear(&kept);
    clear(&late);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs");
    TCase *tc = tcase_create("jobs");
    tcase_set_timeout(tc, 30);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_quick_job_answers_with_its_document);
    tcase_add_test(tc, equal_requests_hit_the_cache_with_ids_of_their_own);
    tcase_add_test(tc, a_failure_says_why);
    tcase_add_test(tc, a_partial_result_is_not_cached);
    tcase_add_test(tc, short_work_passes_long_work);
    tcase_add_test(tc, a_full_queue_refuses_at_once);
    tcase_add_test(tc, an_owner_has_a_quota_of_its_own);
    tcase_add_test(tc, equal_work_in_flight_is_merged_and_cancelled_with_the_last);
    tcase_add_test(tc, merged_jobs_all_get_the_result);
    tcase_add_test(tc, work_of_different_owners_is_not_merged);
    tcase_add_test(tc, a_client_that_goes_away_cancels_its_job);
    tcase_add_test(tc, a_job_that_outlives_the_wait_is_promised_and_kept);
    tcase_add_test(tc, events_tell_the_story_and_can_be_resumed);
    tcase_add_test(tc, cancelling_is_told_as_an_event);
    tcase_add_test(tc, results_go_when_their_time_is_over);
    tcase_add_test(tc, memory_for_recent_results_is_bounded);
    tcase_add_test(tc, accepted_jobs_survive_a_kill);
    tcase_add_test(tc, a_job_that_kills_the_server_is_given_up_after_three_times);
    tcase_add_test(tc, draining_ends_what_is_awaited_and_keeps_the_rest);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
