/* Text in an arena: what it outgrows stays there, unused, less than as much again. One thread at a time. */
#include "builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void reserve(xai_builder *b, size_t more)
{
    if (b->failed || b->length + more < b->room) return;
    size_t room = 2 * (b->length + more) + 256;
    char *text = XAI_NEW(b->arena, char, room);
    if (!text) {
        b->failed = true;
        return;
    }
    if (b->length) memcpy(text, b->text, b->length);
    b->text = text;
    b->room = room;
}

void xai_builder_add(xai_builder *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    reserve(b, n > 0 ? (size_t)n + 1 : 1);
    if (!b->failed && n > 0) b->length += (size_t)vsnprintf(b->text + b->length, b->room - b->length, format, again);
    va_end(again);
}

void xai_builder_put(xai_builder *b, char c)
{
    reserve(b, 2);
    if (!b->failed) b->text[b->length++] = c;
}

const char *xai_builder_text(xai_builder *b)
{
    reserve(b, 1);
    if (b->failed) return NULL;
    b->text[b->length] = '\0';
    return b->text;
}
