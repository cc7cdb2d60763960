/*
 * http: the service's sockets. The only folder that knows libmicrohttpd.
 *
 * Between the wire and a handler stand, in this order: limits on connections and time (reaper), the request gate,
 * the body collector (upload, multipart), static files. What arrives at a handler is an api_request (api/message.h).
 *
 * Threads: a few event threads own the sockets and never wait; handlers run on a small pool of their own, or on the
 * event thread where `quick` says so; one watcher thread keeps deadlines and notices clients that went away.
 */
#ifndef EXPLAIND_HTTP_H
#define EXPLAIND_HTTP_H

#include "api/message.h"
#include "base/error.h"

/* Everything that may be set; http_config_default fills in what a service on one machine wants. */
typedef struct http_config {
    const char *address;    /* numeric or host name; default 127.0.0.1 */
    int port;               /* 0: a free one, see http_server_port */
    int event_threads;      /* 2..4 */
    int handler_threads;    /* 4; each holds one handler that is parsing or writing the store */
    int max_connections;    /* 1000; the excess waits in the backlog */
    int max_per_address;    /* 0: no limit */
    size_t max_body;        /* 32 MiB: 413 beyond */
    size_t max_bodies;      /* 512 MiB: all bodies in flight; 503 beyond */
    size_t max_uri;         /* 8 KiB: 414 beyond */
    size_t max_header_bytes; /* 32 KiB, all headers: 431 beyond; below the connection's memory of 128 KiB */
    int max_headers;        /* 100: 431 beyond */
    int max_parts;          /* 16 of a multipart body: 400 beyond */
    int header_timeout_ms;  /* 10000: the request's head must be complete */
    int body_timeout_ms;    /* 60000: its body must be complete */
    int write_timeout_ms;   /* 120000: the response must be read (streams excepted) */
    int idle_timeout_ms;    /* 30000: between requests, and between bytes */
    int ping_ms;            /* 15000: heartbeat of event streams */
    int watch_ms;           /* 200: how soon a gone client or a passed deadline is noticed */
    const char *static_dir; /* served at "/", read once at the start; NULL or "": none */
    const char *tls_cert, *tls_key; /* PEM files, both or neither (NULL or "") */
    bool access_log;        /* one key=value line a request on stderr */
} http_config;

void http_config_default(http_config *config);

typedef struct http_done { /* one finished request */
    const api_request *request; /* for method, id and client */
    int status;
    size_t sent;     /* bytes of the response's body, 0 for a stream */
    double ms;       /* from the request line to the end of the response */
    bool completed;  /* false: the client did not get all of it */
} http_done;

typedef struct http_handlers {
    void *user;
    /* Answers with api_complete, now or later. */
    void (*handle)(void *user, api_request *request);
    /* Whether handle() ends at once (no parsing, no store, no lock held long), so that it may run on the event
     * thread: health checks must not queue behind uploads. NULL: none is. */
    bool (*quick)(void *user, const api_request *request);
    /* After each request, on an event thread: for counters. NULL: nobody counts. */
    void (*done)(void *user, const http_done *done);
} http_handlers;

typedef struct http_server http_server;

/* Binds, listens, serves. `config` and `handlers` are copied (the strings are not needed afterwards). *out is set
 * before the first handler runs, and NULL after a failure. */
xai_status http_server_start(const http_config *config, const http_handlers *handlers, http_server **out,
                             xai_error *err);
int http_server_port(const http_server *server);

/* Connections open now. */
int http_server_connections(const http_server *server);

/*
 * Stops accepting, gives requests in progress `grace_ms` to end, answers what is left with 503, ends event streams,
 * and releases everything. An api_complete that comes later is harmless.
 */
void http_server_stop(http_server *server, int grace_ms);

#endif
