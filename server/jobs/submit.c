/*
 * The way in and out for handlers: submit, get, abandon, remove.
 */
#include <stdlib.h>
#include <string.h>

#include "base/token.h"
#include "internal.h"

work *jobs_work_new(const jobs *j, jobs_task *task)
{
    work *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->task = task;
    w->is_short = task->kind == JOBS_PREDICT || task->kind == JOBS_PROBE || task->cost <= j->config.short_cost;
    return w;
}

/* ---------------------------------------------------------------- submitting */

static int unfinished_of_locked(const jobs *j, const char *owner)
{
    int count = 0;
    for (const work *w = j->in_flight; w; w = w->peer)
        for (const job *it = w->jobs; it; it = it->next_in_work) count += strcmp(it->owner, owner) == 0;
    return count;
}

static xai_status admit_locked(jobs *j, const jobs_task *task, xai_error *err)
{
    j->counters.refused_busy += j->draining;
    XAI_CHECK(!j->draining, err, BUSY, "", "the server is stopping; try again in a moment");
    bool full = task->quota > 0 && unfinished_of_locked(j, task->owner) >= task->quota;
    j->counters.refused_quota += full;
    XAI_CHECK(!full, err, QUOTA, "", "this key has %d unfinished jobs, its quota; wait for one of them", task->quota);
    return XAI_OK;
}

static xai_status room_locked(jobs *j, xai_error *err)
{
    bool full = j->queued >= (size_t)j->config.queue_length;
    j->counters.refused_busy += full;
    XAI_CHECK(!full, err, BUSY, "", "%zu jobs are waiting; try again in a moment", j->queued);
    return XAI_OK;
}

/* Ties the job to a work that does the same already, or to a new one; takes the task over. */
static xai_status place_locked(jobs *j, job *it, jobs_task *task, xai_error *err)
{
    work *w = jobs_find_work_locked(j, task->key);
    it->queued_ns = xai_clock_ns();
    if (w) {
        j->counters.coalesced++;
        it->cache = "coalesced";
        it->state = w->running ? STORE_RUNNING : STORE_QUEUED;
        jobs_task_free(task);
        jobs_attach_locked(w, it);
        return XAI_OK;
    }
    w = jobs_work_new(j, task);
    if (!w) jobs_task_free(task);
    if (!w) XAI_NO_MEMORY(err);
    j->counters.cache_misses++;
    jobs_attach_locked(w, it);
    jobs_queue_add_locked(j, w);
    return XAI_OK;
}

static bool try_cache_locked(jobs *j, job *it, const jobs_task *task, delivery **list)
{
    jobs_bytes *body = jobs_cache_get(j->cache, task->key);
    if (!body) return false;
    j->counters.cache_hits++;
    jobs_table_add_locked(j, it);
    jobs_hit_locked(j, it, body, list);
    jobs_bytes_unref(body);
    return true;
}

/* Durable first, then queued: the slot in the queue is held meanwhile. */
static xai_status write_first_locked(jobs *j, job *it, const jobs_task *task, xai_error *err)
{
    store_job record = {.state = STORE_QUEUED,
                        .created_ms = it->created_ms,
                        .expires_ms = it->created_ms + j->config.retention_ms,
                        .request = task->text};
    memcpy(record.id, it->id, sizeof record.id);
    memcpy(record.owner, it->owner, sizeof record.owner);
    memcpy(record.image, task->sha256, sizeof record.image);
    j->queued++;
    pthread_mutex_unlock(&j->lock);
    xai_status status = j->store->table->add(j->store, &record, jobs_bytes_data(task->image),
                                             jobs_bytes_size(task->image), err);
    pthread_mutex_lock(&j->lock);
    j->queued--;
    it->durable = status == XAI_OK;
    return status;
}

static xai_status enter_locked(jobs *j, job *it, jobs_task *task, int64_t wait_ms, delivery **list, xai_error *err)
{
    xai_status status = wait_ms == 0 ? write_first_locked(j, it, task, err) : XAI_OK;
    if (status != XAI_OK) jobs_task_free(task);
    if (status == XAI_OK) status = place_locked(j, it, task, err);
    if (status != XAI_OK) return status;
    jobs_table_add_locked(j, it);
    if (it->durable) {
        jobs_make_events_locked(it);
        jobs_answer_locked(it, JOBS_ACCEPTED, list);
    } else {
        it->deadline_ns = xai_clock_ns() + wait_ms * 1000000;
        pthread_cond_signal(&j->clock_changed);
    }
    return XAI_OK;
}

