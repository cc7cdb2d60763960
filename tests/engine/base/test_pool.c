/*
 * Pool: every piece exactly once at any number of threads, thread numbers that no two pieces hold at the same time,
 * many tiny batches, and turns: the urgent first, the others in order, none starved.
 */
#include "base/pool.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { MOST = 8, PIECES = 5000 };

typedef struct batch {
    atomic_int runs[PIECES];
    atomic_int holding[MOST]; /* pieces that run under this thread number */
    atomic_bool clash;
    int threads;
} batch;

static void run_piece(void *context, size_t index, int thread)
{
    batch *b = context;
    if (thread < 0 || thread >= b->threads || atomic_fetch_add(&b->holding[thread], 1) != 0)
        atomic_store(&b->clash, true);
    atomic_fetch_add(&b->runs[index], 1);
    atomic_fetch_sub(&b->holding[thread], 1);
}

static void check_batch(const xai_par *par, batch *b, size_t count)
{
    for (size_t i = 0; i < PIECES; i++) atomic_store(&b->runs[i], 0);
    xai_par_for(par, count, run_piece, b);
    for (size_t i = 0; i < PIECES; i++) ck_assert_int_eq(atomic_load(&b->runs[i]), i < count ? 1 : 0);
    ck_assert(!atomic_load(&b->clash));
}

START_TEST(every_piece_runs_once)
{
    static batch b;
    static const size_t COUNTS[] = {0, 1, 2, 3, 7, 8, 9, 100, PIECES};
    xai_pool *pool;
    ck_assert_int_eq(xai_pool_new(_i, &pool, NULL), XAI_OK);
    ck_assert_int_eq(xai_pool_threads(pool), _i);
    xai_par par = {pool};
    ck_assert_int_eq(xai_par_threads(&par), _i);
    b.threads = _i;
    xai_pool_enter(pool, false);
    for (int round = 0; round < 10; round++)
        for (size_t k = 0; k < sizeof COUNTS / sizeof *COUNTS; k++) check_batch(&par, &b, COUNTS[k]);
    xai_pool_leave(pool);
    xai_pool_free(pool);
}
END_TEST

START_TEST(no_pool_is_the_caller_alone)
{
    static batch b;
    xai_par par = {NULL};
    b.threads = 1;
    ck_assert_int_eq(xai_par_threads(&par), 1);
    check_batch(&par, &b, 100);
}
END_TEST

static void add_piece(void *context, size_t index, int thread)
{
    (void)thread;
    atomic_fetch_add((atomic_long *)context, (long)index + 1);
}

