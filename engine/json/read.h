/*
 * Reading JSON members with errors that point at the culprit. For the files of this folder and the server's handlers.
 *
 * A cursor is a value together with its JSON pointer (RFC 6901), so that every error says where: "/methods/0/id".
 */
#ifndef XAI_JSON_READ_H
#define XAI_JSON_READ_H

#include <jansson.h>

#include "base/error.h"

typedef struct xai_json_at {
    const json_t *value; /* NULL: the member is absent */
    xai_status blame;    /* the status of errors: BAD_REQUEST or BAD_CONFIG */
    char pointer[160];
} xai_json_at;

xai_json_at xai_json_root(const json_t *value, xai_status blame);
xai_json_at xai_json_member(const xai_json_at *object, const char *key);
xai_json_at xai_json_item(const xai_json_at *array, size_t index);

/* Fails with the cursor's status and pointer. */
#define XAI_JSON_FAIL(err, at, ...) \
    return xai_error_set((err), (at)->blame, __FILE__, __LINE__, (at)->pointer, __VA_ARGS__)

/* Whether the member is there and not null. */
bool xai_json_given(const xai_json_at *at);

/* Each leaves *out alone when the member is absent or null, and fails when it has another type. */
xai_status xai_json_get_text(const xai_json_at *at, const char **out, xai_error *err);
xai_status xai_json_get_bool(const xai_json_at *at, bool *out, xai_error *err);
xai_status xai_json_get_int(const xai_json_at *at, int64_t min, int64_t max, int64_t *out, xai_error *err);
xai_status xai_json_get_real(const xai_json_at *at, double *out, xai_error *err); /* finite */

/* Index of a text among `choices` ("RGB|BGR|GRAY"). */
xai_status xai_json_get_choice(const xai_json_at *at, const char *choices, int *out, xai_error *err);

/* Fails unless the value is an object, with members among "a|b|c" alone; names the nearest for a misspelt one. */
xai_status xai_json_check_object(const xai_json_at *at, const char *members, xai_error *err);

/* Fails unless the value is an array of min..max items. */
xai_status xai_json_check_array(const xai_json_at *at, size_t min, size_t max, xai_error *err);

/* Parses bytes: no duplicate keys, nothing after the value, at most 64 levels. Errors: `blame`, with line and column. */
xai_status xai_json_parse(const char *bytes, size_t size, xai_status blame, json_t **out, xai_error *err);

#endif
