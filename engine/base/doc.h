/*
 * Doc: a tree of plain values, so that a method can return a graph, a table or a curve without knowing JSON.
 *
 * Nodes live in an arena. A NULL from a constructor (memory) may be passed on: adding NULL marks the parent as broken,
 * and xai_doc_ok(root) tells at the end, so that building code needs no check a line.
 */
#ifndef XAI_BASE_DOC_H
#define XAI_BASE_DOC_H

#include "arena.h"

typedef enum xai_doc_type {
    XAI_DOC_NULL,
    XAI_DOC_BOOL,
    XAI_DOC_INT,
    XAI_DOC_REAL,
    XAI_DOC_TEXT,
    XAI_DOC_ARRAY,
    XAI_DOC_OBJECT
} xai_doc_type;

struct xai_doc {
    xai_doc_type type;
    bool boolean;
    bool broken;       /* a child could not be allocated */
    int64_t integer;
    double real;
    const char *text;
    const char *key;   /* of this value in its parent object */
    xai_doc *first, *last, *next;
    size_t count;      /* children */
    xai_arena *arena;
};

xai_doc *xai_doc_object(xai_arena *arena);
xai_doc *xai_doc_array(xai_arena *arena);
xai_doc *xai_doc_int(xai_arena *arena, int64_t value);
xai_doc *xai_doc_real(xai_arena *arena, double value); /* not finite: becomes null */
xai_doc *xai_doc_bool(xai_arena *arena, bool value);
xai_doc *xai_doc_null(xai_arena *arena);
xai_doc *xai_doc_text(xai_arena *arena, const char *value); /* copied; NULL: null */

void xai_doc_push(xai_doc *array, xai_doc *value);
void xai_doc_put(xai_doc *object, const char *key, xai_doc *value); /* key: static or arena memory */

void xai_doc_put_int(xai_doc *object, const char *key, int64_t value);
void xai_doc_put_real(xai_doc *object, const char *key, double value);
void xai_doc_put_bool(xai_doc *object, const char *key, bool value);
void xai_doc_put_text(xai_doc *object, const char *key, const char *value);

/* Whether the whole tree was built; false means memory ran out. */
bool xai_doc_ok(const xai_doc *root);

/* The member of an object, or NULL. */
const xai_doc *xai_doc_get(const xai_doc *object, const char *key);

#endif
