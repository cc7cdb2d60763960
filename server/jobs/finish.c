/*
 * How a job ends: its document, its answer, its place in the store.
 *
 * A body is cached without the id; the document of each job has its own head, and the id where the placeholder was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/token.h"
#include "internal.h"
#include "json/result.h"
#include "wire/problem.h"

/* ---------------------------------------------------------------- documents */

static void utc(int64_t ms, char out[32])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;
    gmtime_r(&seconds, &t);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &t);
}

static char *head_of(const job *it, const timing *t)
{
    char created[32];
    utc(it->created_ms, created);
    bool listed = it->kind == JOBS_EXPLAIN;
    xai_json_head head = {.id = listed ? it->id : NULL,
                          .created = listed ? created : NULL,
                          .status = store_state_name(it->state),
                          .cache = it->cache,
                          .queue_ms = it->queue_ms,
                          .decode_ms = t->decode_ms,
                          .engine_ms = t->engine_ms,
                          .render_ms = t->render_ms};
    json_t *object = xai_json_result_head(&head);
    char *text = object ? xai_json_text_of(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

static void write_ids(char *text, size_t size, const char *id)
{
    static const char MARK[] = "/api/v1/explanations/" JOBS_ID_PLACEHOLDER;
    size_t offset = sizeof MARK - sizeof JOBS_ID_PLACEHOLDER;
    char *end = text + size;
    for (char *at = text; (at = memmem(at, (size_t)(end - at), MARK, sizeof MARK - 1)) != NULL; at += sizeof MARK - 1)
        memcpy(at + offset, id, STORE_ID_SIZE - 1);
}

/* {head} and {body} as {head, body}. */
jobs_bytes *jobs_document(const job *it, jobs_bytes *body, const timing *t)
{
    char *head = head_of(it, t);
    if (!head) return NULL;
    size_t n = strlen(head), size = jobs_bytes_size(body);
    jobs_bytes *document = jobs_bytes_new(NULL, n + size - 1);
    if (document) {
        char *out = (char *)jobs_bytes_data(document);
        memcpy(out, head, n - 1);
        out[n - 1] = ',';
        memcpy(out + n, jobs_bytes_data(body) + 1, size - 1);
        write_ids(out, n + size - 1, it->id);
    }
    free(head);
    return document;
}

/* What is left of a failure, for whoever asks later. */
static jobs_bytes *failure_document(const job *it)
{
    char created[32];
    utc(it->created_ms, created);
    json_t *object = json_pack("{s:i, s:s, s:s, s:s, s:o}", "schema", XAI_JSON_SCHEMA, "id", it->id, "status",
                               store_state_name(it->state), "created", created, "error",
                               wire_problem_of_error(&it->error, NULL));
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    jobs_bytes *document = text ? jobs_bytes_new(text, strlen(text)) : NULL;
    free(text);
    json_decref(object);
    return document;
}

/* ---------------------------------------------------------------- answers */

void jobs_answer_locked(job *it, jobs_outcome outcome, delivery **list)
{
    if (!it->answer) return;
    delivery *d = calloc(1, sizeof *d);
    if (!d) { /* the answer must be given, even so: on the spot, and without the document */
        jobs_view view = {.state = STORE_FAILED};
        XAI_ERROR_SET(&view.error, NO_MEMORY, "", "out of memory");
        it->answer(it->user, JOBS_FINISHED, &view);
    } else {
        *d = (delivery){.answer = it->answer, .user = it->user, .outcome = outcome, .next = *list};
        jobs_view_locked(it, &d->view);
        *list = d;
    }
    it->answer = NULL;
}

void jobs_deliver(delivery *list)
{
    while (list) {
        delivery *next = list->next;
        list->answer(list->user, list->outcome, &list->view);
        jobs_view_clear(&list->view);
        free(list);
        list = next;
    }
}

/* ---------------------------------------------------------------- ends */

static void settle_locked(jobs *j, job *it, store_state state, delivery **list)
{
    it->state = state;
    it->expires_ms = jobs_now_ms() + j->config.retention_ms;
    j->counters.finished[state]++;
    jobs_publish_state_locked(it);
    jobs_answer_locked(it, JOBS_FINISHED, list);
}

void jobs_cancel_locked(jobs *j, job *it, xai_status why, const char *message, delivery **list)
{
    if (store_state_is_final(it->state)) return;
    it->refs++;
    jobs_detach_locked(j, it);
    xai_error_set(&it->error, why, __FILE__, __LINE__, "", "%s", message);
    settle_locked(j, it, STORE_CANCELLED, list);
    if (it->kind != JOBS_EXPLAIN) jobs_table_drop_locked(j, it);
    else if (!it->durable && !it->persisting) jobs_bury_locked(j, it);
    jobs_job_unref_locked(it);
}

static void fail_locked(jobs *j, job *it, const xai_error *err, delivery **list)
{
    it->state = STORE_FAILED;
    it->error = *err;
    it->text = it->kind == JOBS_EXPLAIN ? failure_document(it) : NULL;
    settle_locked(j, it, STORE_FAILED, list);
}

static void succeed_locked(jobs *j, job *it, jobs_bytes *body, const timing *t, bool partial, delivery **list)
{
    it->state = partial ? STORE_PARTIAL : STORE_DONE;
    it->text = jobs_document(it, body, t);
    if (it->text) {
        settle_locked(j, it, it->state, list);
        return;
    }
    xai_error err;
    XAI_ERROR_SET(&err, NO_MEMORY, "", "out of memory");
    fail_locked(j, it, &err, list);
}

/* Where a finished job goes: back to the store, into memory, or nowhere. True: the store must be told. */
static bool store_away_locked(jobs *j, job *it)
{
    if (it->durable) {
        it->unsaved = true;
        it->refs++;
        return true;
    }
    if (it->persisting) return false; /* whoever gives it to the store will see that it ended */
    bool useful = it->kind == JOBS_EXPLAIN && it->text && it->state != STORE_FAILED;
    if (useful) jobs_keep_recent_locked(j, it);
    else jobs_table_drop_locked(j, it); /* nobody knows its id */
    return false;
}

void jobs_save_end(jobs *j, job *it)
{
    xai_error err;
    pthread_mutex_lock(&j->lock);
    jobs_bytes *text = jobs_bytes_ref(it->text);
    store_state state = it->state;
    int64_t expires_ms = it->expires_ms;
    pthread_mutex_unlock(&j->lock);
    xai_status status = XAI_OK;
    if (state != STORE_GONE)
        status = j->store->table->finish(j->store, it->id, state, expires_ms, text ? jobs_bytes_data(text) : NULL,
                                         text ? jobs_bytes_size(text) : 0, &err);
    jobs_bytes_unref(text);
    pthread_mutex_lock(&j->lock);
    if (status == XAI_OK && it->unsaved) {
        it->unsaved = false;
        jobs_table_drop_locked(j, it); /* from here on the store answers for it */
    }
    jobs_job_unref_locked(it);
    pthread_mutex_unlock(&j->lock);
}

void jobs_hit_locked(jobs *j, job *it, jobs_bytes *body, delivery **list)
{
    static const timing NO_TIME = {0};
    it->cache = "hit";
    succeed_locked(j, it, body, &NO_TIME, false, list);
    store_away_locked(j, it);
}

void jobs_fail_alone(jobs *j, job *it, const xai_error *err)
{
    delivery *list = NULL;
    pthread_mutex_lock(&j->lock);
    jobs_detach_locked(j, it);
    bool open = !store_state_is_final(it->state), save = false;
    if (open) fail_locked(j, it, err, &list);
    if (open) save = store_away_locked(j, it);
    pthread_mutex_unlock(&j->lock);
    jobs_deliver(list);
    if (save) jobs_save_end(j, it);
}

/* Puts a job of a stopping server back: the next process runs it. */
static void requeue_locked(job *it, job **released)
{
    it->state = STORE_QUEUED;
    it->refs++;
    it->next_in_work = *released;
    *released = it;
}

static void end_job_locked(jobs *j, job *it, xai_status status, jobs_bytes *body, const timing *t, bool partial,
                           const xai_error *err, delivery **list, job **saved, job **released)
{
    bool put_back = j->requeue && status == XAI_E_CANCELLED && it->durable;
    if (put_back) {
        requeue_locked(it, released);
        return;
    }
    if (status == XAI_OK) succeed_locked(j, it, body, t, partial, list);
    else fail_locked(j, it, err, list);
    if (!store_away_locked(j, it)) return;
    it->next_in_work = *saved;
    *saved = it;
}

static job *next_of(job **list)
{
    job *it = *list;
    *list = it->next_in_work;
    it->next_in_work = NULL;
    return it;
}

void jobs_end_work(jobs *j, work *w, xai_status status, jobs_bytes *body, const timing *t, bool partial,
                   const xai_error *err)
{
    delivery *list = NULL;
    job *saved = NULL, *released = NULL;
    pthread_mutex_lock(&j->lock);
    if (status == XAI_OK && !partial) jobs_cache_put(j->cache, w->task->key, body);
    while (w->jobs) {
        job *it = next_of(&w->jobs);
        it->work = NULL;
        end_job_locked(j, it, status, body, t, partial, err, &list, &saved, &released);
        jobs_job_unref_locked(it);
    }
    j->counters.engine_seconds += t->engine_ms / 1000;
    j->running--;
    j->running_long -= !w->is_short;
    jobs_work_free_locked(j, w);
    pthread_cond_broadcast(&j->work_came); /* a place for long work may be free */
    pthread_cond_broadcast(&j->work_ended);
    pthread_mutex_unlock(&j->lock);
    jobs_deliver(list);
    while (saved) jobs_save_end(j, next_of(&saved));
    while (released) {
        job *it = next_of(&released);
        xai_error ignored; /* if it fails, the job is merely counted as delivered once more */
        j->store->table->release(j->store, it->id, &ignored);
        pthread_mutex_lock(&j->lock);
        jobs_job_unref_locked(it);
        pthread_mutex_unlock(&j->lock);
    }
}

/* ---------------------------------------------------------------- into the store */

/* A job as the store wants it; copies, since the work may end while the store writes. */
static bool snapshot_locked(const jobs *j, const job *it, store_job *out)
{
    *out = (store_job){.state = it->work->running ? STORE_RUNNING : STORE_QUEUED,
                       .attempts = it->work->running ? 1 : 0,
                       .created_ms = it->created_ms,
                       .expires_ms = it->created_ms + j->config.retention_ms};
    memcpy(out->id, it->id, sizeof out->id);
    memcpy(out->owner, it->owner, sizeof out->owner);
    memcpy(out->image, it->work->task->sha256, sizeof out->image);
    out->request = strdup(it->work->task->text);
    return out->request != NULL;
}

/* The job ended, went, or began to run while it was being written: the store catches up. */
static void catch_up(jobs *j, job *it, bool was_running)
{
    xai_error err;
    pthread_mutex_lock(&j->lock);
    it->claimed = was_running;
    bool went = it->state == STORE_GONE || it->state == STORE_CANCELLED;
    bool ended = store_state_is_final(it->state) && !went, began = it->work && it->work->running;
    if (ended) it->unsaved = true;
    if (ended) it->refs++;
    if (went) jobs_bury_locked(j, it);
    pthread_mutex_unlock(&j->lock);
    if (went) j->store->table->remove(j->store, it->id, &err);
    else if (ended) jobs_save_end(j, it);
    else if (began) jobs_claim(j, it);
}

/* The job, which the caller holds, becomes durable. Does nothing if it is already, or has ended. */
xai_status jobs_persist(jobs *j, job *it, xai_error *err)
{
    store_job record;
    pthread_mutex_lock(&j->lock);
    bool needed = !it->durable && !it->persisting && it->work;
    bool ok = !needed || snapshot_locked(j, it, &record);
    jobs_bytes *image = needed && ok ? jobs_bytes_ref(it->work->task->image) : NULL;
    it->persisting = image != NULL;
    pthread_mutex_unlock(&j->lock);
    if (!ok) XAI_NO_MEMORY(err);
    if (!image) return XAI_OK;
    xai_status status =
        j->store->table->add(j->store, &record, jobs_bytes_data(image), jobs_bytes_size(image), err);
    pthread_mutex_lock(&j->lock);
    it->persisting = false;
    it->durable = status == XAI_OK;
    if (it->durable) jobs_make_events_locked(it);
    pthread_mutex_unlock(&j->lock);
    if (status == XAI_OK) catch_up(j, it, record.state == STORE_RUNNING);
    store_job_clear(&record);
    jobs_bytes_unref(image);
    return status;
}
