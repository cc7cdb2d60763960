/* Builder: text that grows in an arena, with numbers and texts put into a form. */
#ifndef XAI_BASE_BUILDER_H
#define XAI_BASE_BUILDER_H

#include "arena.h"

/* Begins as {.arena = arena}. Running out of memory is noted, and told at the end. */
typedef struct xai_builder {
    xai_arena *arena;
    char *text;
    size_t length, room;
    bool failed;
} xai_builder;

void xai_builder_add(xai_builder *builder, const char *format, ...) __attribute__((format(printf, 2, 3)));
void xai_builder_put(xai_builder *builder, char c);

/* The text so far, with its final zero; NULL when memory is out. */
const char *xai_builder_text(xai_builder *builder);

#endif
