/*
 * Exchange: one request from its request line to its log line.
 *
 * libmicrohttpd calls the access handler once for the head, once for each stretch of the body, and once more when the
 * body is complete; after a sleep it repeats the last call. `stage` says where we are. Everything here runs on the
 * event thread that owns the connection, except ref and unref.
 */
#include "inner.h"
#include "params.h"

#include "base/token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- life */

http_exchange *http_exchange_new(http_server *server, struct MHD_Connection *connection, const char *raw)
{
    http_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) return NULL;
    exchange->server = server;
    exchange->connection = connection;
    exchange->raw_in_buffer = raw;
    exchange->raw = strdup(raw ? raw : "");
    exchange->decoded = strdup(raw ? raw : "");
    exchange->started_ns = xai_clock_ns();
    exchange->request.transport = &http_transport;
    atomic_init(&exchange->refs, 1);
    atomic_init(&exchange->last_sent_ns, exchange->started_ns);
    pthread_mutex_init(&exchange->lock, NULL);
    pthread_cond_init(&exchange->changed, NULL);
    if (exchange->raw && exchange->decoded) return exchange;
    http_exchange_unref(exchange);
    return NULL;
}

void http_exchange_ref(http_exchange *exchange) { atomic_fetch_add(&exchange->refs, 1); }

void http_exchange_unref(http_exchange *exchange)
{
    if (atomic_fetch_sub(&exchange->refs, 1) != 1) return;
    http_upload_free(&exchange->upload);
    pthread_cond_destroy(&exchange->changed);
    pthread_mutex_destroy(&exchange->lock);
    free((void *)exchange->request.headers);
    free(exchange->head_block);
    free(exchange->decoded);
    free(exchange->raw);
    free(exchange->frame);
    free(exchange);
}

static enum MHD_Result reply(http_exchange *exchange)
{
    bool streams = exchange->response.events.next != NULL;
    exchange->stage = HTTP_STAGE_REPLY;
    http_watch_phase(exchange->server->watch, exchange->socket, streams ? HTTP_PHASE_STREAM : HTTP_PHASE_REPLY,
                     exchange);
    return http_reply_queue(exchange, exchange->connection);
}

static enum MHD_Result reply_verdict(http_exchange *exchange, http_verdict verdict)
{
    http_reply_problem(exchange, verdict);
    return reply(exchange);
}

/* Refuses a request whose body is not read: the connection cannot be used further. */
static enum MHD_Result refuse(http_exchange *exchange, http_verdict verdict)
{
    exchange->must_close = true;
    http_watch_linger(exchange->server->watch, exchange->socket);
    return reply_verdict(exchange, verdict);
}

/* ---------------------------------------------------------------- the head */

static char *copy_text(char **room, const char *text, size_t size)
{
    char *copy = *room;
    memcpy(copy, text, size);
    copy[size] = 0;
    *room += size + 1;
    return copy;
}

/* Own copies, because a handler may still read them when a stopping server has closed the connection. */
static bool copy_headers(http_exchange *exchange, const http_head *head)
{
    size_t bytes = 1;
    for (size_t i = 0; i < head->field_count; i++)
        bytes += head->fields[i].name_size + head->fields[i].value_size + 2;
    api_pair *pairs = calloc(head->field_count + 1, sizeof *pairs);
    char *room = exchange->head_block = malloc(bytes);
    exchange->request.headers = pairs;
    if (!pairs || !room) return false;
    for (size_t i = 0; i < head->field_count; i++) {
        const http_field *field = &head->fields[i];
        pairs[i].name = copy_text(&room, field->name, field->name_size);
        pairs[i].value = copy_text(&room, field->value, field->value_size);
    }
    exchange->request.header_count = head->field_count;
    return true;
}

static const char *constant_method(const char *method)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(method, methods[i]) == 0) return methods[i];
    return strcmp(method, "HEAD") == 0 ? "GET" : "-"; /* HEAD: answered like GET, without the body */
}

static http_verdict fill_request(http_exchange *exchange, const http_head *head)
{
    static const http_verdict no_memory = {503, "busy", "The service is out of memory; try again in a moment."};
    api_request *request = &exchange->request;
    http_verdict verdict = http_target_parse(exchange->decoded, &exchange->target);
    if (verdict.status) return verdict;
    if (!copy_headers(exchange, head)) return no_memory;
    exchange->head_method = strcmp(head->method, "HEAD") == 0;
    request->method = constant_method(head->method);
    request->path = exchange->target.path;
    request->query = exchange->target.query;
    request->query_count = exchange->target.query_count;
    const char *id = api_request_header(request, "X-Request-Id");
    if (id) http_log_request_id(request->id, id);
    const char *type = api_request_header(request, "Content-Type");
    if (type && http_params_token(type, exchange->type, sizeof exchange->type)) request->type = exchange->type;
    http_upload_init(&exchange->upload, &exchange->server->config, &exchange->server->bodies, type);
    return exchange->upload.verdict;
}

static http_verdict judge(http_exchange *exchange, struct MHD_Connection *connection, const char *method,
                          const char *version, int64_t *length)
{
    const http_config *config = &exchange->server->config;
    size_t room = (size_t)config->max_headers + 1; /* one more, so that the gate sees that there are too many */
    http_field *fields = calloc(room, sizeof *fields);
    if (!fields) return (http_verdict){503, "busy", "The service is out of memory; try again in a moment."};
    http_head head;
    http_head_read(exchange, connection, method, version, fields, room, &head);
    http_verdict verdict = http_gate_check(&head, config);
    if (!verdict.status) verdict = fill_request(exchange, &head);
    if (!verdict.status) *length = http_gate_length(&head);
    free(fields);
    return verdict;
}

