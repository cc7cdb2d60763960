/*
 * The workers: take work, decode its image, run the engine, hand the result to whoever wants it.
 *
 * A worker holds no lock while it works. Progress comes back on its own thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/token.h"
#include "internal.h"
#include "json/doc.h"
#include "json/result.h"

/* ---------------------------------------------------------------- progress */

typedef struct listener {
    jobs *j;
    work *w;
} listener;

static void note_progress(void *user, const xai_progress *p)
{
    listener *l = user;
    pthread_mutex_lock(&l->j->lock);
    for (job *it = l->w->jobs; it; it = it->next_in_work) {
        it->progress = *p;
        jobs_publish_locked(it, "progress",
                            "{\"done\":%.10g,\"total\":%.10g,\"unit\":\"forwards\",\"eta_ms\":%.0f,\"stage\":\"%s\"}",
                            p->done, p->total, p->eta_ms, p->stage ? p->stage : "");
    }
    pthread_mutex_unlock(&l->j->lock);
}

/* ---------------------------------------------------------------- claims */

static job *next_unclaimed(jobs *j, work *w)
{
    pthread_mutex_lock(&j->lock);
    job *it = w->jobs;
    while (it && (!it->durable || it->claimed)) it = it->next_in_work;
    if (it) it->refs++;
    pthread_mutex_unlock(&j->lock);
    return it;
}

static void give_up(jobs *j, job *it, int attempts)
{
    xai_error err;
    XAI_ERROR_SET(&err, INTERNAL, "", "the job was begun %d times, and each time the server ended in the middle of it",
                  attempts - 1);
    jobs_fail_alone(j, it, &err);
}

void jobs_claim(jobs *j, job *it)
{
    int attempts = 0;
    xai_error err;
    pthread_mutex_lock(&j->lock);
    bool needed = it->durable && !it->claimed;
    it->claimed = it->claimed || needed;
    pthread_mutex_unlock(&j->lock);
    if (!needed || j->store->table->claim(j->store, it->id, &attempts, &err) != XAI_OK) return;
    if (attempts > JOBS_MAX_DELIVERIES) give_up(j, it, attempts);
}

/* Durable jobs are claimed before they run. */
static void claim_all(jobs *j, work *w)
{
    for (job *it; (it = next_unclaimed(j, w)) != NULL;) {
        jobs_claim(j, it);
        pthread_mutex_lock(&j->lock);
        jobs_job_unref_locked(it);
        pthread_mutex_unlock(&j->lock);
    }
}

/* ---------------------------------------------------------------- running */

static void announce_locked(jobs *j, work *w)
{
    int64_t now = xai_clock_ns();
    for (job *it = w->jobs; it; it = it->next_in_work) {
        it->state = STORE_RUNNING;
        it->queue_ms = (double)(now - it->queued_ns) * 1e-6;
        j->counters.queue_seconds += it->queue_ms / 1000;
        jobs_publish_state_locked(it);
    }
}

static jobs_bytes *bytes_of_json(json_t *object)
{
    char *text = object ? xai_json_text_of(object, JSON_COMPACT) : NULL;
    jobs_bytes *bytes = text ? jobs_bytes_new(text, strlen(text)) : NULL;
    free(text);
    json_decref(object);
    return bytes;
}

static xai_status explain(jobs *j, work *w, const xai_image *image, jobs_bytes **body, timing *t, bool *partial,
                          xai_error *err)
{
    xai_request request = w->task->request;
    request.image = image;
    request.urgent = w->is_short;
    xai_result *result = NULL;
    XAI_TRY(j->engine.explain(&request, j->pool, w->token, &result, err));
    t->engine_ms = result->engine_ms;
    t->render_ms = result->render_ms;
    *partial = result->partial;
    xai_json_context context = {.image = image,
                                .model = j->engine.describe(request.model),
                                .seed = request.seed,
                                .href = w->task->kind == JOBS_EXPLAIN ? JOBS_HREF : NULL};
    *body = bytes_of_json(xai_json_result_body(result, &context));
    j->engine.result_free(result);
    if (!*body) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static json_t *probe_json(const xai_probe_value *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_pack("{s:s, s:o, s:o, s:I}", "id", values[i].id, "p",
                                               xai_json_real(values[i].p), "rel", xai_json_real(values[i].rel), "top1",
                                               (json_int_t)values[i].top1));
    return json_pack("{s:o}", "values", array);
}

static xai_status probe(jobs *j, work *w, const xai_image *image, jobs_bytes **body, timing *t, xai_error *err)
{
    xai_probe_request request = w->task->probe;
    request.image = image;
    xai_probe_value *values = calloc(request.mask_count + 1, sizeof *values);
    if (!values) XAI_NO_MEMORY(err);
    int64_t start = xai_clock_ns();
    xai_status status = j->engine.probe(&request, j->pool, w->token, values, err);
    t->engine_ms = (double)(xai_clock_ns() - start) * 1e-6;
    if (status == XAI_OK) *body = bytes_of_json(probe_json(values, request.mask_count));
    free(values);
    if (status == XAI_OK && !*body) XAI_NO_MEMORY(err);
    return status;
}

static json_t *side_json(const xai_quiz_pair *pair, int side)
{
    return json_pack("{s:s, s:o, s:o}", "id", pair->id[side], "p", xai_json_real(pair->p[side]), "heat",
                     xai_json_real(pair->heat[side]));
}

