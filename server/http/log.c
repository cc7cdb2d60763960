/*
 * Log: request ids, and one line a request on stderr.
 *
 * The line is key=value; the path is the raw one, which the gate has kept free of spaces, quotes and controls (what
 * the gate refused is escaped). Written with one call, so that lines of several threads do not mix.
 */
#include "inner.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { LOGGED_PATH = 200 };

static bool is_sane_id(const char *id)
{
    size_t size = id ? strlen(id) : 0;
    if (size < 1 || size > 64) return false;
    return strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == size;
}

void http_log_request_id(char out[65], const char *given)
{
    if (is_sane_id(given)) {
        memcpy(out, given, strlen(given) + 1);
        return;
    }
    unsigned char bytes[16] = {0};
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) { /* never at this size; an id need only be unique */
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        memcpy(bytes, &now, sizeof bytes < sizeof now ? sizeof bytes : sizeof now);
    }
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* The path without its query, at most LOGGED_PATH bytes, harmless in a log. */
static void loggable(const char *raw, char out[LOGGED_PATH + 1])
{
    size_t size = strcspn(raw, "?");
    if (size > LOGGED_PATH) size = LOGGED_PATH;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)raw[i];
        out[i] = c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' ? '_' : (char)c;
    }
    out[size] = 0;
}

void http_log_access(const http_exchange *exchange, const http_done *done)
{
    char path[LOGGED_PATH + 1], stamp[32];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    loggable(exchange->raw, path);
    const api_request *request = done->request;
    fprintf(stderr, "time=%s.%03ldZ id=%s remote=%s method=%s path=%s status=%d sent=%zu ms=%.1f client=%s%s\n",
            stamp, now.tv_nsec / 1000000, request->id, request->remote[0] ? request->remote : "-",
            exchange->head_method ? "HEAD" : request->method, path, done->status, done->sent, done->ms,
            request->client[0] ? request->client : "-", done->completed ? "" : " cut=1");
}
