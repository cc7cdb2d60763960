/*
 * Server: starting and stopping libmicrohttpd, and its callbacks.
 *
 * Order of the end, because libmicrohttpd aborts the process when it is stopped while a connection is suspended: stop
 * accepting; let handlers answer for the time of grace; answer in their place and end the streams, until nothing
 * sleeps; join the workers; only then stop the daemon.
 * http_server_start and _stop belong to one thread; http_server_port and _connections are free.
 */
#include "inner.h"

#include "base/token.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTION_MEMORY = 128 << 10, MAX_PEM = 1 << 20, FLUSH_MS = 1000 };

void http_config_default(http_config *config)
{
    *config = (http_config){
        .address = "127.0.0.1", .port = 8080,
        .event_threads = 2, .handler_threads = 4,
        .max_connections = 1000, .max_per_address = 0,
        .max_body = (size_t)32 << 20, .max_bodies = (size_t)512 << 20,
        .max_uri = 8 << 10, .max_header_bytes = 32 << 10, .max_headers = 100, .max_parts = 16,
        .header_timeout_ms = 10000, .body_timeout_ms = 60000, .write_timeout_ms = 120000, .idle_timeout_ms = 30000,
        .ping_ms = 15000, .watch_ms = 200, .access_log = true,
    };
}

/* ---------------------------------------------------------------- callbacks */

static http_socket *socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void name_peer(struct MHD_Connection *connection, char *out, size_t room)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    out[0] = 0;
    if (!info || !info->client_addr) return;
    const struct sockaddr *address = info->client_addr;
    socklen_t size = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6) return;
    if (getnameinfo(address, size, out, (socklen_t)room, NULL, 0, NI_NUMERICHOST) != 0) out[0] = 0;
}

static void *on_request_line(void *user, const char *target, struct MHD_Connection *connection)
{
    http_server *server = user;
    http_socket *socket = socket_of(connection);
    http_exchange *exchange = socket ? http_exchange_new(server, connection, target) : NULL;
    if (!exchange) return NULL;
    exchange->socket = socket;
    name_peer(connection, exchange->request.remote, sizeof exchange->request.remote);
    http_watch_phase(server->watch, socket, HTTP_PHASE_HEAD, NULL);
    return exchange;
}

static enum MHD_Result on_access(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                 const char *version, const char *upload, size_t *upload_size, void **context)
{
    (void)user, (void)url;
    if (!*context) return MHD_NO; /* there was no memory */
    return http_exchange_step(*context, connection, method, version, upload, upload_size);
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    (void)user, (void)connection;
    if (*context) http_exchange_completed(*context, code);
    *context = NULL;
}

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    http_server *server = user;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = info ? http_watch_add(server->watch, info->connect_fd) : NULL;
    } else if (*context) {
        http_watch_remove(server->watch, *context);
        *context = NULL;
    }
}

/* ---------------------------------------------------------------- start */

static xai_status read_pem(const char *path, char **out, xai_error *err)
{
    FILE *file = fopen(path, "re");
    XAI_CHECK(file, err, IO, path, "cannot open the PEM file: %s", strerror(errno));
    char *text = calloc(1, MAX_PEM + 1);
    size_t size = text ? fread(text, 1, MAX_PEM, file) : 0;
    fclose(file);
    if (size > 0 && size < MAX_PEM) {
        *out = text;
        return XAI_OK;
    }
    free(text);
    XAI_FAIL(err, IO, path, "the PEM file is empty, too large or cannot be read");
}

static const char *set_or_null(const char *text) { return text && *text ? text : NULL; }

static xai_status read_tls(const http_config *config, char **cert, char **key, xai_error *err)
{
    if (!config->tls_cert && !config->tls_key) return XAI_OK;
    XAI_CHECK(config->tls_cert && config->tls_key, err, BAD_CONFIG, "tls", "give both tls_cert and tls_key, or none");
    XAI_TRY(read_pem(config->tls_cert, cert, err));
    return read_pem(config->tls_key, key, err);
}

static void start_daemon(http_server *server, char *cert, char *key)
{
    const http_config *config = &server->config;
    struct MHD_OptionItem options[12];
    int count = 0;
    int threads = config->event_threads < config->max_connections ? config->event_threads : config->max_connections;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (cert ? MHD_USE_TLS : 0) |
                     (server->listener < 0 ? MHD_USE_NO_LISTEN_SOCKET : 0);
    if (threads > 1 && server->listener >= 0)
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, threads, NULL};
    if (server->listener >= 0)
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_LISTEN_SOCKET, server->listener, NULL};
    if (cert) {
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, cert};
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, key};
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
                                                   (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"};
    }
    options[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    /* the gate is the strict one: the library's own refusals of bad heads send the status line twice */
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_access, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, server,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)config->max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)config->max_per_address,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(config->idle_timeout_ms + 999) / 1000, MHD_OPTION_ARRAY, options,
        MHD_OPTION_END);
}

