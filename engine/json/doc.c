/* Doc to JSON. No state. */
#include "doc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *xai_json_real(double value) { return isfinite(value) ? json_real(value) : json_null(); }

json_t *xai_json_text(const char *text)
{
    if (!text) return json_null();
    json_t *valid = json_string(text);
    if (valid) return valid;
    char *ascii = strdup(text);
    if (!ascii) return NULL;
    for (char *c = ascii; *c; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    json_t *mended = json_string(ascii);
    free(ascii);
    return mended;
}

static json_t *array_of(const xai_doc *doc)
{
    json_t *array = json_array();
    for (const xai_doc *child = doc->first; child; child = child->next) {
        if (json_array_append_new(array, xai_json_doc(child)) == 0) continue;
        json_decref(array);
        return NULL;
    }
    return array;
}

static json_t *object_of(const xai_doc *doc)
{
    json_t *object = json_object();
    for (const xai_doc *child = doc->first; child; child = child->next) {
        if (json_object_set_new(object, child->key, xai_json_doc(child)) == 0) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *xai_json_doc(const xai_doc *doc)
{
    if (!doc) return json_null();
    switch (doc->type) {
    case XAI_DOC_NULL: return json_null();
    case XAI_DOC_BOOL: return json_boolean(doc->boolean);
    case XAI_DOC_INT: return json_integer(doc->integer);
    case XAI_DOC_REAL: return xai_json_real(doc->real);
    case XAI_DOC_TEXT: return xai_json_text(doc->text);
    case XAI_DOC_ARRAY: return array_of(doc);
    case XAI_DOC_OBJECT: return object_of(doc);
    }
    return NULL;
}

static xai_doc *object_from(const json_t *value, xai_arena *arena)
{
    xai_doc *object = xai_doc_object(arena);
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member) {
        const char *copy = object ? xai_arena_strdup(arena, key) : NULL;
        if (object) xai_doc_put(object, copy, copy ? xai_json_to_doc(member, arena) : NULL);
    }
    return object;
}

static xai_doc *array_from(const json_t *value, xai_arena *arena)
{
    xai_doc *array = xai_doc_array(arena);
    for (size_t i = 0; array && i < json_array_size(value); i++)
        xai_doc_push(array, xai_json_to_doc(json_array_get(value, i), arena));
    return array;
}

xai_doc *xai_json_to_doc(const json_t *value, xai_arena *arena)
{
    switch (json_typeof(value)) {
    case JSON_NULL: return xai_doc_null(arena);
    case JSON_TRUE:
    case JSON_FALSE: return xai_doc_bool(arena, json_is_true(value));
    case JSON_INTEGER: return xai_doc_int(arena, json_integer_value(value));
    case JSON_REAL: return xai_doc_real(arena, json_real_value(value));
    case JSON_STRING: return xai_doc_text(arena, json_string_value(value));
    case JSON_ARRAY: return array_from(value, arena);
    case JSON_OBJECT: return object_from(value, arena);
    }
    return NULL;
}
