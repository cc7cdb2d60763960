/*
 * Params: scanning of header parameters, in any order and case, quoted or not.
 *
 * A backslash escapes only a quote or a backslash: file names such as "C:\x.png" come from browsers that do not
 * escape. Stateless; any thread.
 */
#include "params.h"

#include <string.h>

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static const char *skip_space(const char *c)
{
    while (*c == ' ' || *c == '\t') c++;
    return c;
}

bool http_params_token(const char *value, char *out, size_t room)
{
    value = skip_space(value);
    size_t size = strcspn(value, ";");
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) size--;
    if (size == 0 || size >= room) return false;
    for (size_t i = 0; i < size; i++) out[i] = lower(value[i]);
    out[size] = 0;
    return true;
}

static bool put(char *out, size_t room, size_t *size, char c)
{
    if (*size + 1 >= room) return false;
    out[(*size)++] = c;
    return true;
}

/* The value after an opening quote; NULL: it is not closed, or too long. */
static const char *read_quoted(const char *c, char *out, size_t room)
{
    size_t size = 0;
    for (; *c && *c != '"'; c++) {
        if (*c == '\\' && (c[1] == '"' || c[1] == '\\')) c++;
        if (!put(out, room, &size, *c)) return NULL;
    }
    if (*c != '"') return NULL;
    out[size] = 0;
    return c + 1;
}

static const char *read_plain(const char *c, char *out, size_t room)
{
    size_t size = 0;
    for (; *c && *c != ';' && *c != ' ' && *c != '\t'; c++)
        if (*c == '"' || !put(out, room, &size, *c)) return NULL;
    out[size] = 0;
    return size > 0 ? c : NULL;
}

http_param http_params_next(const char **cursor, char *key, size_t key_room, char *out, size_t room)
{
    const char *c = *cursor + strcspn(*cursor, ";");
    while (*c == ';') c = skip_space(c + 1);
    if (!*c) return HTTP_PARAM_END;
    size_t size = 0;
    for (; *c && *c != '=' && *c != ';' && *c != ' ' && *c != '\t'; c++)
        if (!put(key, key_room, &size, lower(*c))) return HTTP_PARAM_BAD;
    key[size] = 0;
    if (size == 0 || *c != '=') return HTTP_PARAM_BAD;
    c = c[1] == '"' ? read_quoted(c + 2, out, room) : read_plain(c + 1, out, room);
    if (!c) return HTTP_PARAM_BAD;
    c = skip_space(c);
    *cursor = c;
    return *c == 0 || *c == ';' ? HTTP_PARAM_FOUND : HTTP_PARAM_BAD;
}
