/* Explanations: POST, GET, DELETE. */
#include <string.h>
#include <time.h>

#include "internal.h"
#include "json/doc.h"
#include "json/result.h"

/* ---------------------------------------------------------------- POST */

static json_t *status_json(const jobs_view *view)
{
    char created[32], href[96], events[96];
    time_t seconds = (time_t)(view->created_ms / 1000);
    struct tm t;
    gmtime_r(&seconds, &t);
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &t);
    snprintf(href, sizeof href, "/api/v1/explanations/%s", view->id);
    snprintf(events, sizeof events, "/api/v1/explanations/%s/events", view->id);
    json_t *json = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "schema", XAI_JSON_SCHEMA, "id", view->id, "status",
                             store_state_name(view->state), "created", created, "href", href, "events", events);
    if (view->state == STORE_RUNNING && view->progress.stage)
        json_object_set_new(json, "progress",
                            json_pack("{s:o, s:o, s:s, s:o, s:s}", "done", xai_json_real(view->progress.done), "total",
                                      xai_json_real(view->progress.total), "unit", "forwards", "eta_ms",
                                      xai_json_real(view->progress.eta_ms), "stage", view->progress.stage));
    return json;
}

static void reply_finished(api_request *request, const jobs_view *view)
{
    if (!view->text || (view->state != STORE_DONE && view->state != STORE_PARTIAL)) {
        api_reply_view_error(request, view);
        return;
    }
    api_response response;
    api_response_init(&response, 200);
    api_put_bytes(&response, "application/json", jobs_bytes_ref(view->text));
    api_response_header(&response, "X-Cache", "%s", view->cache);
    api_response_header(&response, "Content-Location", "/api/v1/explanations/%s", view->id);
    api_complete(request, &response);
}

static void reply_accepted(api_request *request, const jobs_view *view)
{
    api_response response;
    api_response_init(&response, 202);
    api_put_json(&response, "application/json", status_json(view));
    api_response_header(&response, "Location", "/api/v1/explanations/%s", view->id);
    api_response_header(&response, "X-Cache", "%s", view->cache);
    api_response_header(&response, "Retry-After", "1");
    const char *prefer = api_request_header(request, "Prefer");
    if (prefer && strstr(prefer, "respond-async"))
        api_response_header(&response, "Preference-Applied", "respond-async");
    api_complete(request, &response);
}

static void then_explanation(api *a, api_request *request, jobs_outcome outcome, const jobs_view *view)
{
    (void)a;
    if (outcome == JOBS_ACCEPTED) reply_accepted(request, view);
    else reply_finished(request, view);
}

static void post(api *a, api_request *request, jobs_kind kind, api_on_outcome then)
{
    json_t *json;
    jobs_bytes *image;
    jobs_task *task = NULL;
    xai_error err;
    if (!api_read_input(a, request, &json, &image)) return;
    xai_status status =
        jobs_task_explain(&a->engine, a->models, kind, json, image, request->client, &task, &err);
    jobs_bytes_unref(image);
    if (status == XAI_OK && jobs_bytes_size(task->image) > (size_t)a->config->max_image_bytes) {
        jobs_task_free(task);
        status = XAI_ERROR_SET(&err, TOO_LARGE, "/image/b64", "the image is larger than %lld bytes",
                               (long long)a->config->max_image_bytes);
    }
    if (status != XAI_OK) {
        api_reply_error(request, &err);
        return;
    }
    api_wait wait = api_wait_of(a, request, task->wait_ms);
    if (kind == JOBS_PREDICT) wait.ms = a->config->wait_ms_max > 0 ? a->config->wait_ms_max : 1000;
    api_submit(a, request, task, wait, then);
}

void api_post_explanation(api *a, api_request *request, const api_path *path)
{
    (void)path;
    post(a, request, JOBS_EXPLAIN, then_explanation);
}

/* ---------------------------------------------------------------- predictions */

static void then_prediction(api *a, api_request *request, jobs_outcome outcome, const jobs_view *view)
{
    (void)a;
    (void)outcome; /* predictions are not promised: they finish, or fail */
    if (!view->text) {
        api_reply_view_error(request, view);
        return;
    }
    api_response response;
    api_response_init(&response, 200);
    api_put_bytes(&response, "application/json", jobs_bytes_ref(view->text));
    api_response_header(&response, "X-Cache", "%s", view->cache);
    api_complete(request, &response);
}

void api_post_prediction(api *a, api_request *request, const api_path *path)
{
    (void)path;
    post(a, request, JOBS_PREDICT, then_prediction);
}

/* ---------------------------------------------------------------- GET, DELETE */

static bool is_id(const char *text)
{
    return strlen(text) == STORE_ID_SIZE - 1 && strspn(text, "0123456789abcdef") == STORE_ID_SIZE - 1;
}

bool api_find_job(api *a, api_request *request, const api_path *path, jobs_view *view)
{
    bool found = false;
    xai_error err;
    if (is_id(path->segment[0]) && jobs_get(a->jobs, path->segment[0], view, &found, &err) != XAI_OK) {
        api_reply_error(request, &err);
        return false;
    }
    bool own = found && (!a->keys || strcmp(view->owner, request->client) == 0);
    if (own && view->state != STORE_GONE) return true;
    if (own) api_reply_problem(request, WIRE_GONE, NULL);
    else api_reply_problem(request, WIRE_NOT_FOUND, "there is no such explanation");
    if (found) jobs_view_clear(view);
    return false;
}

void api_get_explanation(api *a, api_request *request, const api_path *path)
{
    jobs_view view;
    if (!api_find_job(a, request, path, &view)) return;
    if (view.text) {
        api_response response;
        api_response_init(&response, 200);
        api_put_bytes(&response, "application/json", jobs_bytes_ref(view.text));
        api_response_header(&response, "Cache-Control", "private, no-cache");
        api_complete(request, &response);
    } else {
        api_reply_json(request, 200, status_json(&view));
    }
    jobs_view_clear(&view);
}

void api_delete_explanation(api *a, api_request *request, const api_path *path)
{
    jobs_view view;
    xai_error err;
    if (!api_find_job(a, request, path, &view)) return;
    xai_status status = jobs_remove(a->jobs, view.id, &err);
    jobs_view_clear(&view);
    if (status != XAI_OK) {
        api_reply_error(request, &err);
        return;
    }
    api_response response;
    api_response_init(&response, 204);
    api_complete(request, &response);
}