static xai_status submit_locked(jobs *j, job *it, jobs_task *task, int64_t wait_ms, delivery **list, xai_error *err)
{
    xai_status status = admit_locked(j, task, err);
    bool known = status == XAI_OK && try_cache_locked(j, it, task, list);
    if (status == XAI_OK && !known && !jobs_find_work_locked(j, task->key)) status = room_locked(j, err);
    if (status != XAI_OK || known) {
        jobs_task_free(task);
        return status;
    }
    return enter_locked(j, it, task, wait_ms, list, err);
}

xai_status jobs_submit(jobs *j, jobs_task *task, const char *id, int64_t wait_ms, jobs_answer answer, void *user,
                       xai_error *err)
{
    delivery *list = NULL;
    job *it = jobs_job_new(id, task->kind, task->owner);
    if (!it) jobs_task_free(task);
    if (!it) XAI_NO_MEMORY(err);
    it->answer = answer;
    it->user = user;
    if (task->kind == JOBS_EXPLAIN) it->image = jobs_bytes_ref(task->image);
    pthread_mutex_lock(&j->lock);
    j->counters.submitted++;
    xai_status status = submit_locked(j, it, task, wait_ms, &list, err);
    if (status != XAI_OK) it->answer = NULL;
    bool claim = status == XAI_OK && it->durable && it->work && it->work->running;
    pthread_mutex_unlock(&j->lock);
    if (claim) jobs_claim(j, it);
    jobs_deliver(list);
    pthread_mutex_lock(&j->lock);
    jobs_job_unref_locked(it);
    pthread_mutex_unlock(&j->lock);
    return status;
}

void jobs_abandon(jobs *j, const char *id)
{
    pthread_mutex_lock(&j->lock);
    job *it = jobs_table_find_locked(j, id);
    if (it && it->answer) {
        it->abandoned = true;
        pthread_cond_signal(&j->clock_changed); /* the clock's thread does it: answers are not given from here */
    }
    pthread_mutex_unlock(&j->lock);
}

/* ---------------------------------------------------------------- looking up */

static job *find_listed_locked(const jobs *j, const char *id)
{
    job *it = jobs_table_find_locked(j, id);
    return it && it->kind == JOBS_EXPLAIN ? it : NULL;
}

static xai_status view_stored(jobs *j, const char *id, jobs_view *view, bool *found, xai_error *err)
{
    store_job record;
    XAI_TRY(j->store->table->get(j->store, id, &record, found, err));
    if (!*found) return XAI_OK;
    *view = (jobs_view){.state = record.state, .created_ms = record.created_ms, .cache = "miss"};
    memcpy(view->id, record.id, sizeof view->id);
    memcpy(view->owner, record.owner, sizeof view->owner);
    store_job_clear(&record);
    if (view->state == STORE_GONE || !store_state_is_final(view->state)) return XAI_OK;
    void *text = NULL;
    size_t size = 0;
    XAI_TRY(j->store->table->result(j->store, id, &text, &size, err));
    if (!text) { /* it was deleted, or its time came, between the two questions */
        view->state = STORE_GONE;
        return XAI_OK;
    }
    view->text = jobs_bytes_new(text, size);
    free(text);
    if (!view->text) XAI_NO_MEMORY(err);
    return XAI_OK;
}

xai_status jobs_get(jobs *j, const char *id, jobs_view *view, bool *found, xai_error *err)
{
    pthread_mutex_lock(&j->lock);
    job *it = find_listed_locked(j, id);
    *found = it != NULL;
    if (it) jobs_view_locked(it, view);
    pthread_mutex_unlock(&j->lock);
    return *found ? XAI_OK : view_stored(j, id, view, found, err);
}

xai_status jobs_image(jobs *j, const char *id, jobs_bytes **image, xai_error *err)
{
    pthread_mutex_lock(&j->lock);
    job *it = find_listed_locked(j, id);
    *image = it ? jobs_bytes_ref(it->image) : NULL;
    pthread_mutex_unlock(&j->lock);
    if (it) return XAI_OK;
    void *bytes = NULL;
    size_t size = 0;
    XAI_TRY(j->store->table->image(j->store, id, &bytes, &size, err));
    *image = bytes ? jobs_bytes_new(bytes, size) : NULL;
    free(bytes);
    return XAI_OK;
}

xai_status jobs_remove(jobs *j, const char *id, xai_error *err)
{
    delivery *list = NULL;
    pthread_mutex_lock(&j->lock);
    job *it = find_listed_locked(j, id);
    if (it) {
        it->refs++;
        jobs_cancel_locked(j, it, XAI_E_CANCELLED, "the explanation was deleted", &list);
        it->unsaved = false;
        jobs_bury_locked(j, it);
        jobs_job_unref_locked(it);
    }
    pthread_mutex_unlock(&j->lock);
    jobs_deliver(list);
    return j->store->table->remove(j->store, id, err); /* if it has no job, perhaps quizzes of it */
}
