/*
 * Message: look-ups in a request, the making of a response, and the way to the transport.
 *
 * Plain data, no locks: a request belongs to its handler until api_complete.
 */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *api_request_query(const api_request *request, const char *name)
{
    for (size_t i = 0; i < request->query_count; i++)
        if (strcmp(request->query[i].name, name) == 0) return request->query[i].value;
    return NULL;
}

const char *api_request_header(const api_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0) return request->headers[i].value;
    return NULL;
}

const api_part *api_request_part(const api_request *request, const char *name)
{
    for (size_t i = 0; i < request->part_count; i++)
        if (strcmp(request->parts[i].name, name) == 0) return &request->parts[i];
    return NULL;
}

void api_response_init(api_response *response, int status)
{
    memset(response, 0, sizeof *response);
    response->status = status;
}

void api_response_take(api_response *response, const char *type, char *body, size_t size)
{
    response->type = type;
    response->body = body;
    response->size = size;
    response->release = free;
    response->owner = body;
}

static bool has_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if ((*c < 0x20 && *c != '\t') || *c == 0x7f) return true;
    return false;
}

bool api_response_header(api_response *response, const char *name, const char *format, ...)
{
    if (response->header_count == API_MAX_HEADERS) return false;
    struct api_response_header *header = &response->headers[response->header_count];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(header->value, sizeof header->value, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof header->value || has_control(header->value)) return false;
    header->name = name;
    response->header_count++;
    return true;
}

void api_response_clear(api_response *response)
{
    if (response->release) response->release(response->owner);
    if (response->events.close) response->events.close(response->events.user);
    api_response_init(response, 0);
}

void api_complete(api_request *request, api_response *response) { request->transport->complete(request, response); }

bool api_on_gone(api_request *request, void (*gone)(void *user), void *user)
{
    return request->transport->on_gone(request, gone, user);
}

void api_wake(api_request *request) { request->transport->wake(request); }
