/*
 * Params: a header value of the form `token; key=value; key="quoted value"` (RFC 9110, 5.6.6).
 */
#ifndef EXPLAIND_HTTP_PARAMS_H
#define EXPLAIND_HTTP_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

/* The text before the first ';', trimmed and in lower case. False if it does not fit or is empty. */
bool http_params_token(const char *value, char *out, size_t room);

typedef enum http_param { HTTP_PARAM_FOUND, HTTP_PARAM_END, HTTP_PARAM_BAD } http_param;

/*
 * The next parameter. *cursor starts at the header value and is moved on. `key` gets the name in lower case, `out`
 * the value with quotes and backslashes removed. BAD: no '=', an open quote, stray text, or too long for its room.
 */
http_param http_params_next(const char **cursor, char *key, size_t key_room, char *out, size_t room);

#endif
