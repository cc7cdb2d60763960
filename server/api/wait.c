/*
 * Waiting for a job: how long, and what ties a sleeping request to its job.
 *
 * A request that waits holds no thread. When its client goes away, the job is given up, unless it was promised.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

/* ---------------------------------------------------------------- Prefer (RFC 7240) */

/* Whether a preference is among "a, b=1; x, c", and its value ("" without one). */
static bool preference(const char *header, const char *name, char *value, size_t size)
{
    size_t n = strlen(name);
    for (const char *p = header; p && *p; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " \t");
        if (strncasecmp(p, name, n) != 0 || !strchr("=,; \t", p[n])) continue;
        const char *v = p + n + strspn(p + n, " \t");
        v += *v == '=' ? 1 + strspn(v + 1, " \t\"") : 0;
        snprintf(value, size, "%.*s", (int)strcspn(v, ",; \t\""), v);
        return true;
    }
    return false;
}

api_wait api_wait_of(const api *a, const api_request *request, int64_t in_body)
{
    const char *prefer = api_request_header(request, "Prefer");
    char value[16], *end = value;
    api_wait wait = {.ms = in_body >= 0 ? in_body : a->config->wait_ms};
    if (preference(prefer, "respond-async", value, sizeof value)) wait = (api_wait){.ms = 0, .applied = true};
    if (preference(prefer, "wait", value, sizeof value)) {
        long seconds = strtol(value, &end, 10);
        if (end != value && *end == '\0' && seconds >= 0 && seconds <= 86400)
            wait = (api_wait){.ms = seconds * 1000, .applied = true};
    }
    if (wait.ms > a->config->wait_ms_max) wait.ms = a->config->wait_ms_max;
    return wait;
}

/* ---------------------------------------------------------------- sleeping */

typedef struct pending {
    api *a;
    api_request *request;
    api_on_outcome then;
    char id[STORE_ID_SIZE];
} pending;

static void on_gone(void *user)
{
    pending *p = user;
    jobs_abandon(p->a->jobs, p->id);
}

static void on_answer(void *user, jobs_outcome outcome, const jobs_view *view)
{
    pending *p = user;
    p->then(p->a, p->request, outcome, view);
    free(p);
}

static void give_up(pending *p, jobs_task *task, const xai_error *err)
{
    jobs_task_free(task);
    api_reply_error(p->request, err);
    free(p);
}

static int quota_of(const api *a, const api_request *request)
{
    const api_key *key = a->keys ? api_keys_find(a->keys, api_request_header(request, "Authorization")) : NULL;
    return key ? key->quota : 0;
}

void api_submit(api *a, api_request *request, jobs_task *task, api_wait wait, api_on_outcome then)
{
    xai_error err;
    pending *p = calloc(1, sizeof *p);
    if (!p) {
        XAI_ERROR_SET(&err, NO_MEMORY, "", "out of memory");
        jobs_task_free(task);
        api_reply_error(request, &err);
        return;
    }
    *p = (pending){.a = a, .request = request, .then = then};
    task->quota = quota_of(a, request);
    jobs_new_id(p->id);
    if (wait.ms > 0 && !api_on_gone(request, on_gone, p)) {
        XAI_ERROR_SET(&err, CANCELLED, "", "the client went away");
        give_up(p, task, &err);
        return;
    }
    if (jobs_submit(a->jobs, task, p->id, wait.ms, on_answer, p, &err) != XAI_OK) give_up(p, NULL, &err);
}

void api_reply_view_error(api_request *request, const jobs_view *view)
{
    xai_error err = view->error;
    if (err.status == XAI_OK) XAI_ERROR_SET(&err, INTERNAL, "", "the job ended without a result");
    api_reply_error(request, &err);
}
