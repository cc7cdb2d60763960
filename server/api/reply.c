/* Answers: JSON, bytes, problems. No state. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "json/result.h"

static const char NO_MEMORY[] = "{\"type\":\"urn:explaind:problem:no-memory\",\"title\":\"There is not enough memory\","
                                "\"status\":503,\"code\":\"no-memory\"}";

bool api_put_json(api_response *response, const char *type, json_t *value)
{
    char *text = value ? xai_json_text_of(value, JSON_COMPACT) : NULL;
    json_decref(value);
    if (text) {
        api_response_take(response, type, text, strlen(text));
        return true;
    }
    response->status = 503;
    response->type = WIRE_PROBLEM_TYPE;
    response->body = NO_MEMORY;
    response->size = sizeof NO_MEMORY - 1;
    return false;
}

static void release_bytes(void *bytes) { jobs_bytes_unref(bytes); }

void api_put_bytes(api_response *response, const char *type, jobs_bytes *bytes)
{
    response->type = type;
    response->body = jobs_bytes_data(bytes);
    response->size = jobs_bytes_size(bytes);
    response->release = release_bytes;
    response->owner = bytes;
}

void api_reply_json(api_request *request, int status, json_t *value)
{
    api_response response;
    api_response_init(&response, status);
    api_put_json(&response, "application/json", value);
    api_complete(request, &response);
}

void api_reply_bytes(api_request *request, int status, const char *type, jobs_bytes *bytes)
{
    api_response response;
    api_response_init(&response, status);
    api_put_bytes(&response, type, bytes);
    api_complete(request, &response);
}

static void reply_problem_json(api_request *request, int status, json_t *problem)
{
    api_response response;
    api_response_init(&response, status);
    api_put_json(&response, WIRE_PROBLEM_TYPE, problem);
    if (status == 503 || status == 429) api_response_header(&response, "Retry-After", "%d", 1);
    if (status == 401) api_response_header(&response, "WWW-Authenticate", "Bearer realm=\"explaind\"");
    api_complete(request, &response);
}

void api_reply_problem(api_request *request, wire_problem_id id, const char *detail)
{
    reply_problem_json(request, wire_problem_status(id), wire_problem(id, request->id, detail));
}

void api_reply_error(api_request *request, const xai_error *err)
{
    reply_problem_json(request, wire_status_of(err->status), wire_problem_of_error(err, request->id));
}
