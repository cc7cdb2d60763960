/*
 * The table of jobs by id, what is remembered of finished ones, and what a job tells its listeners.
 *
 * Finished jobs that the store does not have stay in memory, oldest out first; of those that went, the id stays for a
 * while, so that their address answers 410 and not 404.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "internal.h"

int64_t jobs_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void jobs_new_id(char id[STORE_ID_SIZE])
{
    unsigned char bytes[16];
    ssize_t got = getrandom(bytes, sizeof bytes, 0); /* at most 256 bytes are never cut short */
    assert(got == sizeof bytes);
    (void)got;
    for (int i = 0; i < 16; i++) snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

/* ---------------------------------------------------------------- jobs */

job *jobs_job_new(const char *id, jobs_kind kind, const char *owner)
{
    job *it = calloc(1, sizeof *it);
    if (!it) return NULL;
    snprintf(it->id, sizeof it->id, "%s", id);
    snprintf(it->owner, sizeof it->owner, "%s", owner);
    it->kind = kind;
    it->refs = 1;
    it->cache = "miss";
    it->created_ms = jobs_now_ms();
    return it;
}

job *jobs_job_of_store(const store_job *record)
{
    job *it = jobs_job_new(record->id, JOBS_EXPLAIN, record->owner);
    if (!it) return NULL;
    it->state = record->state == STORE_RUNNING ? STORE_QUEUED : record->state;
    it->created_ms = record->created_ms;
    it->expires_ms = record->expires_ms;
    it->durable = true;
    return it;
}

void jobs_job_unref_locked(job *it)
{
    if (--it->refs > 0) return;
    assert(!it->answer && !it->work && !it->subscriptions);
    jobs_bytes_unref(it->text);
    jobs_bytes_unref(it->image);
    free(it->events);
    free(it);
}

/* ---------------------------------------------------------------- table */

static size_t bucket_of(const char *id)
{
    unsigned value = 0;
    for (int i = 0; i < 3 && id[i]; i++) {
        unsigned char c = (unsigned char)id[i];
        value = value << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10) % 16;
    }
    return value % TABLE_SIZE;
}

void jobs_table_add_locked(jobs *j, job *it)
{
    job **bucket = &j->table[bucket_of(it->id)];
    it->chain = *bucket;
    *bucket = it;
    it->refs++;
}

job *jobs_table_find_locked(const jobs *j, const char *id)
{
    job *it = j->table[bucket_of(id)];
    while (it && strcmp(it->id, id) != 0) it = it->chain;
    return it;
}

void jobs_table_drop_locked(jobs *j, job *it)
{
    job **at = &j->table[bucket_of(it->id)];
    while (*at && *at != it) at = &(*at)->chain;
    if (!*at) return;
    *at = it->chain;
    jobs_job_unref_locked(it);
}

/* ---------------------------------------------------------------- recent and gone */

static size_t bytes_of(const job *it)
{
    return (it->text ? jobs_bytes_size(it->text) : 0) + (it->image ? jobs_bytes_size(it->image) : 0);
}

void jobs_list_add_locked(job_list *list, job *it)
{
    it->older = list->newest;
    it->newer = NULL;
    if (list->newest) list->newest->newer = it;
    else list->oldest = it;
    list->newest = it;
    list->count++;
    list->bytes += bytes_of(it);
}

void jobs_list_drop_locked(job_list *list, job *it)
{
    if (!it->older && list->oldest != it) return; /* not on it */
    if (it->older) it->older->newer = it->newer;
    else list->oldest = it->newer;
    if (it->newer) it->newer->older = it->older;
    else list->newest = it->older;
    it->older = it->newer = NULL;
    list->count--;
    list->bytes -= bytes_of(it);
}

void jobs_bury_locked(jobs *j, job *it)
{
    if (it->state == STORE_GONE) return;
    jobs_list_drop_locked(&j->recent, it);
    jobs_bytes_unref(it->text);
    jobs_bytes_unref(it->image);
    it->text = it->image = NULL;
    it->state = STORE_GONE;
    it->expires_ms = jobs_now_ms();
    jobs_list_add_locked(&j->gone, it);
    while (j->gone.count > MAX_TOMBSTONES) {
        job *oldest = j->gone.oldest;
        jobs_list_drop_locked(&j->gone, oldest);
        jobs_table_drop_locked(j, oldest);
    }
}

void jobs_keep_recent_locked(jobs *j, job *it)
{
    jobs_list_add_locked(&j->recent, it);
    while (j->recent.bytes > j->config.recent_bytes && j->recent.oldest != it) jobs_bury_locked(j, j->recent.oldest);
}

/* ---------------------------------------------------------------- telling */

void jobs_view_clear(jobs_view *view)
{
    jobs_bytes_unref(view->text);
    view->text = NULL;
}

void jobs_view_locked(const job *it, jobs_view *view)
{
    *view = (jobs_view){.state = it->state,
                        .created_ms = it->created_ms,
                        .cache = it->cache,
                        .progress = it->progress,
                        .text = jobs_bytes_ref(it->text),
                        .error = it->error};
    memcpy(view->id, it->id, sizeof view->id);
    memcpy(view->owner, it->owner, sizeof view->owner);
}

static void wake_all(job *it)
{
    for (jobs_subscription *s = it->subscriptions; s; s = s->next) s->wake(s->user);
}

void jobs_publish_locked(job *it, const char *name, const char *format, ...)
{
    if (!it->events) return;
    char data[JOBS_EVENT_DATA];
    va_list args;
    va_start(args, format);
    vsnprintf(data, sizeof data, format, args);
    va_end(args);
    jobs_events_add(it->events, name, "%s", data);
    wake_all(it);
}

void jobs_publish_state_locked(job *it)
{
    static const char *const NAMES[] = {"queued", "started", "done", "partial", "failed", "cancelled", "cancelled"};
    if (it->state == STORE_FAILED)
        jobs_publish_locked(it, "failed", "{\"status\":\"failed\",\"code\":\"%s\"}", xai_status_id(it->error.status));
    else
        jobs_publish_locked(it, NAMES[it->state], "{\"status\":\"%s\"}",
                            it->state == STORE_GONE ? "cancelled" : store_state_name(it->state));
}

bool jobs_make_events_locked(job *it)
{
    if (!it->events) {
        it->events = calloc(1, sizeof *it->events);
        if (!it->events) return false;
        jobs_publish_state_locked(it);
    }
    return true;
}