/* Batches that end before the helpers wake, and pauses in which they go to sleep. */
START_TEST(many_tiny_batches)
{
    xai_pool *pool;
    ck_assert_int_eq(xai_pool_new(_i, &pool, NULL), XAI_OK);
    xai_par par = {pool};
    for (int i = 0; i < 20000; i++) {
        atomic_long sum = 0;
        long count = i % 5;
        xai_par_for(&par, (size_t)count, add_piece, &sum);
        ck_assert_int_eq(atomic_load(&sum), count * (count + 1) / 2);
        if (i % 2000 == 0) nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    xai_pool_free(pool);
}
END_TEST

START_TEST(as_many_threads_as_may_be_used)
{
    xai_pool *pool;
    ck_assert_int_eq(xai_pool_new(0, &pool, NULL), XAI_OK);
    ck_assert_int_ge(xai_pool_threads(pool), 1);
    xai_pool_free(pool);
    xai_pool_free(NULL);
}
END_TEST

/* ---------------------------------------------------------------- turns */

enum { WAITERS = 16 };

typedef struct waiter {
    struct queue *queue;
    bool urgent;
    int name;
    pthread_t thread;
} waiter;

typedef struct queue {
    xai_pool *pool;
    atomic_int arrived;
    int order[WAITERS], served; /* written by whoever has the turn */
    bool inside;
    atomic_bool overlap;
    waiter waiters[WAITERS];
    int count;
} queue;

static void *wait_for_turn(void *argument)
{
    waiter *w = argument;
    queue *q = w->queue;
    atomic_fetch_add(&q->arrived, 1);
    xai_pool_enter(q->pool, w->urgent);
    if (q->inside) atomic_store(&q->overlap, true);
    q->inside = true;
    q->order[q->served++] = w->name;
    nanosleep(&(struct timespec){0, 1000000}, NULL);
    q->inside = false;
    xai_pool_leave(q->pool);
    return NULL;
}

/* Starts a waiter and gives it time to queue behind those before it. */
static void arrive(queue *q, int name, bool urgent)
{
    waiter *w = &q->waiters[q->count++];
    *w = (waiter){.queue = q, .urgent = urgent, .name = name};
    ck_assert_int_eq(pthread_create(&w->thread, NULL, wait_for_turn, w), 0);
    while (atomic_load(&q->arrived) < q->count) sched_yield();
    nanosleep(&(struct timespec){0, 30000000}, NULL);
}

static void open_queue(queue *q)
{
    *q = (queue){.pool = NULL};
    ck_assert_int_eq(xai_pool_new(1, &q->pool, NULL), XAI_OK);
    xai_pool_enter(q->pool, false);
}

static void let_in(queue *q)
{
    xai_pool_leave(q->pool);
    for (int i = 0; i < q->count; i++) pthread_join(q->waiters[i].thread, NULL);
    ck_assert_int_eq(q->served, q->count);
    ck_assert(!atomic_load(&q->overlap));
    xai_pool_free(q->pool);
}

START_TEST(the_urgent_go_first_the_others_in_order)
{
    static queue q;
    open_queue(&q);
    arrive(&q, 1, false);
    arrive(&q, 2, false);
    arrive(&q, 3, true);
    arrive(&q, 4, false);
    arrive(&q, 5, true);
    let_in(&q);
    static const int WANT[] = {3, 5, 1, 2, 4};
    ck_assert_mem_eq(q.order, WANT, sizeof WANT);
}
END_TEST

START_TEST(a_flood_of_urgent_jobs_starves_nobody)
{
    static queue q;
    open_queue(&q);
    arrive(&q, 99, false);
    for (int i = 0; i < 12; i++) arrive(&q, i, true);
    let_in(&q);
    int at = 0;
    while (q.order[at] != 99) at++;
    ck_assert_msg(at > 0 && at < 12, "the patient one came at %d of 13", at);
}
END_TEST

/* Two jobs that take many short turns each, with work over the threads inside. */
static void *take_turns(void *argument)
{
    xai_pool *pool = argument;
    xai_par par = {pool};
    for (int i = 0; i < 300; i++) {
        atomic_long sum = 0;
        xai_pool_enter(pool, i % 3 == 0);
        xai_par_for(&par, 10, add_piece, &sum);
        xai_pool_leave(pool);
        if (atomic_load(&sum) != 55) return pool;
    }
    return NULL;
}

START_TEST(jobs_share_by_turns)
{
    xai_pool *pool;
    pthread_t threads[3];
    ck_assert_int_eq(xai_pool_new(3, &pool, NULL), XAI_OK);
    for (int i = 0; i < 3; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, take_turns, pool), 0);
    for (int i = 0; i < 3; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    xai_pool_free(pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/pool");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_piece_runs_once, 1, MOST + 1);
    tcase_add_test(tests, no_pool_is_the_caller_alone);
    tcase_add_loop_test(tests, many_tiny_batches, 1, 5);
    tcase_add_test(tests, as_many_threads_as_may_be_used);
    tcase_add_test(tests, the_urgent_go_first_the_others_in_order);
    tcase_add_test(tests, a_flood_of_urgent_jobs_starves_nobody);
    tcase_add_test(tests, jobs_share_by_turns);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
