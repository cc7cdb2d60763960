/*
 * Text that grows: formatted pieces, one after the other, in an arena.
 *
 * Running out of memory is noted in the builder and told once, at the end, so that building code needs no check a line.
 */
#ifndef XAI_BASE_TEXT_H
#define XAI_BASE_TEXT_H

#include "arena.h"

typedef struct xai_text {
    xai_arena *arena;
    char *text;
    size_t length, room;
    bool failed;
} xai_text; /* begins as {.arena = arena} */

/* Appends as printf does. */
void xai_text_add(xai_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for `length` more characters, to be written by the caller; NULL when memory is out. */
char *xai_text_take(xai_text *text, size_t length);

/* The whole, with a final NUL; the builder may go on growing, and *out stays as it is. NO_MEMORY. */
xai_status xai_text_end(xai_text *text, const char **out, xai_error *err);

#endif
