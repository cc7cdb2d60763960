/*
 * The queue of work in two classes, and the ties between jobs and work.
 *
 * Short work goes first. Long work may occupy all workers but one, so that a short job waits for a batch, never for a
 * whole long job.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void jobs_queue_add_locked(jobs *j, work *w)
{
    work_queue *q = &j->queues[w->is_short ? 0 : 1];
    w->next = NULL;
    if (q->last) q->last->next = w;
    else q->first = w;
    q->last = w;
    w->peer = j->in_flight;
    j->in_flight = w;
    j->queued++;
    pthread_cond_broadcast(&j->work_came);
}

static void unlink_work(work_queue *q, work *w)
{
    work *before = NULL;
    for (work *at = q->first; at && at != w; at = at->next) before = at;
    if (before) before->next = w->next;
    else q->first = w->next;
    if (q->last == w) q->last = before;
    w->next = NULL;
}

bool jobs_is_awaited_locked(const work *w)
{
    for (const job *it = w->jobs; it; it = it->next_in_work)
        if (it->answer) return true;
    return false;
}

/* While draining, only what somebody waits for is begun: the rest is in the store already. */
static work *first_wanted(const jobs *j, const work_queue *q)
{
    work *w = q->first;
    while (w && j->draining && !jobs_is_awaited_locked(w)) w = w->next;
    return w;
}

work *jobs_queue_take_locked(jobs *j)
{
    int long_limit = j->worker_count > 1 ? j->worker_count - 1 : 1;
    work *w = first_wanted(j, &j->queues[0]);
    if (!w && j->running_long < long_limit) w = first_wanted(j, &j->queues[1]);
    if (!w) return NULL;
    unlink_work(&j->queues[w->is_short ? 0 : 1], w);
    j->queued--;
    j->running++;
    j->running_long += !w->is_short;
    w->running = true;
    return w;
}

void jobs_queue_drop_locked(jobs *j, work *w)
{
    unlink_work(&j->queues[w->is_short ? 0 : 1], w);
    j->queued--;
}

work *jobs_find_work_locked(const jobs *j, const char *key)
{
    for (work *w = j->in_flight; key[0] && w; w = w->peer)
        if (!w->cancelled && strcmp(w->task->key, key) == 0) return w;
    return NULL;
}

void jobs_attach_locked(work *w, job *it)
{
    it->work = w;
    it->next_in_work = w->jobs;
    w->jobs = it;
    it->refs++;
}

/* Ends a work that no job is tied to. */
void jobs_work_free_locked(jobs *j, work *w)
{
    assert(!w->jobs);
    work **at = &j->in_flight;
    while (*at && *at != w) at = &(*at)->peer;
    if (*at) *at = w->peer;
    xai_token_free(w->token);
    jobs_task_free(w->task);
    free(w);
}

void jobs_detach_locked(jobs *j, job *it)
{
    work *w = it->work;
    if (!w) return;
    job **at = &w->jobs;
    while (*at != it) at = &(*at)->next_in_work;
    *at = it->next_in_work;
    it->next_in_work = NULL;
    it->work = NULL;
    jobs_job_unref_locked(it);
    if (w->jobs) return;
    w->cancelled = true; /* nobody wants it any more */
    if (w->running) {
        if (w->token) xai_token_cancel(w->token);
        return; /* its worker frees it */
    }
    jobs_queue_drop_locked(j, w);
    jobs_work_free_locked(j, w);
}
