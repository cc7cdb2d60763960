/*
 * Router: from method and path to a handler, behind the key.
 *
 * The list is short enough to be walked. A path that is known under other methods answers 405 and says which.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

typedef enum access { OPEN, KEY } access;

typedef struct route {
    const char *method, *path;
    access access;
    void (*handle)(api *a, api_request *request, const api_path *path);
} route;

static const route ROUTES[] = {
#define API_ROUTE(handler, method, path, access, summary) {method, path, access, api_##handler},
#include "routes.def"
#undef API_ROUTE
};

enum { ROUTE_COUNT = sizeof ROUTES / sizeof ROUTES[0] };

/* Whether the path is of the pattern; what {segments} match goes to *out. */
static bool matches(const char *pattern, const char *path, api_path *out)
{
    size_t index = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern++ != *path++) return false;
            continue;
        }
        size_t n = strcspn(path, "/");
        if (n == 0 || n >= sizeof out->segment[0] || index == API_MAX_SEGMENTS) return false;
        memcpy(out->segment[index], path, n);
        out->segment[index++][n] = '\0';
        path += n;
        pattern += strcspn(pattern, "}") + 1;
    }
    return *path == '\0';
}

static const route *find(const api_request *request, api_path *path, char *allow, size_t size)
{
    size_t used = 0;
    allow[0] = '\0';
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!matches(ROUTES[i].path, request->path, path)) continue;
        if (strcmp(ROUTES[i].method, request->method) == 0) return &ROUTES[i];
        bool get = strcmp(ROUTES[i].method, "GET") == 0;
        if (used < size)
            used += (size_t)snprintf(allow + used, size - used, "%s%s%s", used ? ", " : "", ROUTES[i].method,
                                     get ? ", HEAD" : "");
    }
    return NULL;
}

static void refuse(api_request *request, const char *allow)
{
    if (!allow[0]) {
        api_reply_problem(request, WIRE_NOT_FOUND, "there is no such resource; GET /api/v1/openapi.json lists them");
        return;
    }
    api_response response;
    api_response_init(&response, 405);
    api_put_json(&response, WIRE_PROBLEM_TYPE, wire_problem(WIRE_METHOD_NOT_ALLOWED, request->id, NULL));
    api_response_header(&response, "Allow", "%s", allow);
    api_complete(request, &response);
}

static bool admit(api *a, api_request *request, const route *r)
{
    if (!a->keys) return true;
    const api_key *key = api_keys_find(a->keys, api_request_header(request, "Authorization"));
    if (key) snprintf(request->client, sizeof request->client, "%s", key->name);
    if (key || r->access == OPEN) return true;
    api_reply_problem(request, WIRE_UNAUTHORIZED, "send a key as Authorization: Bearer KEY");
    return false;
}

void api_handle(api *a, api_request *request)
{
    api_path path = {0};
    char allow[64];
    const route *r = find(request, &path, allow, sizeof allow);
    if (!r) refuse(request, allow);
    else if (admit(a, request, r)) r->handle(a, request, &path);
}

bool api_is_quick(const api_request *request)
{
    return strcmp(request->path, "/healthz") == 0 || strcmp(request->path, "/readyz") == 0;
}

/* ---------------------------------------------------------------- the whole */

xai_status api_new(const conf *config, const jobs_engine *engine, const models *all, api **out, xai_error *err)
{
    api *a = calloc(1, sizeof *a);
    if (!a) XAI_NO_MEMORY(err);
    a->config = config;
    a->engine = *engine;
    a->models = all;
    xai_status status = XAI_OK;
    if (config->keys_file[0]) status = api_keys_read(config->keys_file, (int)config->key_quota, &a->keys, err);
    if (status == XAI_OK) *out = a;
    else api_free(a);
    return status;
}

void api_set_jobs(api *a, jobs *j) { a->jobs = j; }

void api_free(api *a)
{
    if (!a) return;
    api_keys_free(a->keys);
    free(a);
}

void api_set_stopping(api *a) { atomic_store(&a->stopping, true); }

void api_count(api *a, int status, double ms)
{
    int class = status / 100;
    if (class < 0 || class >= API_STATUS_CLASSES) class = 0;
    atomic_fetch_add(&a->answered[class], 1);
    atomic_fetch_add(&a->micros, (unsigned long long)(ms * 1000));
}
