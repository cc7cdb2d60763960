/* A builder's buffer is replaced by one of twice the size when it is full; the arena keeps the old ones. One thread. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void reserve(xai_text *b, size_t more)
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

void xai_text_add(xai_text *b, const char *format, ...)
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

char *xai_text_take(xai_text *b, size_t length)
{
    reserve(b, length + 1);
    if (b->failed) return NULL;
    b->length += length;
    return b->text + b->length - length;
}

xai_status xai_text_end(xai_text *b, const char **out, xai_error *err)
{
    reserve(b, 1);
    if (b->failed) XAI_NO_MEMORY(err);
    b->text[b->length] = '\0';
    *out = b->text;
    return XAI_OK;
}
