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
