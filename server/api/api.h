/*
 * api: the resources of the service, as functions from a request to a response. No sockets here (server/http), and no
 * computing (server/jobs): a handler reads, checks, submits, and answers.
 *
 * Threads: api_handle may run on many threads at once; everything here is read-only after api_new but for counters.
 */
#ifndef EXPLAIND_API_H
#define EXPLAIND_API_H

#include "conf/conf.h"
#include "jobs/jobs.h"
#include "message.h"

typedef struct api api;

/* All arguments outlive the api. Errors: BAD_CONFIG (key file). `j` may be given later, before the first request. */
xai_status api_new(const conf *config, const jobs_engine *engine, const models *all, api **out, xai_error *err);
void api_set_jobs(api *a, jobs *j);
void api_free(api *a);

/* Answers with api_complete, now or later. */
void api_handle(api *a, api_request *request);

/* Whether api_handle ends at once. */
bool api_is_quick(const api_request *request);

/* A request was finished with this status, for the counters. */
void api_count(api *a, int status, double ms);

/* Readiness says no from here on. */
void api_set_stopping(api *a);

/* The OpenAPI document of this program; a new reference. */
json_t *api_openapi(const jobs_engine *engine);

#endif
