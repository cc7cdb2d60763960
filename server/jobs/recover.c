/*
 * After a restart: every job that was accepted and has not ended is taken up again, the oldest first.
 *
 * A job that cannot even be read any more (its model is gone, say) fails with that as its reason.
 */
#include <stdlib.h>
#include <string.h>

#include "base/token.h"
#include "internal.h"
#include "json/read.h"

typedef struct found {
    store_job *list;
    size_t count, room;
    bool broken;
} found;

static void collect(void *user, const store_job *record)
{
    found *all = user;
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 64;
        store_job *list = realloc(all->list, room * sizeof *list);
        if (!list) all->broken = true;
        if (!list) return;
        all->list = list;
        all->room = room;
    }
    store_job *copy = &all->list[all->count];
    *copy = *record;
    copy->request = strdup(record->request ? record->request : "");
    if (!copy->request) all->broken = true;
    else all->count++;
}

static xai_status remake(jobs *j, const store_job *record, jobs_task **task, xai_error *err)
{
    void *bytes = NULL;
    size_t size = 0;
    json_t *json = NULL;
    XAI_TRY(xai_json_parse(record->request, strlen(record->request), XAI_E_INTERNAL, &json, err));
    xai_status status = j->store->table->image(j->store, record->id, &bytes, &size, err);
    jobs_bytes *image = status == XAI_OK && bytes ? jobs_bytes_new(bytes, size) : NULL;
    free(bytes);
    if (image) {
        status = jobs_task_explain(&j->engine, j->models, JOBS_EXPLAIN, json, image, record->owner, task, err);
    } else {
        json_decref(json);
        if (status == XAI_OK) status = XAI_ERROR_SET(err, INTERNAL, "", "the stored job has no image");
    }
    jobs_bytes_unref(image);
    return status;
}

static xai_status enqueue_locked(jobs *j, job *it, jobs_task *task, xai_error *err)
{
    work *w = jobs_find_work_locked(j, task->key);
    it->queued_ns = xai_clock_ns();
    it->image = jobs_bytes_ref(task->image);
    if (w) {
        jobs_task_free(task);
        jobs_attach_locked(w, it);
        return XAI_OK;
    }
    w = jobs_work_new(j, task);
    if (!w) jobs_task_free(task);
    if (!w) XAI_NO_MEMORY(err);
    jobs_attach_locked(w, it);
    jobs_queue_add_locked(j, w);
    return XAI_OK;
}

static xai_status take_up(jobs *j, const store_job *record, xai_error *err)
{
    jobs_task *task = NULL;
    xai_error cause = {0};
    job *it = jobs_job_of_store(record);
    if (!it) XAI_NO_MEMORY(err);
    xai_status status = remake(j, record, &task, &cause);
    pthread_mutex_lock(&j->lock);
    jobs_table_add_locked(j, it);
    jobs_make_events_locked(it);
    j->counters.recovered++;
    if (status == XAI_OK) status = enqueue_locked(j, it, task, &cause);
    pthread_mutex_unlock(&j->lock);
    if (status != XAI_OK) jobs_fail_alone(j, it, &cause);
    pthread_mutex_lock(&j->lock);
    jobs_job_unref_locked(it);
    pthread_mutex_unlock(&j->lock);
    return XAI_OK;
}

xai_status jobs_recover(jobs *j, xai_error *err)
{
    found all = {0};
    xai_status status = j->store->table->unfinished(j->store, collect, &all, err);
    if (status == XAI_OK && all.broken) status = XAI_ERROR_SET(err, NO_MEMORY, "", "out of memory");
    for (size_t i = 0; i < all.count; i++) {
        if (status == XAI_OK) status = take_up(j, &all.list[i], err);
        store_job_clear(&all.list[i]);
    }
    free(all.list);
    return status;
}
