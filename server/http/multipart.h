/*
 * Multipart: a streaming parser of multipart/form-data (RFC 7578, RFC 2046).
 *
 * Bytes go in as they arrive, cut anywhere; parts come out through two callbacks. Strict on purpose: lines end with
 * CRLF, every part has a name, a body that ends early is an error, and nothing is dropped silently.
 */
#ifndef EXPLAIND_HTTP_MULTIPART_H
#define EXPLAIND_HTTP_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

enum {
    HTTP_MAX_BOUNDARY = 70,      /* RFC 2046 */
    HTTP_MAX_PART_HEAD = 4096,   /* bytes of all headers of one part */
    HTTP_MAX_PART_NAME = 256     /* bytes of name, file name or media type, with the final NUL */
};

typedef struct http_part_head {
    char name[HTTP_MAX_PART_NAME];
    char filename[HTTP_MAX_PART_NAME]; /* from filename* where given (RFC 8187), else filename */
    char type[HTTP_MAX_PART_NAME];     /* lower case, without parameters; "" if none */
    bool has_filename;
} http_part_head;

/* Each may refuse by returning false; the parser then fails with "refused", and the sink knows why. */
typedef struct http_part_sink {
    bool (*begin)(void *user, const http_part_head *head);
    bool (*data)(void *user, const char *bytes, size_t size);
    void *user;
} http_part_sink;

typedef struct http_multipart {
    enum {
        HTTP_MP_PREAMBLE, HTTP_MP_DELIMITER, HTTP_MP_PADDING, HTTP_MP_CLOSING, HTTP_MP_HEAD, HTTP_MP_BODY,
        HTTP_MP_EPILOGUE, HTTP_MP_FAILED
    } state;
    char delimiter[HTTP_MAX_BOUNDARY + 5]; /* CR LF - - boundary */
    size_t delimiter_size;
    size_t matched; /* bytes of the delimiter seen so far */
    size_t assumed; /* those of them that never were data: the CR LF before the body's start, or of a head */
    char head[HTTP_MAX_PART_HEAD];
    size_t head_size;
    size_t parts, max_parts;
    http_part_sink sink;
    const char *error; /* static text, a whole sentence; NULL: none yet */
} http_multipart;

/* `content_type` is the whole header value. False: `error` says what is wrong with it. */
bool http_multipart_init(http_multipart *parser, const char *content_type, size_t max_parts,
                         const http_part_sink *sink);
/* False: `error` says what is wrong; further calls change nothing. */
bool http_multipart_feed(http_multipart *parser, const char *bytes, size_t size);
/* The body is over. False if it ended early. */
bool http_multipart_end(http_multipart *parser);

#endif
