/*
 * Inner: what the files of http/ share, and nobody else includes.
 *
 *   server    starts and stops everything          exchange  one request from its first line to its log line
 *   head      the head as libmicrohttpd kept it    answer    handlers' way back: complete, gone, wake
 *   reply     api_response -> MHD_Response         events    server-sent events
 *   watch     deadlines, clients that went away    workers   threads that run handlers
 *   linger    refused uploads, read to their end   log       request ids, access log
 *   files     the static files                     listen    the listening socket
 *
 * Locks: exchange->lock guards the answer's state, watch->lock the table of sockets, workers->lock the queue. None is
 * taken while another is held; a handler's own locks may be held around api_wake, never around api_complete.
 */
#ifndef EXPLAIND_HTTP_INNER_H
#define EXPLAIND_HTTP_INNER_H

#include "gate.h"
#include "target.h"
#include "upload.h"

#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

typedef struct http_exchange http_exchange;
typedef struct http_socket http_socket;
typedef struct http_watch http_watch;
typedef struct http_linger http_linger;
typedef struct http_workers http_workers;
typedef struct http_files http_files;

struct http_server {
    http_config config;
    http_handlers handlers;
    struct MHD_Daemon *daemon;
    int listener; /* -1: none (fuzzing) */
    int port;
    http_watch *watch;
    http_workers *workers;
    http_files *files; /* NULL: none */
    atomic_size_t bodies;   /* bytes of bodies in flight */
    atomic_int handling;    /* handlers that have not answered */
    atomic_int sleeping;    /* suspended connections */
    atomic_bool draining;   /* every response closes its connection */
    atomic_bool stopping;   /* new requests get 503 */
};

/* ---------------------------------------------------------------- exchange: a request and its response */

typedef enum http_stage {
    HTTP_STAGE_HEAD,   /* before the first call of the access handler */
    HTTP_STAGE_BODY,   /* collecting */
    HTTP_STAGE_HANDLER,/* the handler has it */
    HTTP_STAGE_REPLY   /* a response is queued */
} http_stage;

struct http_exchange {
    api_request request; /* first: handlers hold &request */
    http_server *server;
    http_socket *socket;
    struct MHD_Connection *connection; /* NULL once the connection is done with it; under `lock` */
    atomic_int refs; /* one of the connection, one of the handler or its event stream */
    http_stage stage;
    const char *raw_in_buffer; /* where libmicrohttpd keeps the target: only to be compared */
    char *raw, *decoded; /* the target as it came; what `target` points into */
    http_target target;
    char *head_block; /* copies of all headers */
    http_upload upload;
    bool head_method; /* HEAD */
    bool must_close; /* the rest of this connection's bytes cannot be trusted, or is not wanted */
    int64_t started_ns;
    char type[128];  /* request.type */
    int status;      /* of the response; 0: none was queued */
    size_t sent;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool suspended, answered, gone;
    void (*on_gone)(void *user);
    void *gone_user;
    bool in_gone; /* on_gone is running */
    api_response response;

    bool wake_pending, stream_ended; /* under lock */
    char *frame; /* event text that waits to be sent; the reader's own */
    size_t frame_size, frame_sent;
    _Atomic int64_t last_sent_ns;

    http_exchange *next; /* in the workers' queue */
};

/* Called with the raw target as soon as the request line is there. NULL: no memory, the connection is closed. */
http_exchange *http_exchange_new(http_server *server, struct MHD_Connection *connection, const char *raw);
enum MHD_Result http_exchange_step(http_exchange *exchange, struct MHD_Connection *connection, const char *method,
                                   const char *version, const char *upload, size_t *upload_size);
void http_exchange_completed(http_exchange *exchange, enum MHD_RequestTerminationCode code);
void http_exchange_ref(http_exchange *exchange);
void http_exchange_unref(http_exchange *exchange);

/* ---------------------------------------------------------------- head */

/* The head of the request as plain data. `fields` has room for `room` entries. */
void http_head_read(http_exchange *exchange, struct MHD_Connection *connection, const char *method,
                    const char *version, http_field *fields, size_t room, http_head *out);