static json_t *quiz_json(const json_t *about, const xai_quiz_pair *pairs, size_t count)
{
    json_t *object = json_copy((json_t *)(uintptr_t)about);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_pack("{s:o, s:o, s:b}", "a", side_json(&pairs[i], 0), "b",
                                               side_json(&pairs[i], 1), "misleading", (int)pairs[i].misleading));
    json_object_set_new(object, "pairs", array);
    return object;
}

static xai_status quiz(jobs *j, work *w, const xai_image *image, jobs_bytes **body, timing *t, xai_error *err)
{
    xai_quiz_request request = w->task->quiz;
    xai_quiz_pair pairs[XAI_QUIZ_MAX_PAIRS];
    size_t found = 0;
    request.image = image;
    int64_t start = xai_clock_ns();
    XAI_TRY(j->engine.quiz(&request, j->pool, w->token, pairs, &found, err));
    t->engine_ms = (double)(xai_clock_ns() - start) * 1e-6;
    *body = bytes_of_json(quiz_json(json_object_get(w->task->json, "about"), pairs, found));
    if (!*body) XAI_NO_MEMORY(err);
    return XAI_OK;
}

static xai_status decode(jobs *j, work *w, xai_image **image, timing *t, xai_error *err)
{
    jobs_task *task = w->task;
    int64_t start = xai_clock_ns();
    xai_status status = j->engine.decode(j->engine.decoder, jobs_bytes_data(task->image), jobs_bytes_size(task->image),
                                         w->token, image, err);
    t->decode_ms = (double)(xai_clock_ns() - start) * 1e-6;
    if (status == XAI_OK && (*image)->sha256[0] == '\0')
        memcpy((*image)->sha256, task->sha256, sizeof(*image)->sha256);
    return status;
}

static xai_status decode_mask(jobs *j, const work *w, const jobs_mask *mask, int64_t *runs, xai_error *err)
{
    xai_image *picture = NULL;
    xai_target *target = &w->task->targets[mask->target];
    XAI_TRY(j->engine.decode(j->engine.decoder, mask->bytes, mask->size, w->token, &picture, err));
    target->mask_rows = picture->height;
    target->mask_cols = picture->width;
    xai_status status = xai_mask_of_image(picture, runs, &target->mask_run_count, err);
    xai_image_free(picture);
    XAI_TRY(status);
    int64_t *kept = XAI_NEW(w->task->arena, int64_t, target->mask_run_count);
    XAI_CHECK(kept, err, TOO_LARGE, "", "the masks have too many runs together");
    target->mask_runs = memcpy(kept, runs, target->mask_run_count * sizeof *runs);
    return XAI_OK;
}

static xai_status decode_masks(jobs *j, const work *w, xai_error *err)
{
    if (!w->task->mask_count) return XAI_OK;
    int64_t *runs = calloc(XAI_MAX_MASK_RUNS, sizeof *runs);
    if (!runs) XAI_NO_MEMORY(err);
    xai_status status = XAI_OK;
    for (size_t i = 0; i < w->task->mask_count && status == XAI_OK; i++)
        status = decode_mask(j, w, &w->task->masks[i], runs, err);
    free(runs);
    return status;
}

static void run_work(jobs *j, work *w)
{
    xai_error err = {0};
    xai_image *image = NULL;
    jobs_bytes *body = NULL;
    timing t = {0};
    bool partial = false;
    claim_all(j, w);
    xai_status status = xai_token_check(w->token, &err);
    if (status == XAI_OK) status = decode(j, w, &image, &t, &err);
    if (status == XAI_OK) status = decode_masks(j, w, &err);
    if (status == XAI_OK && w->task->kind == JOBS_PROBE) status = probe(j, w, image, &body, &t, &err);
    else if (status == XAI_OK && w->task->kind == JOBS_QUIZ) status = quiz(j, w, image, &body, &t, &err);
    else if (status == XAI_OK) status = explain(j, w, image, &body, &t, &partial, &err);
    xai_image_free(image);
    err.where[0] = '\0'; /* a layer or a file of ours, and no pointer into the request */
    jobs_end_work(j, w, status, body, &t, partial, &err);
    jobs_bytes_unref(body);
}

static work *next_work_locked(jobs *j)
{
    for (;;) {
        work *w = jobs_queue_take_locked(j);
        if (w) return w;
        if (j->stopping) return NULL;
        pthread_cond_wait(&j->work_came, &j->lock);
    }
}

void *jobs_worker_main(void *argument)
{
    jobs *j = argument;
    listener l = {.j = j};
    pthread_mutex_lock(&j->lock);
    while ((l.w = next_work_locked(j)) != NULL) {
        l.w->token = xai_token_new(j->config.job_timeout_ms, note_progress, &l);
        announce_locked(j, l.w);
        bool cancelled = l.w->cancelled || (j->requeue && !jobs_is_awaited_locked(l.w));
        if (cancelled && l.w->token) xai_token_cancel(l.w->token);
        pthread_mutex_unlock(&j->lock);
        run_work(j, l.w);
        if (j->engine.rest) j->engine.rest(j->engine.decoder);
        pthread_mutex_lock(&j->lock);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}
