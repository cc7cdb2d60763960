/*
 * Targets as text: "504,neuron:conv5:12:3,4". No state.
 *
 * Fields are counted from the end, since names of layers may hold colons themselves. A comma ends a target, unless
 * what follows is a number that the box or the position before it still lacks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/param.h"
#include "target.h"

static bool is_kind(const char *text, const char *kind) { return strncmp(text, kind, strlen(kind)) == 0; }

static bool is_number(const char *text, size_t n)
{
    return n > 0 && n < 19 && strspn(text, "0123456789") >= n;
}

/* ---------------------------------------------------------------- where a target ends */

/* How many numbers, divided by commas, the last field of a target has. */
static size_t numbers_wanted(const char *text, size_t n)
{
    const char *last = memrchr(text, ':', n);
    if (is_kind(text, "box:")) return 4;
    if (!is_kind(text, "neuron:") || !last) return 1;
    const char *before = memrchr(text, ':', (size_t)(last - text));
    bool position = before && is_number(before + 1, (size_t)(last - before - 1));
    return position && before > text + strlen("neuron:") ? 2 : 1; /* "neuron:L:3:4,5", but not "neuron:3:4" */
}

/* Bytes of the first target of a list. */
static size_t target_length(const char *text)
{
    size_t n = strcspn(text, ","), wanted = numbers_wanted(text, n);
    for (size_t found = 1; found < wanted && text[n] == ','; found++) {
        size_t more = strcspn(text + n + 1, ",");
        if (!is_number(text + n + 1, more)) break;
        n += 1 + more;
    }
    return n;
}

/* ---------------------------------------------------------------- kinds */

static xai_status malformed(const char *text, const char *form, xai_error *err)
{
    XAI_FAIL(err, BAD_REQUEST, "target", "\"%.100s\" is not of the form %s", text, form);
}

/* "3,4" as [3,4]; NULL: not of `count` numbers. */
static json_t *numbers_of(const char *text, size_t count)
{
    json_t *list = json_array();
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, ",");
        double value = 0;
        char digits[24] = "";
        if (is_number(p, n)) memcpy(digits, p, n);
        bool ok = digits[0] && xai_parse_number(digits, &value);
        json_array_append_new(list, ok ? json_integer((json_int_t)value) : json_null());
        p += n;
        if (!ok || *p == '\0') {
            if (ok && json_array_size(list) == count) return list;
            json_decref(list);
            return NULL;
        }
    }
}

/* One number; NULL: it is none. */
static json_t *number_of(const char *text)
{
    json_t *list = numbers_of(text, 1), *number = list ? json_incref(json_array_get(list, 0)) : NULL;
    json_decref(list);
    return number;
}

/* Cuts the last field off; NULL: there is none. */
static char *cut(char *text)
{
    char *colon = strrchr(text, ':');
    if (!colon) return NULL;
    *colon = '\0';
    return colon + 1;
}

static json_t *class_of(const char *text) { return text[0] ? json_string(text) : json_null(); }

static xai_status neuron_of(const char *whole, char *rest, json_t **out, xai_error *err)
{
    char *last = cut(rest), *channel = last;
    json_t *position = last ? numbers_of(last, 2) : NULL, *number;
    if (position) channel = cut(rest);
    number = channel ? number_of(channel) : NULL;
    if (!number || !rest[0]) {
        json_decref(position);
        json_decref(number);
        return malformed(whole, "neuron:LAYER:CHANNEL or neuron:LAYER:CHANNEL:ROW,COL", err);
    }
    *out = json_pack("{s:{s:s, s:o}}", "neuron", "layer", rest, "channel", number);
    if (position) json_object_set_new(json_object_get(*out, "neuron"), "position", position);
    return XAI_OK;
}

static xai_status output_of(const char *whole, char *rest, json_t **out, xai_error *err)
{
    char *last = cut(rest);
    json_t *index = number_of(last ? last : rest);
    if (!index) return malformed(whole, "output:NAME:INDEX or output:INDEX", err);
    *out = last ? json_pack("{s:{s:s, s:o}}", "output", "name", rest, "index", index)
                : json_pack("{s:{s:o}}", "output", "index", index);
    return XAI_OK;
}

static xai_status box_of(const char *whole, char *rest, json_t **out, xai_error *err)
{
    char *last = cut(rest);
    json_t *box = last ? numbers_of(last, 4) : NULL;
    if (!box) return malformed(whole, "box:CLASS:TOP,LEFT,BOTTOM,RIGHT", err);
    *out = json_pack("{s:o, s:o}", "class", class_of(rest), "box", box);
    return XAI_OK;
}

/* The file's name may hold colons; the class's may not. */
static xai_status mask_of(const char *whole, char *rest, json_t **out, xai_error *err)
{
    char *colon = strchr(rest, ':');
    if (!colon || !colon[1]) return malformed(whole, "mask:CLASS:FILE", err);
    *colon = '\0';
    *out = json_pack("{s:o, s:{s:s}}", "class", class_of(rest), "mask", "file", colon + 1);
    return XAI_OK;
}

static xai_status target_of(char *text, json_t **out, xai_error *err)
{
    static const struct {
        const char *kind;
        xai_status (*read)(const char *whole, char *rest, json_t **out, xai_error *err);
    } KINDS[] = {{"neuron:", neuron_of}, {"output:", output_of}, {"box:", box_of}, {"mask:", mask_of}};
    char whole[128];
    snprintf(whole, sizeof whole, "%s", text);
    *out = NULL;
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (is_kind(text, KINDS[i].kind)) {
            XAI_TRY(KINDS[i].read(whole, text + strlen(KINDS[i].kind), out, err));
            XAI_CHECK(*out, err, BAD_REQUEST, "target", "\"%.100s\" is not valid UTF-8", whole);
            return XAI_OK;
        }
    *out = json_pack("{s:s}", "class", text);
    XAI_CHECK(*out, err, BAD_REQUEST, "target", "\"target\" is not valid UTF-8");
    return XAI_OK;
}

/* ---------------------------------------------------------------- the list */

/* The target at *text, and *text behind it. */
static xai_status next_target(const char **text, json_t **out, xai_error *err)
{
    if (**text == '{') {
        json_error_t cause;
        *out = json_loads(*text, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &cause);
        XAI_CHECK(*out, err, BAD_REQUEST, "target", "not valid JSON: %s (column %d)", cause.text, cause.column);
        *text += cause.position;
        return XAI_OK;
    }
    size_t n = target_length(*text);
    char *copy = strndup(*text, n);
    if (!copy) XAI_NO_MEMORY(err);
    xai_status status = target_of(copy, out, err);
    free(copy);
    *text += n;
    return status;
}

xai_status xai_json_targets_of_text(const char *text, json_t **out, xai_error *err)
{
    json_t *list = json_array();
    for (;; text++) {
        json_t *target = NULL;
        xai_status status = next_target(&text, &target, err);
        if (status == XAI_OK && *text && *text != ',')
            status = XAI_ERROR_SET(err, BAD_REQUEST, "target", "a comma must stand between targets, before \"%.40s\"", text);
        if (status != XAI_OK) {
            json_decref(target);
            json_decref(list);
            return status;
        }
        json_array_append_new(list, target);
        if (!*text) break;
    }
    *out = list;
    return XAI_OK;
}