static enum MHD_Result begin(http_exchange *exchange, struct MHD_Connection *connection, const char *method,
                             const char *version)
{
    int64_t length = 0;
    http_log_request_id(exchange->request.id, NULL);
    exchange->request.method = method;
    exchange->request.path = exchange->raw;
    http_verdict verdict = judge(exchange, connection, method, version, &length);
    if (verdict.status) { /* the method belongs to the connection, and the request may outlive it */
        exchange->request.method = constant_method(method);
        return refuse(exchange, verdict);
    }
    exchange->stage = HTTP_STAGE_BODY;
    if (length != 0) http_watch_phase(exchange->server->watch, exchange->socket, HTTP_PHASE_BODY, NULL);
    return MHD_YES;
}

/* ---------------------------------------------------------------- the complete request */

static enum MHD_Result answer_options(http_exchange *exchange, const char *allow)
{
    api_response_init(&exchange->response, 204);
    api_response_header(&exchange->response, "Allow", "%s", allow);
    return reply(exchange);
}

static enum MHD_Result answer_file(http_exchange *exchange, const http_file *file)
{
    static const http_verdict wrong = {405, "method-not-allowed", "This is a file; it can only be read."};
    static const char allow[] = "GET, HEAD, OPTIONS";
    const char *method = exchange->request.method;
    if (strcmp(method, "OPTIONS") == 0) return answer_options(exchange, allow);
    if (strcmp(method, "GET") == 0) {
        http_files_answer(file, &exchange->request, &exchange->response);
        return reply(exchange);
    }
    http_reply_problem(exchange, wrong);
    api_response_header(&exchange->response, "Allow", "%s", allow);
    return reply(exchange);
}

static enum MHD_Result run_handler(http_exchange *exchange)
{
    http_server *server = exchange->server;
    const http_handlers *handlers = &server->handlers;
    exchange->stage = HTTP_STAGE_HANDLER;
    http_exchange_ref(exchange);
    atomic_fetch_add(&server->handling, 1);
    if (handlers->quick && handlers->quick(handlers->user, &exchange->request)) {
        handlers->handle(handlers->user, &exchange->request);
        if (!http_answer_wait(exchange)) return reply(exchange);
        http_watch_phase(server->watch, exchange->socket, HTTP_PHASE_WAIT, exchange);
        return MHD_YES;
    }
    http_watch_phase(server->watch, exchange->socket, HTTP_PHASE_WAIT, exchange);
    bool waits = http_answer_wait(exchange); /* before the handler can answer; false: the server stops */
    http_workers_push(server->workers, exchange);
    return waits ? MHD_YES : reply(exchange);
}

static enum MHD_Result dispatch(http_exchange *exchange)
{
    http_verdict verdict = http_upload_finish(&exchange->upload, &exchange->request);
    if (verdict.status) return reply_verdict(exchange, verdict);
    if (strcmp(exchange->request.path, "*") == 0) {
        if (strcmp(exchange->request.method, "OPTIONS") == 0)
            return answer_options(exchange, "GET, HEAD, POST, DELETE, OPTIONS");
        return refuse(exchange, (http_verdict){400, "bad-target", "Only OPTIONS may ask for *."});
    }
    const http_file *file = http_files_find(exchange->server->files, exchange->request.path);
    return file ? answer_file(exchange, file) : run_handler(exchange);
}

enum MHD_Result http_exchange_step(http_exchange *exchange, struct MHD_Connection *connection, const char *method,
                                   const char *version, const char *upload, size_t *upload_size)
{
    switch (exchange->stage) {
    case HTTP_STAGE_HEAD:
        return begin(exchange, connection, method, version);
    case HTTP_STAGE_BODY:
        if (*upload_size == 0) return dispatch(exchange);
        http_upload_feed(&exchange->upload, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    case HTTP_STAGE_HANDLER:
        return http_answer_wait(exchange) ? MHD_YES : reply(exchange);
    default:
        return MHD_YES;
    }
}

/* ---------------------------------------------------------------- the end */

static void account(const http_exchange *exchange, bool gone, bool completed)
{
    const http_handlers *handlers = &exchange->server->handlers;
    http_done done = {.request = &exchange->request,
                      .status = !completed && gone ? 499 : exchange->status ? exchange->status : 408,
                      .sent = exchange->sent,
                      .ms = (double)(xai_clock_ns() - exchange->started_ns) * 1e-6,
                      .completed = completed};
    if (exchange->server->config.access_log) http_log_access(exchange, &done);
    if (handlers->done) handlers->done(handlers->user, &done);
}

void http_exchange_completed(http_exchange *exchange, enum MHD_RequestTerminationCode code)
{
    http_watch_phase(exchange->server->watch, exchange->socket, HTTP_PHASE_IDLE, NULL);
    pthread_mutex_lock(&exchange->lock);
    exchange->connection = NULL;
    bool gone = exchange->gone;
    pthread_mutex_unlock(&exchange->lock);
    http_upload_settle(&exchange->upload);
    if (exchange->request.path) account(exchange, gone, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    if (exchange->stage == HTTP_STAGE_HANDLER) http_reply_drop(exchange);
    http_exchange_unref(exchange);
}
