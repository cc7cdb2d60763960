/*
 * The clock: one thread that ends waits, cancels what nobody reads, and removes what is over.
 */
#include <time.h>

#include "base/token.h"
#include "internal.h"

/* ---------------------------------------------------------------- waits */

/* A held job whose wait is over or whose client went away; *next_ns: when to look again. */
static job *due_locked(const jobs *j, int64_t now, int64_t *next_ns)
{
    for (const work *w = j->in_flight; w; w = w->peer) {
        for (job *it = w->jobs; it; it = it->next_in_work) {
            if (!it->answer) continue;
            if (it->abandoned || j->hurry || now >= it->deadline_ns) {
                it->refs++;
                return it;
            }
            if (it->deadline_ns < *next_ns) *next_ns = it->deadline_ns;
        }
    }
    return NULL;
}

static void give_up_waiting(jobs *j, job *it, xai_status why, const char *message)
{
    delivery *list = NULL;
    pthread_mutex_lock(&j->lock);
    jobs_cancel_locked(j, it, why, message, &list);
    pthread_mutex_unlock(&j->lock);
    jobs_deliver(list);
}

/* The client gets the job's address, once the job is safe. */
static void promise(jobs *j, job *it)
{
    delivery *list = NULL;
    xai_error err = {0};
    xai_status status = jobs_persist(j, it, &err);
    if (status != XAI_OK) {
        give_up_waiting(j, it, status, err.msg);
        return;
    }
    pthread_mutex_lock(&j->lock);
    jobs_answer_locked(it, JOBS_ACCEPTED, &list);
    pthread_mutex_unlock(&j->lock);
    jobs_deliver(list);
}

static void end_wait(jobs *j, job *it, bool stopping)
{
    if (it->abandoned) give_up_waiting(j, it, XAI_E_CANCELLED, "the client went away");
    else if (it->kind == JOBS_EXPLAIN) promise(j, it);
    else if (stopping) give_up_waiting(j, it, XAI_E_BUSY, "the server is stopping");
    else give_up_waiting(j, it, XAI_E_DEADLINE, "the server is too busy to answer in time");
}

/* ---------------------------------------------------------------- sweeps */

static void sweep_memory_locked(jobs *j)
{
    int64_t now = jobs_now_ms();
    while (j->recent.oldest && j->recent.oldest->expires_ms <= now) jobs_bury_locked(j, j->recent.oldest);
    while (j->gone.oldest && j->gone.oldest->expires_ms + j->config.retention_ms <= now) {
        job *it = j->gone.oldest;
        jobs_list_drop_locked(&j->gone, it);
        jobs_table_drop_locked(j, it);
    }
}

/* A job whose end the store would not take when it came (a full disk): held, or NULL. */
static job *unsaved_locked(const jobs *j, size_t *bucket)
{
    for (; *bucket < TABLE_SIZE; ++*bucket) {
        for (job *it = j->table[*bucket]; it; it = it->chain) {
            if (!it->unsaved) continue;
            it->refs++;
            ++*bucket; /* once a sweep */
            return it;
        }
    }
    return NULL;
}

static void sweep(jobs *j)
{
    int count;
    xai_error ignored; /* the next sweep tries again */
    int64_t now = jobs_now_ms();
    j->store->table->sweep(j->store, now, now - j->config.retention_ms, &count, &ignored);
    size_t bucket = 0;
    for (;;) {
        pthread_mutex_lock(&j->lock);
        if (bucket == 0) sweep_memory_locked(j);
        job *it = unsaved_locked(j, &bucket);
        pthread_mutex_unlock(&j->lock);
        if (!it) return;
        jobs_save_end(j, it);
    }
}

/* ---------------------------------------------------------------- the thread */

static void sleep_until_locked(jobs *j, int64_t ns)
{
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    pthread_cond_timedwait(&j->clock_changed, &j->lock, &t);
}

void *jobs_clock_main(void *argument)
{
    jobs *j = argument;
    int64_t pause_ms = j->config.retention_ms / 4 < SWEEP_MS ? j->config.retention_ms / 4 + 1 : SWEEP_MS;
    int64_t sweep_ns = xai_clock_ns() + pause_ms * 1000000;
    pthread_mutex_lock(&j->lock);
    while (!j->stopping) {
        int64_t now = xai_clock_ns(), next_ns = sweep_ns;
        job *it = due_locked(j, now, &next_ns);
        bool hurry = j->hurry;
        if (!it && now < sweep_ns) {
            sleep_until_locked(j, next_ns);
            continue;
        }
        pthread_mutex_unlock(&j->lock);
        if (it) end_wait(j, it, hurry);
        else sweep(j);
        if (!it) sweep_ns = xai_clock_ns() + pause_ms * 1000000;
        pthread_mutex_lock(&j->lock);
        if (it) jobs_job_unref_locked(it);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}
