/*
 * Parameter tables: defaults, validation, receipts.
 *
 * Invariant: a struct filled here holds only values inside the table's ranges, so methods check nothing themselves.
 * Thread rule: no state.
 */
#include "param.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nearest.h"

/* ---------------------------------------------------------------- text */

bool xai_parse_number(const char *text, double *out)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0') return false; /* nor hex, "inf", "nan" */
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value)) return false;
    *out = value;
    return true;
}

bool xai_parse_bool(const char *text, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } WORDS[] = {{"true", true},   {"yes", true}, {"on", true},   {"1", true},
                 {"false", false}, {"no", false}, {"off", false}, {"0", false}};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcasecmp(text, WORDS[i].word) != 0) continue;
        *out = WORDS[i].value;
        return true;
    }
    return false;
}

const char *xai_choice_at(const char *choices, size_t index, size_t *len)
{
    const char *p = choices;
    while (index > 0 && p) {
        p = strchr(p, '|');
        if (p) p++;
        index--;
    }
    if (p) *len = strcspn(p, "|");
    return p;
}

/* ---------------------------------------------------------------- values into fields */

static void *field(void *out, const xai_param *p) { return (char *)out + p->offset; }
static const void *field_of(const void *values, const xai_param *p) { return (const char *)values + p->offset; }

static void set_default(const xai_param *p, void *out)
{
    switch (p->type) {
    case XAI_PARAM_INT: *(int64_t *)field(out, p) = (int64_t)p->def; break;
    case XAI_PARAM_REAL: *(double *)field(out, p) = p->def; break;
    case XAI_PARAM_BOOL: *(bool *)field(out, p) = p->def != 0; break;
    case XAI_PARAM_ENUM: *(int *)field(out, p) = (int)p->def; break;
    case XAI_PARAM_TEXT:
    case XAI_PARAM_LAYER: *(const char **)field(out, p) = NULL; break;
    }
}

/* What was given, for an error message. */
static const char *spelled(const xai_named_value *v, char *buffer, size_t size)
{
    switch (v->type) {
    case XAI_VALUE_NULL: snprintf(buffer, size, "null"); break;
    case XAI_VALUE_BOOL: snprintf(buffer, size, "%s", v->boolean ? "true" : "false"); break;
    case XAI_VALUE_NUMBER: snprintf(buffer, size, "%.10g", v->number); break;
    case XAI_VALUE_TEXT: snprintf(buffer, size, "\"%.60s\"", v->text); break;
    }
    return buffer;
}

static bool as_number(const xai_named_value *v, double *out)
{
    if (v->type == XAI_VALUE_TEXT) return xai_parse_number(v->text, out);
    *out = v->number;
    return v->type == XAI_VALUE_NUMBER && isfinite(v->number);
}

static xai_status set_number(const xai_param *p, const xai_named_value *v, void *out, const char *where,
                             xai_error *err)
{
    bool whole = p->type == XAI_PARAM_INT;
    double value = 0;
    char got[80];
    bool ok = as_number(v, &value) && (!whole || value == floor(value)) && value >= p->min && value <= p->max;
    XAI_CHECK(ok, err, BAD_PARAM, where, "must be %s from %.10g to %.10g, got %s",
              whole ? "a whole number" : "a number", p->min, p->max, spelled(v, got, sizeof got));
    if (whole) *(int64_t *)field(out, p) = (int64_t)value;
    else *(double *)field(out, p) = value;
    return XAI_OK;
}

static xai_status set_bool(const xai_param *p, const xai_named_value *v, void *out, const char *where, xai_error *err)
{
    char got[80];
    bool value = v->boolean;
    bool ok = v->type == XAI_VALUE_BOOL || (v->type == XAI_VALUE_TEXT && xai_parse_bool(v->text, &value));
    XAI_CHECK(ok, err, BAD_PARAM, where, "must be true or false, got %s", spelled(v, got, sizeof got));
    *(bool *)field(out, p) = value;
    return XAI_OK;
}

