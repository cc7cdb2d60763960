/*
 * Reply: an api_response as libmicrohttpd wants it, with the headers that every answer carries.
 *
 * Defaults are the safe ones (no-store, no sniffing, nothing may be loaded or framed); a handler that wants another
 * value sets the header itself. Runs on event threads; http_reply_problem also elsewhere, it touches only memory.
 */
#include "inner.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool has_header(const api_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++)
        if (strcasecmp(response->headers[i].name, name) == 0) return true;
    return false;
}

static void add_default(struct MHD_Response *out, const api_response *response, const char *name, const char *value)
{
    if (!has_header(response, name)) MHD_add_response_header(out, name, value);
}

/* 00-<32 hex>-<16 hex>-<2 hex> (W3C Trace Context) */
static bool is_traceparent(const char *text)
{
    static const char shape[] = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    if (!text || strlen(text) != strlen(shape)) return false;
    for (size_t i = 0; shape[i]; i++) {
        bool digit = isdigit((unsigned char)text[i]) || (text[i] >= 'a' && text[i] <= 'f');
        if (shape[i] == 'x' ? !digit : text[i] != shape[i]) return false;
    }
    return true;
}

static void add_headers(struct MHD_Response *out, const http_exchange *exchange, bool closes)
{
    const api_response *response = &exchange->response;
    const char *trace = api_request_header(&exchange->request, "traceparent");
    for (size_t i = 0; i < response->header_count; i++)
        MHD_add_response_header(out, response->headers[i].name, response->headers[i].value);
    if (response->type) MHD_add_response_header(out, "Content-Type", response->type);
    if (exchange->request.id[0]) MHD_add_response_header(out, "X-Request-Id", exchange->request.id);
    if (is_traceparent(trace)) MHD_add_response_header(out, "traceparent", trace);
    add_default(out, response, "Cache-Control", "no-store");
    add_default(out, response, "X-Content-Type-Options", "nosniff");
    add_default(out, response, "Referrer-Policy", "no-referrer");
    add_default(out, response, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (closes) MHD_add_response_header(out, "Connection", "close");
}

/* Takes over what the response owns, also when it fails (NULL). */
static struct MHD_Response *make_response(http_exchange *exchange)
{
    api_response *response = &exchange->response;
    if (response->events.next && !exchange->head_method) return http_events_response(exchange);
    if (response->events.next) { /* HEAD of a stream: its headers, and nothing to pull */
        response->type = "text/event-stream";
        http_reply_drop(exchange);
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    }
    void *bytes = (void *)response->body;
    exchange->sent = exchange->head_method ? 0 : response->size;
    if (!response->release) return MHD_create_response_from_buffer(response->size, bytes, MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *out = MHD_create_response_from_buffer_with_free_callback_cls(
        response->size, bytes, response->release, response->owner);
    if (!out) response->release(response->owner);
    response->release = NULL;
    return out;
}

enum MHD_Result http_reply_queue(http_exchange *exchange, struct MHD_Connection *connection)
{
    const api_response *response = &exchange->response;
    exchange->status = response->status;
    bool closes = exchange->must_close || atomic_load(&exchange->server->draining);
    struct MHD_Response *out = make_response(exchange);
    if (!out) return MHD_NO;
    add_headers(out, exchange, closes);
    enum MHD_Result queued = MHD_queue_response(connection, (unsigned)response->status, out);
    MHD_destroy_response(out);
    return queued;
}

void http_reply_drop(http_exchange *exchange)
{
    bool streams = exchange->response.events.next != NULL;
    const char *type = exchange->response.type;
    int status = exchange->response.status;
    api_response_clear(&exchange->response);
    exchange->response.status = status;
    exchange->response.type = type;
    if (streams) http_exchange_unref(exchange); /* the stream's reference */
}

static const char *title_of(int status)
{
    static const struct { int status; const char *title; } titles[] = {
        {400, "Bad Request"},           {405, "Method Not Allowed"},   {413, "Content Too Large"},
        {414, "URI Too Long"},          {415, "Unsupported Media Type"}, {417, "Expectation Failed"},
        {431, "Request Header Fields Too Large"}, {501, "Not Implemented"}, {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status) return titles[i].title;
    return "Error";
}

void http_reply_problem(http_exchange *exchange, http_verdict verdict)
{
    char *body = NULL;
    int size = asprintf(&body,
                        "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\","
                        "\"instance\":\"urn:request:%s\",\"code\":\"%s\"}\n",
                        title_of(verdict.status), verdict.status, verdict.detail, exchange->request.id, verdict.code);
    api_response_init(&exchange->response, verdict.status);
    if (size >= 0) api_response_take(&exchange->response, "application/problem+json", body, (size_t)size);
    if (verdict.status == 503) api_response_header(&exchange->response, "Retry-After", "1");
}
