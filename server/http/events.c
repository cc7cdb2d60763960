/*
 * Events: a handler's events as text/event-stream (WHATWG HTML, 9.2), pulled by libmicrohttpd's content reader.
 *
 * When there is nothing to send, the connection is suspended inside the reader; api_wake resumes it. A wake that
 * comes between the question and the sleep is remembered in `wake_pending`, so that none is lost and no core spins.
 * A comment is sent after ping_ms of silence: it keeps proxies from closing the connection, and writing is how
 * libmicrohttpd finds out that the client is gone.
 * The reader runs on the connection's event thread; it calls next() without holding a lock.
 */
#include "inner.h"

#include "base/token.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t count_lines(const char *text)
{
    size_t lines = 1;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

/* "data: " before each line. CR is dropped: it would end a line too. Returns the end of what was written. */
static char *put_data(char *out, const char *text)
{
    out = stpcpy(out, "data: ");
    for (; *text; text++) {
        if (*text == '\r') continue;
        *out++ = *text;
        if (*text == '\n') out = stpcpy(out, "data: ");
    }
    return stpcpy(out, "\n\n");
}

/* The event as text in exchange->frame; false without memory. */
static bool frame_event(http_exchange *exchange, const api_event *event)
{
    const char *name = event->name ? event->name : "", *data = event->data ? event->data : "";
    size_t need = strlen(name) + strlen(data) + count_lines(data) * strlen("data: ") + 64;
    char *text = malloc(need), *end = text;
    if (!text) return false;
    if (event->id) end += snprintf(end, 32, "id: %" PRIu64 "\n", event->id);
    if (*name) end = stpcpy(stpcpy(stpcpy(end, "event: "), name), "\n");
    end = put_data(end, data);
    free(exchange->frame);
    exchange->frame = text;
    exchange->frame_size = (size_t)(end - text);
    exchange->frame_sent = 0;
    return true;
}

static bool frame_ping(http_exchange *exchange)
{
    int64_t silent = xai_clock_ns() - atomic_load(&exchange->last_sent_ns);
    if (silent < (int64_t)exchange->server->config.ping_ms * 1000000) return false;
    char *text = strdup(": ping\n\n");
    if (!text) return false;
    free(exchange->frame);
    exchange->frame = text;
    exchange->frame_size = strlen(text);
    exchange->frame_sent = 0;
    return true;
}

static ssize_t send_frame(http_exchange *exchange, char *buffer, size_t room)
{
    size_t left = exchange->frame_size - exchange->frame_sent, size = left < room ? left : room;
    memcpy(buffer, exchange->frame + exchange->frame_sent, size);
    exchange->frame_sent += size;
    atomic_store(&exchange->last_sent_ns, xai_clock_ns());
    return (ssize_t)size;
}

static bool begin_pull(http_exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    bool go_on = !exchange->stream_ended && !atomic_load(&exchange->server->stopping);
    exchange->wake_pending = false;
    pthread_mutex_unlock(&exchange->lock);
    return go_on;
}

static ssize_t read_events(void *user, uint64_t position, char *buffer, size_t room)
{
    http_exchange *exchange = user;
    const api_events *events = &exchange->response.events;
    (void)position;
    for (;;) {
        if (exchange->frame_sent < exchange->frame_size) return send_frame(exchange, buffer, room);
        if (!begin_pull(exchange)) return MHD_CONTENT_READER_END_OF_STREAM;
        api_event event = {0};
        api_next next = events->next(events->user, &event);
        if (next == API_NEXT_END) return MHD_CONTENT_READER_END_OF_STREAM;
        if (next == API_NEXT_EVENT) {
            bool framed = frame_event(exchange, &event);
            free(event.data);
            if (!framed) return MHD_CONTENT_READER_END_WITH_ERROR;
        } else if (!frame_ping(exchange) && http_answer_pause(exchange)) {
            return 0;
        }
    }
}

static void end_events(void *user) { http_reply_drop(user); }

struct MHD_Response *http_events_response(http_exchange *exchange)
{
    api_response *response = &exchange->response;
    response->type = "text/event-stream";
    api_response_header(response, "X-Accel-Buffering", "no");
    struct MHD_Response *out =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_events, exchange, end_events);
    if (!out) http_reply_drop(exchange);
    return out;
}
