/*
 * echo: a server with small handlers of its own over server/http, so that the transport can be tested from outside
 * without the rest of the service. Arguments are key=value; prints "port N" and serves until SIGTERM.
 *
 *   GET  /quick            answered on the event thread
 *   any  /echo             what arrived, one "key: value" a line
 *   GET  /wait?ms=N        answered by another thread after N ms, or at once when the client goes away
 *   GET  /events?count=N&ms=M   N events, one every M ms; count=0: silence
 *   GET  /big?bytes=N      N bytes
 *   GET  /stats            counters
 */
#include "base/sha256.h"
#include "http/http.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int gone_count, closed_count, opened_count, alive_threads, done_count, cut_count;
static http_server *server;

static int number(const api_request *request, const char *name, int fallback)
{
    const char *text = api_request_query(request, name);
    return text ? atoi(text) : fallback;
}

static void answer_text(api_request *request, int status, char *text)
{
    api_response response;
    api_response_init(&response, status);
    api_response_take(&response, "text/plain; charset=utf-8", text, strlen(text));
    api_complete(request, &response);
}

/* ---------------------------------------------------------------- /echo */

static void put_bytes(FILE *out, const char *label, const void *bytes, size_t size)
{
    char hash[65];
    xai_sha256_hex(bytes, size, hash);
    fprintf(out, "%s: %zu %s\n", label, size, hash);
}

static void echo(api_request *request)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "method: %s\npath: %s\nid: %s\nremote: %s\ntype: %s\n", request->method, request->path, request->id,
            request->remote, request->type ? request->type : "-");
    for (size_t i = 0; i < request->query_count; i++)
        fprintf(out, "query: %s=%s\n", request->query[i].name, request->query[i].value);
    put_bytes(out, "body", request->body, request->size);
    for (size_t i = 0; i < request->part_count; i++) {
        const api_part *part = &request->parts[i];
        fprintf(out, "part: %s filename=%s type=%s ", part->name, part->filename ? part->filename : "-",
                part->type ? part->type : "-");
        put_bytes(out, "bytes", part->bytes, part->size);
    }
    fclose(out);
    answer_text(request, 200, text);
}

/* ---------------------------------------------------------------- /wait */

typedef struct waiter {
    api_request *request;
    int ms;
    atomic_bool gone;
} waiter;

static void waiter_gone(void *user)
{
    waiter *w = user;
    atomic_fetch_add(&gone_count, 1);
    atomic_store(&w->gone, true);
}

static void start_thread(void *(*run)(void *), void *user)
{
    pthread_t thread;
    atomic_fetch_add(&alive_threads, 1);
    if (pthread_create(&thread, NULL, run, user) != 0) exit(70);
    pthread_detach(thread);
}

static void *wait_and_answer(void *user)
{
    waiter *w = user;
    for (int i = 0; i < w->ms && !atomic_load(&w->gone); i += 5) usleep(5000);
    answer_text(w->request, 200, strdup(atomic_load(&w->gone) ? "gone" : "waited"));
    free(w);
    atomic_fetch_sub(&alive_threads, 1);
    return NULL;
}

static void wait_for(api_request *request)
{
    waiter *w = calloc(1, sizeof *w);
    w->request = request;
    w->ms = number(request, "ms", 100);
    if (!api_on_gone(request, waiter_gone, w)) atomic_store(&w->gone, true);
    start_thread(wait_and_answer, w);
}

/* ---------------------------------------------------------------- /events */

typedef struct stream {
    api_request *request;
    pthread_mutex_t lock;
    int count, ms, made, pulled;
    bool closed;
    atomic_int refs;
} stream;

static void stream_unref(stream *s)
{
    if (atomic_fetch_sub(&s->refs, 1) == 1) free(s);
}

static api_next next_event(void *user, api_event *event)
{
    stream *s = user;
    api_next next = API_NEXT_WAIT;
    pthread_mutex_lock(&s->lock);
    if (s->pulled < s->made) {
        s->pulled++;
        *event = (api_event){.id = (uint64_t)s->pulled, .name = "tick"};
        if (asprintf(&event->data, "{\"n\":%d,\n\"of\":%d}", s->pulled, s->count) < 0) event->data = NULL;
        next = API_NEXT_EVENT;
    } else if (s->count && s->pulled == s->count) {
        next = API_NEXT_END;
    }
    pthread_mutex_unlock(&s->lock);
    return next;
}

static void close_stream(void *user)
{
    stream *s = user;
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&closed_count, 1);
    stream_unref(s);
}

