/* What the files of this folder share. */
#ifndef EXPLAIND_API_INTERNAL_H
#define EXPLAIND_API_INTERNAL_H

#include <stdatomic.h>

#include "api.h"
#include "keys.h"
#include "wire/problem.h"

enum { API_MAX_SEGMENTS = 2, API_STATUS_CLASSES = 6 };

struct api {
    const conf *config;
    jobs_engine engine;
    const models *models;
    jobs *jobs;
    api_keys *keys; /* NULL: everybody may */
    atomic_bool stopping;
    atomic_ullong answered[API_STATUS_CLASSES], micros;
};

/* What the {segments} of the path matched. */
typedef struct api_path {
    char segment[API_MAX_SEGMENTS][128];
} api_path;

/* reply.c: each completes the request. */
void api_reply_json(api_request *request, int status, json_t *value); /* takes `value` over; NULL: out of memory */
void api_reply_bytes(api_request *request, int status, const char *type, jobs_bytes *bytes); /* takes it over */
void api_reply_problem(api_request *request, wire_problem_id id, const char *detail);
void api_reply_error(api_request *request, const xai_error *err);

/* The same without completing. `type` is static. */
bool api_put_json(api_response *response, const char *type, json_t *value);
void api_put_bytes(api_response *response, const char *type, jobs_bytes *bytes);

/* input.c: the image and the JSON of a request, in any of its three forms. False: it has been answered. */
bool api_read_input(api *a, api_request *request, json_t **json, jobs_bytes **image);
bool api_read_json(api *a, api_request *request, json_t **json);

/* wait.c */
typedef struct api_wait {
    int64_t ms;
    bool applied; /* a preference decided it */
} api_wait;
api_wait api_wait_of(const api *a, const api_request *request, int64_t in_body);
typedef void (*api_on_outcome)(api *a, api_request *request, jobs_outcome outcome, const jobs_view *view);
void api_submit(api *a, api_request *request, jobs_task *task, api_wait wait, api_on_outcome then);
void api_reply_view_error(api_request *request, const jobs_view *view);

/* explanations.c: the job that the path names; false: it has been answered (404, 410, 5xx). The caller clears *view. */
bool api_find_job(api *a, api_request *request, const api_path *path, jobs_view *view);

/* sag.c: the SAG among the results of a finished explanation, the `wanted`th result or (NULL) the first; NULL if there is
 * none. Its graph document, and how many regions that has; 0 if it cannot be read. The masks are lower-case hex. */
const json_t *api_find_sag(const json_t *root, const char *wanted);
const json_t *api_sag_graph(const json_t *sag);
size_t api_sag_regions(const json_t *sag);
json_t *api_mask_patches(const char *mask); /* a new array, ascending */

/* Handlers, one a line of routes.def. */
#define API_ROUTE(handler, method, path_, access, summary) \
    void api_##handler(api *a, api_request *request, const api_path *path);
#include "routes.def"
#undef API_ROUTE

#endif
