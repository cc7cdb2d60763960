/* Cursors over JSON values. No state; a cursor lives on the stack of whoever reads. */
#include "read.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/param.h"

enum { MAX_DEPTH = 64 };

xai_json_at xai_json_root(const json_t *value, xai_status blame)
{
    return (xai_json_at){.value = value, .blame = blame};
}

/* `key` with "~" and "/" escaped as RFC 6901 wants. */
static void escape(const char *key, char *out, size_t size)
{
    size_t n = 0;
    for (; *key && n + 3 < size; key++) {
        if (*key == '~' || *key == '/') {
            out[n++] = '~';
            out[n++] = *key == '~' ? '0' : '1';
        } else {
            out[n++] = *key;
        }
    }
    out[n] = '\0';
}

static xai_json_at child(const xai_json_at *at, const json_t *value, const char *segment)
{
    xai_json_at below = {.value = value, .blame = at->blame};
    size_t used = strlen(at->pointer), n = strlen(segment);
    memcpy(below.pointer, at->pointer, used + 1);
    if (used + 1 + n >= sizeof below.pointer) return below; /* too long: the parent is near enough */
    below.pointer[used] = '/';
    memcpy(below.pointer + used + 1, segment, n + 1);
    return below;
}

xai_json_at xai_json_member(const xai_json_at *object, const char *key)
{
    char segment[100];
    escape(key, segment, sizeof segment);
    return child(object, json_object_get(object->value, key), segment);
}

xai_json_at xai_json_item(const xai_json_at *array, size_t index)
{
    char segment[24];
    snprintf(segment, sizeof segment, "%zu", index);
    return child(array, json_array_get(array->value, index), segment);
}

bool xai_json_given(const xai_json_at *at) { return at->value && !json_is_null(at->value); }

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a text";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    case JSON_NULL: return "null";
    }
    return "something else";
}

xai_status xai_json_get_text(const xai_json_at *at, const char **out, xai_error *err)
{
    if (!xai_json_given(at)) return XAI_OK;
    if (!json_is_string(at->value)) XAI_JSON_FAIL(err, at, "must be a text, got %s", type_name(at->value));
    const char *text = json_string_value(at->value);
    if (strlen(text) != json_string_length(at->value)) XAI_JSON_FAIL(err, at, "must not hold a NUL character");
    *out = text;
    return XAI_OK;
}

xai_status xai_json_get_bool(const xai_json_at *at, bool *out, xai_error *err)
{
    if (!xai_json_given(at)) return XAI_OK;
    if (!json_is_boolean(at->value)) XAI_JSON_FAIL(err, at, "must be true or false, got %s", type_name(at->value));
    *out = json_is_true(at->value);
    return XAI_OK;
}

xai_status xai_json_get_int(const xai_json_at *at, int64_t min, int64_t max, int64_t *out, xai_error *err)
{
    if (!xai_json_given(at)) return XAI_OK;
    double real = json_is_real(at->value) ? json_real_value(at->value) : 0; /* 3.0 is a whole number too */
    bool whole = json_is_integer(at->value) || (json_is_real(at->value) && real == floor(real) && fabs(real) < 1e15);
    json_int_t value = json_is_integer(at->value) ? json_integer_value(at->value) : whole ? (json_int_t)real : 0;
    if (!whole || value < min || value > max)
        XAI_JSON_FAIL(err, at, "must be a whole number from %lld to %lld", (long long)min, (long long)max);
    *out = value;
    return XAI_OK;
}

xai_status xai_json_get_real(const xai_json_at *at, double *out, xai_error *err)
{
    if (!xai_json_given(at)) return XAI_OK;
    if (!json_is_number(at->value)) XAI_JSON_FAIL(err, at, "must be a number, got %s", type_name(at->value));
    *out = json_number_value(at->value);
    return XAI_OK;
}

xai_status xai_json_get_choice(const xai_json_at *at, const char *choices, int *out, xai_error *err)
{
    const char *text = NULL;
    XAI_TRY(xai_json_get_text(at, &text, err));
    if (!text) return XAI_OK;
    size_t len = 0;
    const char *choice;
    for (size_t i = 0; (choice = xai_choice_at(choices, i, &len)) != NULL; i++) {
        if (strlen(text) != len || strncmp(text, choice, len) != 0) continue;
        *out = (int)i;
        return XAI_OK;
    }
    XAI_JSON_FAIL(err, at, "must be one of %s, got \"%.60s\"", choices, text);
}

static bool is_choice(const char *choices, const char *text)
{
    size_t len = 0;
    const char *choice;
    for (size_t i = 0; (choice = xai_choice_at(choices, i, &len)) != NULL; i++)
        if (strlen(text) == len && strncmp(text, choice, len) == 0) return true;
    return false;
}

static xai_status unknown_member(const xai_json_at *at, const char *key, const char *members, xai_error *err)
{
    xai_json_at culprit = xai_json_member(at, key);
    char names[32][32];
    size_t len = 0;
    const char *choice;
    xai_nearest search = xai_nearest_to(key);
    for (size_t i = 0; i < 32 && (choice = xai_choice_at(members, i, &len)) != NULL; i++) {
        snprintf(names[i], sizeof names[i], "%.*s", (int)len, choice);
        xai_nearest_try(&search, names[i]);
    }
    if (search.best)
        XAI_JSON_FAIL(err, &culprit, "there is no member \"%.60s\" here; did you mean \"%s\"?", key, search.best);
    XAI_JSON_FAIL(err, &culprit, "there is no member \"%.60s\" here; known: %s", key, members);
}

xai_status xai_json_check_object(const xai_json_at *at, const char *members, xai_error *err)
{
    if (!json_is_object(at->value)) XAI_JSON_FAIL(err, at, "must be an object");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)at->value, key, value) {
        if (!is_choice(members, key)) return unknown_member(at, key, members, err);
    }
    return XAI_OK;
}

xai_status xai_json_check_array(const xai_json_at *at, size_t min, size_t max, xai_error *err)
{
    if (!json_is_array(at->value)) XAI_JSON_FAIL(err, at, "must be an array");
    size_t n = json_array_size(at->value);
    if (n < min || n > max) XAI_JSON_FAIL(err, at, "must have %zu to %zu items, has %zu", min, max, n);
    return XAI_OK;
}

static int depth_of(const char *bytes, size_t size)
{
    int depth = 0, deepest = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        char c = bytes[i];
        if (quoted && c == '\\') i++;
        else if (c == '"') quoted = !quoted;
        else if (!quoted && (c == '{' || c == '[')) deepest = ++depth > deepest ? depth : deepest;
        else if (!quoted && (c == '}' || c == ']')) depth--;
    }
    return deepest;
}

xai_status xai_json_parse(const char *bytes, size_t size, xai_status blame, json_t **out, xai_error *err)
{
    xai_json_at at = xai_json_root(NULL, blame);
    if (depth_of(bytes, size) > MAX_DEPTH) XAI_JSON_FAIL(err, &at, "the JSON is nested deeper than %d levels", MAX_DEPTH);
    json_error_t cause;
    *out = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &cause);
    if (!*out) XAI_JSON_FAIL(err, &at, "not valid JSON: %s (line %d, column %d)", cause.text, cause.line, cause.column);
    return XAI_OK;
}
