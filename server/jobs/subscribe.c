/* Streams of a job's events. A subscription holds its job; both are guarded by the module's lock. */
#include <stdlib.h>

#include "internal.h"

/* A job that only the store knows has told its story: one event says how it ended. */
static xai_status job_of_store(jobs *j, const char *id, job **out, xai_error *err)
{
    store_job record;
    bool found;
    *out = NULL;
    XAI_TRY(j->store->table->get(j->store, id, &record, &found, err));
    if (!found) return XAI_OK;
    *out = jobs_job_of_store(&record);
    store_job_clear(&record);
    if (!*out) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static job *hold_known(jobs *j, const char *id)
{
    pthread_mutex_lock(&j->lock);
    job *it = jobs_table_find_locked(j, id);
    if (it && it->kind != JOBS_EXPLAIN) it = NULL;
    if (it) it->refs++;
    pthread_mutex_unlock(&j->lock);
    return it;
}

xai_status jobs_subscribe(jobs *j, const char *id, uint64_t after, void (*wake)(void *user), void *user,
                          jobs_subscription **out, xai_error *err)
{
    *out = NULL;
    job *it = hold_known(j, id);
    if (!it) XAI_TRY(job_of_store(j, id, &it, err));
    if (!it) return XAI_OK;
    jobs_subscription *s = calloc(1, sizeof *s);
    pthread_mutex_lock(&j->lock);
    bool ok = s && jobs_make_events_locked(it);
    if (ok) {
        *s = (jobs_subscription){.owner = j, .job = it, .wake = wake, .user = user, .next = it->subscriptions};
        s->cursor = after < it->events->last ? after : it->events->last;
        if (store_state_is_final(it->state) && s->cursor == it->events->last) s->cursor--; /* the end is always told */
        it->subscriptions = s;
    } else {
        jobs_job_unref_locked(it);
    }
    pthread_mutex_unlock(&j->lock);
    if (ok) *out = s;
    else free(s);
    if (!ok) XAI_NO_MEMORY(err);
    return XAI_OK;
}

jobs_next jobs_next_event(jobs_subscription *s, jobs_event *event)
{
    pthread_mutex_lock(&s->owner->lock);
    const jobs_event *next = jobs_events_after(s->job->events, s->cursor);
    if (next) *event = *next;
    if (next) s->cursor = next->id;
    bool over = !next && store_state_is_final(s->job->state);
    pthread_mutex_unlock(&s->owner->lock);
    return next ? JOBS_EVENT : over ? JOBS_END : JOBS_WAIT;
}

void jobs_unsubscribe(jobs_subscription *s)
{
    jobs *j = s->owner;
    pthread_mutex_lock(&j->lock);
    jobs_subscription **at = &s->job->subscriptions;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    jobs_job_unref_locked(s->job);
    pthread_mutex_unlock(&j->lock);
    free(s);
}
