/* Pairs: a query or a command line as the JSON form of a request. No state. */
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/param.h"
#include "request.h"

typedef enum pair_kind { PAIR_TEXT, PAIR_NUMBER, PAIR_LIST, PAIR_TARGETS, PAIR_MEMBER, PAIR_REGION } pair_kind;

static const struct {
    const char *name;
    pair_kind kind;
} PAIRS[] = {{"model", PAIR_TEXT},   {"method", PAIR_LIST},     {"target", PAIR_TARGETS},
             {"space", PAIR_MEMBER}, {"contrast", PAIR_MEMBER}, {"seed", PAIR_NUMBER},
             {"outputs", PAIR_LIST}, {"top", PAIR_NUMBER},      {"wait_ms", PAIR_NUMBER},
             {"precision", PAIR_TEXT}, {"evaluate", PAIR_LIST},
             {"expected", PAIR_REGION}};

enum { PAIR_COUNT = sizeof PAIRS / sizeof PAIRS[0] };

static xai_status unknown_pair(const char *name, xai_error *err)
{
    xai_nearest search = xai_nearest_to(name);
    for (size_t i = 0; i < PAIR_COUNT; i++) xai_nearest_try(&search, PAIRS[i].name);
    if (search.best) XAI_FAIL(err, BAD_REQUEST, name, "unknown \"%.60s\"; did you mean \"%s\"?", name, search.best);
    XAI_FAIL(err, BAD_REQUEST, name,
             "unknown \"%.60s\"; known: model, method, target, space, contrast, seed, outputs, top, wait_ms, "
             "precision, evaluate, expected, param.NAME", name);
}

static xai_status set(json_t *object, const char *name, json_t *value, xai_error *err)
{
    XAI_CHECK(!json_object_get(object, name) || (json_decref(value), false), err, BAD_REQUEST, name,
              "\"%.60s\" is given twice", name);
    XAI_CHECK(json_object_set_new(object, name, value) == 0, err, BAD_REQUEST, name, "\"%.60s\" is not valid UTF-8",
              name);
    return XAI_OK;
}

static json_t *whole_number(const char *text)
{
    char *end;
    double value = 0;
    if (!xai_parse_number(text, &value)) return json_string(text); /* the reader says what is wrong */
    long long whole = strtoll(text, &end, 10);
    return *end == '\0' ? json_integer(whole) : json_real(value);
}

/* "a,b" as ["a","b"]. */
static json_t *list_of(const char *text)
{
    json_t *list = json_array();
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, ",");
        json_array_append_new(list, json_stringn(p, n));
        p += n;
        if (*p == '\0') return list;
    }
}

static xai_status add_targets(json_t *root, const char *name, const char *value, xai_error *err)
{
    json_t *list;
    XAI_TRY(xai_json_targets_of_text(value, &list, err));
    return set(root, name, list, err);
}

/* "box:1,2,3,4" or "mask:FILE": a target's text without its class. */
static xai_status add_region(json_t *root, const char *name, const char *value, xai_error *err)
{
    const char *colon = strchr(value, ':');
    bool known = strncmp(value, "box:", 4) == 0 || strncmp(value, "mask:", 5) == 0;
    XAI_CHECK(known, err, BAD_REQUEST, name, "\"%.100s\" is not of the form box:TOP,LEFT,BOTTOM,RIGHT or mask:FILE", value);
    char *text = malloc(strlen(value) + 2);
    if (!text) XAI_NO_MEMORY(err);
    memcpy(text, value, (size_t)(colon - value) + 1);
    strcpy(text + (colon - value) + 1, colon);
    json_t *list;
    xai_status status = xai_json_targets_of_text(text, &list, err);
    free(text);
    XAI_TRY(status);
    json_t *region = json_incref(json_array_get(list, 0));
    json_decref(list);
    json_object_del(region, "class");
    return set(root, name, region, err);
}

