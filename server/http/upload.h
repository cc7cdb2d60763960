/*
 * Upload: the body of one request, collected as it arrives.
 *
 * Memory grows with the bytes that really came, never with what a header promised, and every byte is counted against
 * a total that all uploads share. After a refusal the rest is taken and dropped, because libmicrohttpd can answer
 * only once the body is over.
 */
#ifndef EXPLAIND_HTTP_UPLOAD_H
#define EXPLAIND_HTTP_UPLOAD_H

#include "gate.h"
#include "multipart.h"

#include <stdatomic.h>

typedef struct http_buffer {
    uint8_t *bytes; /* a NUL follows `size` bytes */
    size_t size, capacity;
} http_buffer;

typedef struct http_upload_part {
    http_part_head head;
    http_buffer buffer;
} http_upload_part;

typedef struct http_upload {
    const http_config *limits;
    atomic_size_t *total; /* bytes held by all uploads */
    size_t held;          /* bytes of `total` that are ours */
    size_t received;
    http_verdict verdict;
    http_buffer body;
    http_multipart *parser; /* NULL: the body is one piece */
    http_upload_part **parts;
    size_t part_count;
    api_part *table; /* made by http_upload_finish */
} http_upload;

/* `content_type` may be NULL. A refusal shows in `verdict`. */
void http_upload_init(http_upload *upload, const http_config *limits, atomic_size_t *total, const char *content_type);
void http_upload_feed(http_upload *upload, const char *bytes, size_t size);
/* The body is complete: writes body or parts into `request`, which borrows them. */
http_verdict http_upload_finish(http_upload *upload, api_request *request);
/* Gives the bytes back to the total; the memory stays until http_upload_free. */
void http_upload_settle(http_upload *upload);
void http_upload_free(http_upload *upload);

#endif
