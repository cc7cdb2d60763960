/*
 * explaind: puts the parts together, and takes them apart again.
 *
 * Start: configuration, models, store, jobs (which take up what an earlier process left), HTTP; then a line on
 * standard error says where. The first SIGTERM or SIGINT drains: nothing new is taken, what somebody waits for may end
 * within drain_s, the rest stays in the store. A second signal ends the process at once.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "base/place.h"
#include "base/token.h"
#include "conf/conf.h"
#include "conf/healthcheck.h"
#include "http/http.h"
#include "jobs/decoders.h"
#include "jobs/jobs.h"

enum { EXIT_USAGE = 2, EXIT_FAILED = 70, DECODE_MS = 10000, STOP_GRACE_MS = 2000 };

extern char **environ;

typedef struct service {
    conf config;
    char decoder[4096], places[4][4096];
    models models;
    xai_pool *pool;
    store *store;
    jobs_decoders *decoders;
    jobs_engine engine;
    jobs *jobs;
    api *api;
    http_server *http;
} service;

/* ---------------------------------------------------------------- HTTP's side */

static void on_request(void *user, api_request *request) { api_handle(user, request); }

static bool is_quick(void *user, const api_request *request)
{
    (void)user;
    return api_is_quick(request);
}

static void on_done(void *user, const http_done *done) { api_count(user, done->status, done->ms); }

static const char *or_null(const char *text) { return text[0] ? text : NULL; }

static xai_status start_http(service *s, xai_error *err)
{
    const conf *c = &s->config;
    http_config config;
    http_config_default(&config);
    config.address = c->listen;
    config.port = (int)c->port;
    config.event_threads = (int)c->http_threads;
    config.handler_threads = (int)c->handler_threads;
    config.max_connections = (int)c->max_connections;
    config.max_per_address = (int)c->max_per_address;
    config.max_body = (size_t)(c->max_image_bytes / 3 * 4 + c->max_json_bytes + 65536); /* the image as base64 */
    config.header_timeout_ms = (int)c->header_timeout_ms;
    config.body_timeout_ms = (int)c->body_timeout_ms;
    config.idle_timeout_ms = (int)c->idle_timeout_ms;
    config.static_dir = or_null(c->static_dir);
    config.tls_cert = or_null(c->tls_cert);
    config.tls_key = or_null(c->tls_key);
    config.access_log = c->access_log;
    http_handlers handlers = {.user = s->api, .handle = on_request, .quick = is_quick, .done = on_done};
    return http_server_start(&config, &handlers, &s->http, err);
}

/* ---------------------------------------------------------------- start */

/* explaind-decode beside this program, unless the configuration says otherwise. */
static xai_status find_decoder(service *s, xai_error *err)
{
    static const char NAME[] = "explaind-decode";
    if (s->config.decoder[0]) {
        int n = snprintf(s->decoder, sizeof s->decoder, "%s", s->config.decoder);
        XAI_CHECK(n > 0 && (size_t)n < sizeof s->decoder, err, BAD_CONFIG, "decoder", "the path is too long");
        return XAI_OK;
    }
    ssize_t n = readlink("/proc/self/exe", s->decoder, sizeof s->decoder - sizeof NAME);
    XAI_CHECK(n > 0, err, BAD_CONFIG, "decoder", "cannot tell where this program lies; give --decoder");
    s->decoder[n] = '\0';
    char *slash = strrchr(s->decoder, '/');
    strcpy(slash ? slash + 1 : s->decoder, NAME);
    return XAI_OK;
}

static xai_status start_decoders(service *s, xai_error *err)
{
    XAI_TRY(find_decoder(s, err));
    explaind_decoder_config config = {.binary = s->decoder, .timeout_ms = DECODE_MS, .limits = XAI_IMAGE_LIMITS};
    config.limits.max_bytes = (size_t)s->config.max_image_bytes;
    config.limits.max_pixels = s->config.max_image_pixels;
    config.limits.max_side = (int)s->config.max_image_side;
    XAI_TRY(jobs_decoders_new(&config, (int)s->config.workers, &s->decoders, err));
    jobs_decoders_serve(s->decoders, &s->engine);
    return XAI_OK;
}

static xai_status start_jobs(service *s, xai_error *err)
{
    const conf *c = &s->config;
    jobs_config config = {.workers = (int)c->workers,
                          .queue_length = (int)c->queue_length,
                          .short_cost = (double)c->short_cost,
                          .job_timeout_ms = c->job_timeout_s * 1000,
                          .retention_ms = c->retention_s * 1000,
                          .cache_bytes = (size_t)c->cache_mb << 20,
                          .recent_bytes = (size_t)c->recent_mb << 20};
    return jobs_start(&config, &s->engine, &s->models, s->pool, s->store, &s->jobs, err);
}

