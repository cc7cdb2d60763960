/*
 * Gate: whether the head of a request is one that we want to serve. Plain data in, a verdict out.
 *
 * libmicrohttpd 0.9.75 lets through what proxies in front of us may read differently (two lengths, a length beside a
 * transfer encoding, a space before a colon, two hosts): each is refused here, before any handler.
 */
#ifndef EXPLAIND_HTTP_GATE_H
#define EXPLAIND_HTTP_GATE_H

#include "http.h"

/* A header as it came: neither part is trusted to be free of NULs. */
typedef struct http_field {
    const char *name, *value;
    size_t name_size, value_size;
} http_field;

typedef struct http_head {
    const char *method, *target, *version; /* the target is the raw one */
    const http_field *fields;
    size_t field_count;
    bool broken; /* the transport saw bytes that it dropped: NULs, folded lines, bare line feeds */
} http_head;

/* A refusal, or status 0: pass. Texts are static, so that a verdict is a plain value. */
typedef struct http_verdict {
    int status;
    const char *code;   /* "bad-host": stable, for programs */
    const char *detail; /* what was wrong and what to do; no quotes, no control characters */
} http_verdict;

#define HTTP_PASS ((http_verdict){0, NULL, NULL})

http_verdict http_gate_check(const http_head *head, const http_config *limits);

/* The announced length of the body: -1 for chunked, 0 for none. Only after the gate has passed the head. */
int64_t http_gate_length(const http_head *head);

/* The only field of that name, or NULL. */
const http_field *http_gate_field(const http_head *head, const char *name);

#endif