static void release(http_server *server)
{
    http_workers_free(server->workers);
    if (server->daemon) MHD_stop_daemon(server->daemon);
    if (server->listener >= 0) close(server->listener);
    http_watch_free(server->watch);
    http_files_free(server->files);
    free(server);
}

static xai_status check_config(const http_config *c, xai_error *err)
{
    bool counts = c->event_threads > 0 && c->handler_threads > 0 && c->max_connections > 0 && c->max_headers > 0 &&
                  c->max_parts > 0;
    bool times = c->header_timeout_ms > 0 && c->body_timeout_ms > 0 && c->write_timeout_ms > 0 &&
                 c->idle_timeout_ms > 0 && c->ping_ms > 0 && c->watch_ms > 0;
    XAI_CHECK(counts && times, err, BAD_CONFIG, "http", "threads, limits and timeouts must be above 0");
    XAI_CHECK(c->max_uri + c->max_header_bytes <= CONNECTION_MEMORY / 2, err, BAD_CONFIG, "max_header_bytes",
              "target and headers may take at most %d bytes together", CONNECTION_MEMORY / 2);
    return XAI_OK;
}

static xai_status bring_up(http_server *server, xai_error *err)
{
    const http_config *config = &server->config;
    char *cert = NULL, *key = NULL;
    if (config->static_dir) XAI_TRY(http_files_load(config->static_dir, &server->files, err));
    if (config->port >= 0)
        XAI_TRY(http_listen(config->address, config->port, &server->listener, &server->port, err));
    server->watch = http_watch_new(server);
    server->workers = http_workers_new(server, config->handler_threads);
    XAI_CHECK(server->watch && server->workers, err, NO_MEMORY, "http", "cannot start the threads of the server");
    xai_status status = read_tls(config, &cert, &key, err);
    if (status == XAI_OK) {
        start_daemon(server, cert, key);
        if (!server->daemon)
            status = XAI_ERROR_SET(err, IO, "http", "the HTTP daemon does not start: %s", strerror(errno));
    }
    free(cert);
    free(key);
    return status;
}

xai_status http_server_start(const http_config *config, const http_handlers *handlers, http_server **out,
                             xai_error *err)
{
    *out = NULL;
    XAI_TRY(check_config(config, err));
    http_server *server = calloc(1, sizeof *server);
    XAI_CHECK(server, err, NO_MEMORY, "", "out of memory");
    server->config = *config;
    server->config.static_dir = set_or_null(config->static_dir);
    server->config.tls_cert = set_or_null(config->tls_cert);
    server->config.tls_key = set_or_null(config->tls_key);
    server->handlers = *handlers;
    server->listener = -1;
    *out = server; /* before the first thread starts: a handler may already look at it */
    xai_status status = bring_up(server, err);
    server->config.address = server->config.static_dir = server->config.tls_cert = server->config.tls_key = NULL;
    if (status == XAI_OK) return XAI_OK;
    *out = NULL;
    release(server);
    return status;
}

bool http_server_adopt(http_server *server, int fd)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET};
    return MHD_add_connection(server->daemon, fd, (struct sockaddr *)&nobody, sizeof nobody) == MHD_YES;
}

int http_server_port(const http_server *server) { return server->port; }

int http_server_connections(const http_server *server) { return http_watch_count(server->watch); }

/* ---------------------------------------------------------------- stop */

static void nap(void) { nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL); }

static void wait_for_handlers(http_server *server, int grace_ms)
{
    int64_t until = xai_clock_ns() + (int64_t)grace_ms * 1000000;
    while (atomic_load(&server->handling) > 0 && xai_clock_ns() < until) nap();
}

/* Answers everything that sleeps. Repeats, because a request may just be on its way to sleep. */
static void wake_sleepers(http_server *server)
{
    int64_t until = xai_clock_ns() + (int64_t)FLUSH_MS * 1000000;
    do {
        http_watch_force(server->watch);
        nap();
    } while (http_watch_busy(server->watch) > 0 && xai_clock_ns() < until);
    while (atomic_load(&server->sleeping) > 0) { /* none may be left: stopping would abort */
        http_watch_force(server->watch);
        nap();
    }
}

void http_server_stop(http_server *server, int grace_ms)
{
    if (!server) return;
    atomic_store(&server->draining, true);
    if (server->listener >= 0) MHD_quiesce_daemon(server->daemon);
    wait_for_handlers(server, grace_ms);
    atomic_store(&server->stopping, true);
    wake_sleepers(server);
    release(server);
}
