/*
 * The life of the module: start, drain, stop.
 *
 * Draining has two parts. First nothing new is taken, and what somebody waits for may end. When the time is up, those
 * who still wait get the address of their job, which is written to the store, and what runs is put back there.
 */
#include <stdlib.h>
#include <time.h>

#include "base/token.h"
#include "internal.h"

enum { LAST_MS = 10000 }; /* for running batches to notice that they are cancelled */

static void init_conditions(jobs *j)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->work_came, NULL);
    pthread_cond_init(&j->clock_changed, &monotonic);
    pthread_cond_init(&j->work_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static bool start_threads(jobs *j)
{
    j->clock_runs = pthread_create(&j->clock, NULL, jobs_clock_main, j) == 0;
    int wanted = j->config.workers < MAX_WORKERS ? j->config.workers : MAX_WORKERS;
    pthread_mutex_lock(&j->lock); /* the workers read their number */
    while (j->clock_runs && j->worker_count < wanted &&
           pthread_create(&j->workers[j->worker_count], NULL, jobs_worker_main, j) == 0)
        j->worker_count++;
    bool ok = j->clock_runs && j->worker_count == wanted;
    pthread_mutex_unlock(&j->lock);
    return ok;
}

xai_status jobs_start(const jobs_config *config, const jobs_engine *engine, const models *all, xai_pool *pool,
                      store *keep, jobs **out, xai_error *err)
{
    jobs *j = calloc(1, sizeof *j);
    if (!j) XAI_NO_MEMORY(err);
    j->config = *config;
    j->engine = *engine;
    j->models = all;
    j->pool = pool;
    j->store = keep;
    init_conditions(j);
    j->cache = jobs_cache_new(config->cache_bytes);
    xai_status status = j->cache ? jobs_recover(j, err) : XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    if (status == XAI_OK && !start_threads(j)) status = XAI_ERROR_SET(err, NO_MEMORY, "", "cannot start the workers");
    if (status == XAI_OK) *out = j;
    else jobs_stop(j);
    return status;
}

/* ---------------------------------------------------------------- draining */

static bool is_awaited(const jobs *j)
{
    for (const work *w = j->in_flight; w; w = w->peer)
        if (jobs_is_awaited_locked(w)) return true;
    return false;
}

static bool is_busy(const jobs *j) { return j->running > 0 || is_awaited(j); }
static bool is_running(const jobs *j) { return j->running > 0; }

/* Waits until `busy` no longer holds, but no longer than that many milliseconds. */
static void wait_while_locked(jobs *j, bool (*busy)(const jobs *), int64_t ms)
{
    int64_t end = xai_clock_ns() + ms * 1000000;
    while (busy(j)) {
        int64_t now = xai_clock_ns(), step = now + 50 * 1000000; /* answers given elsewhere do not signal */
        if (now >= end) return;
        if (step > end) step = end;
        struct timespec t = {.tv_sec = step / 1000000000, .tv_nsec = step % 1000000000};
        pthread_cond_timedwait(&j->work_ended, &j->lock, &t);
    }
}

static void cancel_running_locked(jobs *j)
{
    for (work *w = j->in_flight; w; w = w->peer)
        if (w->running && w->token) xai_token_cancel(w->token);
}

void jobs_drain(jobs *j, int64_t grace_ms)
{
    pthread_mutex_lock(&j->lock);
    j->draining = true;
    wait_while_locked(j, is_busy, grace_ms);
    j->hurry = true;
    pthread_cond_signal(&j->clock_changed);
    wait_while_locked(j, is_awaited, LAST_MS);
    j->requeue = true;
    cancel_running_locked(j);
    wait_while_locked(j, is_running, LAST_MS);
    pthread_mutex_unlock(&j->lock);
}

/* ---------------------------------------------------------------- stopping */

static void drop_all_locked(jobs *j)
{
    while (j->in_flight) { /* queued work whose jobs the store has, or that never got a worker */
        work *w = j->in_flight;
        while (w->jobs) {
            job *it = w->jobs;
            it->answer = NULL;
            w->jobs = it->next_in_work;
            it->next_in_work = NULL;
            it->work = NULL;
            jobs_job_unref_locked(it);
        }
        jobs_work_free_locked(j, w);
    }
    for (size_t i = 0; i < TABLE_SIZE; i++)
        while (j->table[i]) jobs_table_drop_locked(j, j->table[i]);
}

void jobs_stop(jobs *j)
{
    if (!j) return;
    pthread_mutex_lock(&j->lock);
    j->draining = j->requeue = j->stopping = true;
    cancel_running_locked(j);
    pthread_cond_broadcast(&j->work_came);
    pthread_cond_broadcast(&j->clock_changed);
    pthread_mutex_unlock(&j->lock);
    for (int i = 0; i < j->worker_count; i++) pthread_join(j->workers[i], NULL);
    if (j->clock_runs) pthread_join(j->clock, NULL);
    pthread_mutex_lock(&j->lock);
    drop_all_locked(j);
    pthread_mutex_unlock(&j->lock);
    jobs_cache_free(j->cache);
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->work_came);
    pthread_cond_destroy(&j->clock_changed);
    pthread_cond_destroy(&j->work_ended);
    free(j);
}

void jobs_count(jobs *j, jobs_counters *out)
{
    pthread_mutex_lock(&j->lock);
    *out = j->counters;
    out->queued = j->queued;
    out->running = (size_t)j->running;
    out->cache_bytes = jobs_cache_bytes(j->cache);
    out->recent_bytes = j->recent.bytes;
    out->draining = j->draining;
    pthread_mutex_unlock(&j->lock);
}