size_t http_head_count(struct MHD_Connection *connection);

/* ---------------------------------------------------------------- answer */

extern const api_transport http_transport;

/* Puts the connection to sleep until the answer is there; false if it is there already. On the event thread. */
bool http_answer_wait(http_exchange *exchange);
/* The same inside a stream's reader: false when somebody woke it, or the stream or the server ends. */
bool http_answer_pause(http_exchange *exchange);
/* Nobody waits for the answer any more: tells the handler, once. */
void http_answer_gone(http_exchange *exchange);
/* The server stops: answers with 503 in the handler's place, or ends the stream. */
void http_answer_force(http_exchange *exchange);

/* ---------------------------------------------------------------- reply */

/* Queues exchange->response, which it takes over. */
enum MHD_Result http_reply_queue(http_exchange *exchange, struct MHD_Connection *connection);
/* Ends a response that was never queued. */
void http_reply_drop(http_exchange *exchange);
/* Makes the problem document of a verdict the exchange's response. */
void http_reply_problem(http_exchange *exchange, http_verdict verdict);

/* ---------------------------------------------------------------- events */

struct MHD_Response *http_events_response(http_exchange *exchange);

/* ---------------------------------------------------------------- watch */

typedef enum http_phase { HTTP_PHASE_IDLE, HTTP_PHASE_HEAD, HTTP_PHASE_BODY, HTTP_PHASE_WAIT, HTTP_PHASE_REPLY,
                          HTTP_PHASE_STREAM } http_phase;

http_watch *http_watch_new(http_server *server);
void http_watch_free(http_watch *watch);
http_socket *http_watch_add(http_watch *watch, int fd);
/* The connection is about to be closed. */
void http_watch_remove(http_watch *watch, http_socket *socket);
/* A new phase, and with it a new deadline. `exchange` is watched for its client in WAIT and STREAM. */
void http_watch_phase(http_watch *watch, http_socket *socket, http_phase phase, http_exchange *exchange);
/* The request was refused unread: read and drop what still comes, so that the answer is not lost in a reset. */
void http_watch_linger(http_watch *watch, http_socket *socket);
/* http_answer_force for everything that sleeps. */
void http_watch_force(http_watch *watch);
int http_watch_count(http_watch *watch);
/* Connections with a request in progress. */
int http_watch_busy(http_watch *watch);

/* ---------------------------------------------------------------- linger */

enum { HTTP_LINGER_MAX = 64 };

http_linger *http_linger_new(void);
void http_linger_free(http_linger *linger);
/* Keeps a copy of the descriptor until the peer is done. False: there are too many, or no descriptors are left. */
bool http_linger_add(http_linger *linger, int fd);
/* What to wait for; `polls` has room for HTTP_LINGER_MAX. */
nfds_t http_linger_polls(http_linger *linger, struct pollfd *polls);
void http_linger_drain(http_linger *linger);

/* ---------------------------------------------------------------- workers */

http_workers *http_workers_new(http_server *server, int threads);
void http_workers_push(http_workers *workers, http_exchange *exchange);
/* Runs what is queued, then ends the threads. */
void http_workers_free(http_workers *workers);

/* ---------------------------------------------------------------- files */

typedef struct http_file http_file;

xai_status http_files_load(const char *dir, http_files **out, xai_error *err);
void http_files_free(http_files *files);
/* The file of that path, or NULL. `files` may be NULL. */
const http_file *http_files_find(const http_files *files, const char *path);
/* Answers a request for the file; the response borrows its bytes. */
void http_files_answer(const http_file *file, const api_request *request, api_response *response);

/* ---------------------------------------------------------------- listen, log */

/* Serves a connected stream socket, which it takes over. For tests and fuzzing without a listener (port -1). */
bool http_server_adopt(http_server *server, int fd);

xai_status http_listen(const char *address, int port, int *fd, int *bound, xai_error *err);

/* Takes the client's id if it is 1 to 64 of [A-Za-z0-9._-], else makes one of 128 random bits. */
void http_log_request_id(char out[65], const char *given);
void http_log_access(const http_exchange *exchange, const http_done *done);

#endif
