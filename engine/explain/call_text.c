/* Calls from text. Thread-safe: no state. */
#include "call_text.h"

#include <string.h>

enum { MOST_PARAMS = 64 };

static char *copy_of(xai_arena *arena, const char *text, size_t n)
{
    char *copy = xai_arena_alloc(arena, n + 1, 1);
    return copy ? memcpy(copy, text, n) : NULL;
}

static xai_status read_params(char *text, const char *whole, xai_arena *arena, xai_method_call *out, xai_error *err)
{
    xai_named_value *params = XAI_NEW(arena, xai_named_value, MOST_PARAMS);
    if (!params) XAI_NO_MEMORY(err);
    out->params = params;
    for (char *pair = strsep(&text, "&"); pair; pair = strsep(&text, "&")) {
        char *equals = strchr(pair, '=');
        XAI_CHECK(equals && equals != pair && out->param_count < MOST_PARAMS, err, BAD_PARAM, "",
                  "'%.120s' is not of the form ID?NAME=VALUE&NAME=VALUE", whole);
        *equals = '\0';
        params[out->param_count++] = (xai_named_value){.name = pair, .type = XAI_VALUE_TEXT, .text = equals + 1};
    }
    return XAI_OK;
}

xai_status xai_call_read(const char *text, xai_arena *arena, xai_call_text *out, xai_error *err)
{
    const char *mark = strchr(text, '?'), *equals = strchr(text, '=');
    bool named = equals && (!mark || equals < mark);
    const char *begin = named ? equals + 1 : text;
    *out = (xai_call_text){.text = copy_of(arena, begin, strlen(begin))};
    char *id = copy_of(arena, begin, strlen(begin));
    out->name = named ? copy_of(arena, text, (size_t)(equals - text)) : id;
    if (!id || !out->name || !out->text) XAI_NO_MEMORY(err);
    char *params = strchr(id, '?');
    if (params) *params++ = '\0';
    XAI_CHECK(*id && *out->name, err, BAD_PARAM, "", "'%.120s' names nothing", text);
    out->call.id = id;
    return params ? read_params(params, text, arena, &out->call, err) : XAI_OK;
}

xai_status xai_calls_read(const char *text, char separator, size_t most, xai_arena *arena, xai_call_text *out,
                          size_t *count, xai_error *err)
{
    const char ends[] = {separator, '\0'};
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ends);
        char *one = copy_of(arena, at, n);
        if (!one) XAI_NO_MEMORY(err);
        XAI_CHECK(*count < most, err, TOO_LARGE, "", "at most %zu may be given", most);
        XAI_TRY(xai_call_read(one, arena, &out[(*count)++], err));
        at += n;
        if (!*at) return XAI_OK;
    }
}