static xai_status add_pair(json_t *root, json_t *target, const char *name, const char *value, xai_error *err)
{
    for (size_t i = 0; i < PAIR_COUNT; i++) {
        if (strcmp(PAIRS[i].name, name) != 0) continue;
        switch (PAIRS[i].kind) {
        case PAIR_TEXT: return set(root, name, json_string(value), err);
        case PAIR_NUMBER: return set(root, name, whole_number(value), err);
        case PAIR_LIST: return set(root, name, list_of(value), err);
        case PAIR_MEMBER: return set(target, name, json_string(value), err);
        case PAIR_REGION: return add_region(root, name, value, err);
        case PAIR_TARGETS: return add_targets(root, name, value, err);
        }
    }
    return unknown_pair(name, err);
}

/* Whether a key begins with "METHOD.". A plus that a query does not escape arrives as a space, which no id has. */
static bool names_method(const char *key, const char *id)
{
    for (; *id; key++, id++)
        if (*key != *id && !(*id == '+' && *key == ' ')) return false;
    return *key == '.';
}

static json_t *id_of(const char *text)
{
    json_t *id = NULL;
    char *copy = strdup(text);
    for (char *c = copy; c && *c; c++)
        if (*c == ' ') *c = '+';
    if (copy) id = json_string(copy);
    free(copy);
    return id;
}

static xai_status add_to(json_t *calls, bool all, const char *name, const char *value, size_t *used, xai_error *err)
{
    const char *key = name + strlen("param."), *dot = strchr(key, '.');
    size_t i;
    json_t *call;
    json_array_foreach(calls, i, call) {
        const char *id = json_string_value(json_object_get(call, "id"));
        bool own = dot && names_method(key, id);
        if (!own && (dot || !all)) continue;
        XAI_TRY(set(json_object_get(call, "params"), own ? dot + 1 : key, json_string(value), err));
        ++*used;
    }
    return XAI_OK;
}

/* param.NAME goes to every method, param.METHOD.NAME to one, param.METRIC.NAME to a metric. */
static xai_status add_param(json_t *root, const char *name, const char *value, xai_error *err)
{
    size_t used = 0;
    XAI_TRY(add_to(json_object_get(root, "methods"), true, name, value, &used, err));
    XAI_TRY(add_to(json_object_get(root, "evaluate"), false, name, value, &used, err));
    XAI_CHECK(used > 0, err, BAD_REQUEST, name, "\"%.60s\" belongs to no method or metric of this request", name);
    return XAI_OK;
}

/* {"method":["a","b"]} becomes {"methods":[{"id":"a","params":{}}, ...]}. */
static void expand_ids(json_t *root, const char *from, const char *to)
{
    json_t *ids = json_object_get(root, from), *calls = ids ? json_array() : NULL, *id;
    size_t i;
    if (!ids) return;
    json_array_foreach(ids, i, id)
        json_array_append_new(calls, json_pack("{s:o, s:{}}", "id", id_of(json_string_value(id)), "params"));
    json_object_del(root, from);
    json_object_set_new(root, to, calls);
}

/* {"target":[{"class":"1"}, ...]} and the members that all share become {"targets":[{"class":"1", ...}, ...]}. */
static void expand_targets(json_t *root, json_t *members)
{
    json_t *targets = json_incref(json_object_get(root, "target")), *target;
    size_t i;
    json_array_foreach(targets, i, target) json_object_update_missing(target, members);
    if (!targets && json_object_size(members) > 0) targets = json_pack("[O]", members);
    if (targets) json_object_set(root, "targets", targets);
    json_decref(targets);
    json_object_del(root, "target");
}

xai_status xai_json_request_from_pairs(const char *const *names, const char *const *values, size_t count,
                                       json_t **out, xai_error *err)
{
    json_t *root = json_object(), *target = json_object();
    xai_status status = XAI_OK;
    for (size_t i = 0; i < count && status == XAI_OK; i++)
        if (strncmp(names[i], "param.", 6) != 0) status = add_pair(root, target, names[i], values[i], err);
    if (status == XAI_OK) {
        expand_ids(root, "method", "methods");
        expand_ids(root, "evaluate", "evaluate");
        expand_targets(root, target);
        for (size_t i = 0; i < count && status == XAI_OK; i++)
            if (strncmp(names[i], "param.", 6) == 0) status = add_param(root, names[i], values[i], err);
    }
    json_decref(target);
    if (status == XAI_OK) *out = root;
    else json_decref(root);
    return status;
}