/* "tent|hard" as "tent, hard". */
static void list_choices(const char *choices, char *buffer, size_t size)
{
    size_t used = 0, len = 0;
    const char *choice;
    buffer[0] = '\0';
    for (size_t i = 0; used < size && (choice = xai_choice_at(choices, i, &len)) != NULL; i++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%.*s", i ? ", " : "", (int)len, choice);
}

static xai_status set_enum(const xai_param *p, const xai_named_value *v, void *out, const char *where, xai_error *err)
{
    size_t len = 0;
    const char *choice;
    for (size_t i = 0; v->type == XAI_VALUE_TEXT && (choice = xai_choice_at(p->choices, i, &len)) != NULL; i++) {
        if (strlen(v->text) != len || strncmp(v->text, choice, len) != 0) continue;
        *(int *)field(out, p) = (int)i;
        return XAI_OK;
    }
    char got[80], all[320];
    list_choices(p->choices, all, sizeof all);
    XAI_FAIL(err, BAD_PARAM, where, "must be one of %s, got %s", all, spelled(v, got, sizeof got));
}

static xai_status set_text(const xai_param *p, const xai_named_value *v, void *out, xai_arena *strings,
                           const char *where, xai_error *err)
{
    char got[80];
    XAI_CHECK(v->type == XAI_VALUE_TEXT, err, BAD_PARAM, where, "must be a text, got %s",
              spelled(v, got, sizeof got));
    XAI_CHECK(strlen(v->text) <= XAI_PARAM_TEXT_MAX, err, BAD_PARAM, where, "must not be longer than %d bytes",
              XAI_PARAM_TEXT_MAX);
    const char *copy = xai_arena_strdup(strings, v->text);
    if (!copy) XAI_NO_MEMORY(err);
    *(const char **)field(out, p) = copy;
    return XAI_OK;
}

static xai_status set_value(const xai_param *p, const xai_named_value *v, void *out, xai_arena *strings,
                            xai_error *err)
{
    if (v->type == XAI_VALUE_NULL) return XAI_OK;
    char where[192];
    snprintf(where, sizeof where, "params.%s", p->name);
    switch (p->type) {
    case XAI_PARAM_INT:
    case XAI_PARAM_REAL: return set_number(p, v, out, where, err);
    case XAI_PARAM_BOOL: return set_bool(p, v, out, where, err);
    case XAI_PARAM_ENUM: return set_enum(p, v, out, where, err);
    case XAI_PARAM_TEXT:
    case XAI_PARAM_LAYER: return set_text(p, v, out, strings, where, err);
    }
    assert(false && "a parameter type without a case");
    return XAI_OK;
}

/* ---------------------------------------------------------------- the table */

static const xai_param *find(const xai_param *table, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

static xai_status unknown_name(const xai_param *table, size_t n, const char *name, xai_error *err)
{
    char where[192], all[320] = "";
    size_t used = 0;
    xai_nearest search = xai_nearest_to(name);
    for (size_t i = 0; i < n; i++) {
        xai_nearest_try(&search, table[i].name);
        if (used < sizeof all)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", table[i].name);
    }
    snprintf(where, sizeof where, "params.%.64s", name);
    XAI_CHECK(n > 0, err, BAD_PARAM, where, "there is no such parameter: none are taken here");
    if (search.best)
        XAI_FAIL(err, BAD_PARAM, where, "there is no such parameter; did you mean \"%s\"? Known: %s", search.best, all);
    XAI_FAIL(err, BAD_PARAM, where, "there is no such parameter. Known: %s", all);
}

static xai_status check_once(const xai_named_value *values, size_t index, xai_error *err)
{
    char where[192];
    snprintf(where, sizeof where, "params.%.64s", values[index].name);
    for (size_t i = 0; i < index; i++)
        XAI_CHECK(strcmp(values[i].name, values[index].name) != 0, err, BAD_PARAM, where,
                  "the parameter is given twice");
    return XAI_OK;
}

xai_status xai_params_parse(const xai_param *table, size_t n, const xai_named_value *values, size_t count, void *out,
                            xai_arena *strings, xai_error *err)
{
    for (size_t i = 0; i < n; i++) set_default(&table[i], out);
    for (size_t i = 0; i < count; i++) {
        const xai_param *p = find(table, n, values[i].name);
        if (!p) return unknown_name(table, n, values[i].name, err);
        XAI_TRY(check_once(values, i, err));
        XAI_TRY(set_value(p, &values[i], out, strings, err));
    }
    return XAI_OK;
}

static xai_doc *doc_of(const xai_param *p, const void *values, xai_arena *arena)
{
    size_t len = 0;
    const char *choice;
    switch (p->type) {
    case XAI_PARAM_INT: return xai_doc_int(arena, *(const int64_t *)field_of(values, p));
    case XAI_PARAM_REAL: return xai_doc_real(arena, *(const double *)field_of(values, p));
    case XAI_PARAM_BOOL: return xai_doc_bool(arena, *(const bool *)field_of(values, p));
    case XAI_PARAM_ENUM:
        choice = xai_choice_at(p->choices, (size_t)*(const int *)field_of(values, p), &len);
        assert(choice);
        return xai_doc_text(arena, xai_arena_printf(arena, "%.*s", (int)len, choice));
    case XAI_PARAM_TEXT:
    case XAI_PARAM_LAYER: return xai_doc_text(arena, *(const char *const *)field_of(values, p));
    }
    return NULL;
}

static bool same_value(const xai_param *p, const void *a, const void *b)
{
    const void *x = field_of(a, p), *y = field_of(b, p);
    switch (p->type) {
    case XAI_PARAM_INT: return memcmp(x, y, sizeof(int64_t)) == 0;
    case XAI_PARAM_REAL: return memcmp(x, y, sizeof(double)) == 0;
    case XAI_PARAM_BOOL: return *(const bool *)x == *(const bool *)y;
    case XAI_PARAM_ENUM: return *(const int *)x == *(const int *)y;
    case XAI_PARAM_TEXT:
    case XAI_PARAM_LAYER: break;
    }
    const char *s = *(const char *const *)x, *t = *(const char *const *)y;
    return s && t ? strcmp(s, t) == 0 : s == t;
}

bool xai_params_equal(const xai_param *table, size_t n, const void *a, const void *b)
{
    for (size_t i = 0; i < n; i++)
        if (!same_value(&table[i], a, b)) return false;
    return true;
}

xai_doc *xai_params_doc(const xai_param *table, size_t n, const void *values, xai_arena *arena)
{
    xai_doc *object = xai_doc_object(arena);
    for (size_t i = 0; i < n; i++) xai_doc_put(object, table[i].name, doc_of(&table[i], values, arena));
    return object;
}