static void *tick(void *user)
{
    stream *s = user;
    int made = 0;
    for (bool closed = false; !closed && made < s->count; made++) {
        usleep((unsigned)s->ms * 1000);
        pthread_mutex_lock(&s->lock);
        closed = s->closed;
        s->made++;
        if (!closed) api_wake(s->request); /* under the lock that close() takes */
        pthread_mutex_unlock(&s->lock);
    }
    stream_unref(s);
    atomic_fetch_sub(&alive_threads, 1);
    return NULL;
}

static void stream_events(api_request *request)
{
    stream *s = calloc(1, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->request = request;
    s->count = number(request, "count", 3);
    s->ms = number(request, "ms", 10);
    atomic_store(&s->refs, s->count ? 2 : 1);
    atomic_fetch_add(&opened_count, 1);
    api_response response;
    api_response_init(&response, 200);
    response.events = (api_events){next_event, close_stream, s};
    if (s->count) start_thread(tick, s); /* may wake before the answer */
    api_complete(request, &response);
}

/* ---------------------------------------------------------------- the rest */

static void big(api_request *request)
{
    size_t size = (size_t)number(request, "bytes", 1000000);
    char *text = malloc(size + 1);
    memset(text, 'x', size);
    text[size] = 0;
    answer_text(request, 200, text);
}

static void stats(api_request *request)
{
    char *text = NULL;
    if (asprintf(&text, "gone=%d opened=%d closed=%d connections=%d done=%d cut=%d", gone_count, opened_count,
                 closed_count, http_server_connections(server), done_count, cut_count) < 0)
        exit(70);
    answer_text(request, 200, text);
}

static void handle(void *user, api_request *request)
{
    static const struct {
        const char *path;
        void (*run)(api_request *request);
    } routes[] = {
        {"/echo", echo}, {"/wait", wait_for}, {"/events", stream_events}, {"/big", big}, {"/stats", stats},
    };
    (void)user;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(request->path, routes[i].path) == 0) {
            routes[i].run(request);
            return;
        }
    bool quick = strcmp(request->path, "/quick") == 0;
    answer_text(request, quick ? 200 : 404, strdup(quick ? "quick" : "no such path"));
}

static bool is_quick(void *user, const api_request *request)
{
    (void)user;
    return strcmp(request->path, "/quick") == 0 || strcmp(request->path, "/stats") == 0;
}

static void on_done(void *user, const http_done *done)
{
    (void)user;
    atomic_fetch_add(done->completed ? &done_count : &cut_count, 1);
}

static bool set_option(http_config *config, int *grace_ms, char *argument)
{
    char *value = strchr(argument, '=');
    if (!value) return false;
    *value++ = 0;
    const struct {
        const char *name;
        int *to;
    } ints[] = {
        {"grace", grace_ms}, {"connections", &config->max_connections}, {"per_address", &config->max_per_address},
        {"header_ms", &config->header_timeout_ms}, {"body_ms", &config->body_timeout_ms},
        {"idle_ms", &config->idle_timeout_ms}, {"write_ms", &config->write_timeout_ms}, {"ping_ms", &config->ping_ms},
        {"watch_ms", &config->watch_ms}, {"port", &config->port},
    };
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        if (strcmp(argument, ints[i].name) == 0) return *ints[i].to = atoi(value), true;
    if (strcmp(argument, "body") == 0) return config->max_body = (size_t)atoll(value), true;
    if (strcmp(argument, "bodies") == 0) return config->max_bodies = (size_t)atoll(value), true;
    if (strcmp(argument, "static") == 0) return config->static_dir = value, true;
    if (strcmp(argument, "cert") == 0) return config->tls_cert = value, true;
    if (strcmp(argument, "key") == 0) return config->tls_key = value, true;
    return false;
}

int main(int argc, char **argv)
{
    http_config config;
    xai_error err;
    int grace_ms = 200, caught;
    http_config_default(&config);
    config.port = 0;
    for (int i = 1; i < argc; i++)
        if (!set_option(&config, &grace_ms, argv[i])) return 2;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    http_handlers handlers = {.handle = handle, .quick = is_quick, .done = on_done};
    if (http_server_start(&config, &handlers, &server, &err) != XAI_OK) {
        fprintf(stderr, "%s: %s\n", err.where, err.msg);
        return 3;
    }
    printf("port %d\n", http_server_port(server));
    fflush(stdout);
    sigwait(&ends, &caught);
    http_server_stop(server, grace_ms);
    while (alive_threads > 0) usleep(1000);
    printf("stopped gone=%d opened=%d closed=%d\n", gone_count, opened_count, closed_count);
    return 0;
}
