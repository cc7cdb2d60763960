/*
 * Target: a raw request target as path and query, decoded strictly.
 *
 * Own code, because libmicrohttpd decodes %00 into an end of string and leaves invalid escapes as they are.
 */
#ifndef EXPLAIND_HTTP_TARGET_H
#define EXPLAIND_HTTP_TARGET_H

#include "gate.h"

enum { HTTP_MAX_QUERY = 64 };

typedef struct http_target {
    char *path;
    api_pair query[HTTP_MAX_QUERY];
    size_t query_count;
} http_target;

/* Decodes in place: `raw` (NUL-terminated) is overwritten, and `out` points into it. */
http_verdict http_target_parse(char *raw, http_target *out);

/* Whether `size` bytes are valid UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool http_utf8_valid(const char *text, size_t size);

/* 0..15, or -1. */
int http_hex_digit(char c);

#endif