/* What comes with the program is found from any folder; a path that somebody gave is taken as it is. */
static void find_own_files(service *s)
{
    conf *c = &s->config, defaults;
    conf_default(&defaults);
    bool named = c->model[0] && strcmp(c->model, defaults.model) != 0;
    if (named && strcmp(c->model_dir, defaults.model_dir) == 0) c->model_dir = ""; /* that one is wanted, and no other */
    struct {
        const char **path, *usual;
    } own[] = {{&c->model, defaults.model}, {&c->model_dir, defaults.model_dir}, {&c->static_dir, defaults.static_dir},
               {&c->samples_dir, defaults.samples_dir}};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(*own[i].path, own[i].usual) == 0)
            *own[i].path = xai_place_find(*own[i].path, s->places[i], sizeof s->places[i]);
}

static xai_status start(service *s, xai_error *err)
{
    const conf *c = &s->config;
    s->engine = jobs_engine_xai();
    xai_memory_set_budget((size_t)c->memory_mb * 1000000);
    find_own_files(s);
    XAI_TRY(start_decoders(s, err)); /* before there is much memory to be copied by a fork */
    XAI_TRY(models_load(&s->models, c->model, c->model_dir, c->default_model, err));
    XAI_TRY(xai_pool_new((int)c->compute_threads, &s->pool, err));
    XAI_TRY(store_serial_open(store_sqlite_open, c->store, &s->store, err));
    XAI_TRY(api_new(c, &s->engine, &s->models, &s->api, err));
    XAI_TRY(start_jobs(s, err));
    api_set_jobs(s->api, s->jobs);
    return start_http(s, err);
}

static void announce(const service *s, int64_t started_ns)
{
    const conf *c = &s->config;
    fprintf(stderr, "explaind %s: ready at http%s://%s:%d after %.0f ms (model %s, %s, %d compute threads)\n", XAI_VERSION,
            c->tls_cert[0] ? "s" : "", c->listen, http_server_port(s->http),
            (double)(xai_clock_ns() - started_ns) * 1e-6, s->models.entries[s->models.standard].id, xai_isa_name(),
            xai_pool_threads(s->pool));
}

/* ---------------------------------------------------------------- end */

static void stop(service *s)
{
    if (s->http) http_server_stop(s->http, STOP_GRACE_MS);
    jobs_stop(s->jobs);
    api_free(s->api);
    if (s->store) s->store->table->close(s->store);
    xai_pool_free(s->pool);
    models_clear(&s->models);
    jobs_decoders_free(s->decoders);
}

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
    (void)number;
    if (signalled) _exit(130);
    signalled = 1;
}

/* Before any thread starts: they inherit the mask, so that the signals come to this thread alone. */
static sigset_t block_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t ours, before;
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    return before;
}

/* Sleeps until a signal came; from here on a second one is taken at once. */
static void await_signal(const sigset_t *before)
{
    while (!signalled) sigsuspend(before);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void drain(service *s)
{
    fprintf(stderr, "explaind: draining for at most %lld s\n", (long long)s->config.drain_s);
    api_set_stopping(s->api);
    jobs_drain(s->jobs, s->config.drain_s * 1000);
}

static int serve(service *s)
{
    xai_error err = {0};
    int64_t started_ns = xai_clock_ns();
    sigset_t before = block_signals();
    xai_status status = start(s, &err);
    if (status == XAI_OK) {
        announce(s, started_ns);
        await_signal(&before);
        drain(s);
    } else {
        fprintf(stderr, "explaind: %s\n", err.msg);
    }
    stop(s);
    return status == XAI_OK ? EXIT_SUCCESS : EXIT_FAILED;
}

/* ---------------------------------------------------------------- the other things it can do */

static int print_text(char *text)
{
    if (!text) return EXIT_FAILED;
    puts(text);
    free(text);
    return EXIT_SUCCESS;
}

static int print_openapi(void)
{
    jobs_engine engine = jobs_engine_xai();
    json_t *document = api_openapi(&engine);
    char *text = document ? json_dumps(document, JSON_INDENT(2)) : NULL;
    json_decref(document);
    return print_text(text);
}

static int act(service *s, conf_action action)
{
    switch (action) {
    case CONF_SERVE: return serve(s);
    case CONF_PRINT_CONFIG: return print_text(conf_print(&s->config));
    case CONF_PRINT_OPENAPI: return print_openapi();
    case CONF_HEALTHCHECK: return healthcheck(s->config.listen, (int)s->config.port, s->config.tls_cert[0] != 0);
    case CONF_HELP: return print_text(conf_help());
    case CONF_VERSION: printf("explaind %s\n", XAI_VERSION); return EXIT_SUCCESS;
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    service s = {0};
    xai_error err = {0};
    conf_action action;
    xai_arena *strings = xai_arena_new(0);
    if (!strings) return EXIT_FAILED;
    int code = EXIT_USAGE;
    if (conf_load(argc, argv, environ, strings, &s.config, &action, &err) == XAI_OK) code = act(&s, action);
    else fprintf(stderr, "explaind: %s\n", err.msg);
    xai_arena_free(strings);
    return code;
}
