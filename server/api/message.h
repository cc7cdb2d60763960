/*
 * Message: a request and its response as plain data, so that handlers run without a socket.
 *
 * A handler gets an api_request and answers it exactly once with api_complete: before it returns, or later from any
 * thread (the connection sleeps meanwhile; no thread is held). Whoever answers later keeps the deadline (`wait_ms`)
 * itself. Every byte of the request lives until api_complete is called, and no longer; only a response with `events`
 * keeps the request, for api_wake alone, until events.close.
 *
 * The transport behind a request is a table of three functions: server/http fills it for sockets, a test may fill its
 * own.
 */
#ifndef EXPLAIND_API_MESSAGE_H
#define EXPLAIND_API_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    API_MAX_HEADERS = 12,      /* of a response, beside content type and length */
    API_MAX_HEADER_VALUE = 512 /* bytes of a response header's value, with the final NUL */
};

/* ---------------------------------------------------------------- request */

typedef struct api_pair {
    const char *name, *value;
} api_pair;

/* One part of a multipart/form-data body. `bytes` are followed by a NUL that `size` does not count. */
typedef struct api_part {
    const char *name;     /* never NULL */
    const char *filename; /* NULL: none */
    const char *type;     /* media type in lower case without parameters; NULL: none given */
    const uint8_t *bytes;
    size_t size;
} api_part;

typedef struct api_request api_request;
typedef struct api_response api_response;

typedef struct api_transport {
    void (*complete)(api_request *request, api_response *response);
    bool (*on_gone)(api_request *request, void (*gone)(void *user), void *user);
    void (*wake)(api_request *request);
} api_transport;

struct api_request {
    const char *method; /* "GET" for HEAD too: the transport drops the body */
    const char *path;   /* percent-decoded; begins with '/'; no NUL, no control character, no "." or ".." segment */
    const api_pair *query; /* percent-decoded, '+' as space, in order */
    size_t query_count;
    const api_pair *headers; /* as sent, in order; look up with api_request_header */
    size_t header_count;
    const char *type;     /* media type of the body in lower case without parameters; NULL: none given */
    const uint8_t *body;  /* followed by a NUL that `size` does not count; NULL when empty or multipart */
    size_t size;
    const api_part *parts; /* multipart/form-data */
    size_t part_count;
    char id[65];          /* X-Request-Id: echoed, logged, `instance` of problems */
    char remote[46];      /* numeric address of the peer */
    char client[64];      /* who pays: written by the handler once it knows the key; "" until then; logged */
    const api_transport *transport;
};

/* The first value of that name, or NULL. Header names match in any case. */
const char *api_request_query(const api_request *request, const char *name);
const char *api_request_header(const api_request *request, const char *name);
const api_part *api_request_part(const api_request *request, const char *name);

/* ---------------------------------------------------------------- response */

/* One server-sent event. `data` is heap memory that the transport frees; newlines in it are allowed. */
typedef struct api_event {
    uint64_t id;      /* 0: the event has none */
    const char *name; /* static; NULL: an unnamed message */
    char *data;
} api_event;

typedef enum api_next { API_NEXT_EVENT, API_NEXT_WAIT, API_NEXT_END } api_next;

/* A stream of events: pulled by the transport, which sleeps after API_NEXT_WAIT until api_wake(request). */
typedef struct api_events {
    /* Fills *event (API_NEXT_EVENT). Must not block; never runs on two threads at once. */
    api_next (*next)(void *user, api_event *event);
    /* The stream is over (API_NEXT_END, client gone, server stops). Called exactly once; next() is not called any
     * more, and api_wake must not be called after this returns. */
    void (*close)(void *user);
    void *user;
} api_events;

struct api_response {
    int status;
    const char *type; /* media type, static; NULL: no body */
    struct api_response_header {
        const char *name; /* static */
        char value[API_MAX_HEADER_VALUE];
    } headers[API_MAX_HEADERS];
    size_t header_count;
    const void *body;
    size_t size;
    void (*release)(void *owner); /* called once when `body` is no longer needed, whatever happens; NULL: static */
    void *owner;
    api_events events; /* next != NULL: text/event-stream instead of a body */
};

/* An empty response: headers and body are added to it. */
void api_response_init(api_response *response, int status);

/* Takes `body` (heap memory, ended with free). `type` is static. */
void api_response_take(api_response *response, const char *type, char *body, size_t size);

/* Adds a header; false (and nothing added) when it does not fit or holds control characters. `name` is static. */
bool api_response_header(api_response *response, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends what an unsent response owns. */
void api_response_clear(api_response *response);

/* ---------------------------------------------------------------- answering */

/* Answers, from any thread; takes over what `response` owns. The request is gone afterwards (see `events`). */
void api_complete(api_request *request, api_response *response);

/*
 * Asks to be told, once, when the client goes away before api_complete. `gone` runs on a thread of the transport; the
 * request must still be completed (nobody reads it). False: the client is gone already, `gone` will not be called.
 * api_complete waits for a `gone` in progress, so `user` need live no longer than the request; therefore never call
 * api_complete while holding a lock that `gone` takes. `gone` itself must not call api_complete.
 */
bool api_on_gone(api_request *request, void (*gone)(void *user), void *user);

/* There may be something to pull from the events of this request's response. Any thread; may hold the caller's locks,
 * also before api_complete (it is then remembered). */
void api_wake(api_request *request);

#endif
