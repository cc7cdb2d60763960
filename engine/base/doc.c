/* Doc: construction of value trees in an arena. A tree belongs to the thread that builds it until it is complete. */
#include "doc.h"

#include <math.h>
#include <string.h>

static xai_doc *make(xai_arena *arena, xai_doc_type type)
{
    xai_doc *d = XAI_NEW(arena, xai_doc, 1);
    if (!d) return NULL;
    d->type = type;
    d->arena = arena;
    return d;
}

xai_doc *xai_doc_object(xai_arena *arena) { return make(arena, XAI_DOC_OBJECT); }
xai_doc *xai_doc_array(xai_arena *arena) { return make(arena, XAI_DOC_ARRAY); }
xai_doc *xai_doc_null(xai_arena *arena) { return make(arena, XAI_DOC_NULL); }

xai_doc *xai_doc_int(xai_arena *arena, int64_t value)
{
    xai_doc *d = make(arena, XAI_DOC_INT);
    if (d) d->integer = value;
    return d;
}

xai_doc *xai_doc_real(xai_arena *arena, double value)
{
    xai_doc *d = make(arena, isfinite(value) ? XAI_DOC_REAL : XAI_DOC_NULL);
    if (d) d->real = value;
    return d;
}

xai_doc *xai_doc_bool(xai_arena *arena, bool value)
{
    xai_doc *d = make(arena, XAI_DOC_BOOL);
    if (d) d->boolean = value;
    return d;
}

xai_doc *xai_doc_text(xai_arena *arena, const char *value)
{
    if (!value) return xai_doc_null(arena);
    xai_doc *d = make(arena, XAI_DOC_TEXT);
    if (!d) return NULL;
    d->text = xai_arena_strdup(arena, value);
    return d->text ? d : NULL;
}

void xai_doc_push(xai_doc *parent, xai_doc *value)
{
    if (!parent) return;
    if (!value) {
        parent->broken = true;
        return;
    }
    if (parent->last) parent->last->next = value;
    else parent->first = value;
    parent->last = value;
    parent->count++;
}

void xai_doc_put(xai_doc *object, const char *key, xai_doc *value)
{
    if (value) value->key = key;
    xai_doc_push(object, value);
}

void xai_doc_put_int(xai_doc *object, const char *key, int64_t value)
{
    if (object) xai_doc_put(object, key, xai_doc_int(object->arena, value));
}

void xai_doc_put_real(xai_doc *object, const char *key, double value)
{
    if (object) xai_doc_put(object, key, xai_doc_real(object->arena, value));
}

void xai_doc_put_bool(xai_doc *object, const char *key, bool value)
{
    if (object) xai_doc_put(object, key, xai_doc_bool(object->arena, value));
}

void xai_doc_put_text(xai_doc *object, const char *key, const char *value)
{
    if (object) xai_doc_put(object, key, xai_doc_text(object->arena, value));
}

bool xai_doc_ok(const xai_doc *root)
{
    if (!root || root->broken) return false;
    for (const xai_doc *child = root->first; child; child = child->next)
        if (!xai_doc_ok(child)) return false;
    return true;
}

const xai_doc *xai_doc_get(const xai_doc *object, const char *key)
{
    if (!object || object->type != XAI_DOC_OBJECT) return NULL;
    for (const xai_doc *child = object->first; child; child = child->next)
        if (strcmp(child->key, key) == 0) return child;
    return NULL;
}
