/* Arena by a list of blocks, each twice as large as the last up to 1 MiB; large requests get a block of their own. */
#include "arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, FIRST_BLOCK = 8 << 10, LARGEST_BLOCK = 1 << 20 };

typedef struct block {
    struct block *next;
    unsigned char *data;
    size_t size, used;
} block;

struct xai_arena {
    block *blocks; /* the newest first */
    size_t cap, used, next_size;
};

xai_arena *xai_arena_new(size_t cap)
{
    xai_arena *arena = calloc(1, sizeof *arena);
    if (!arena) return NULL;
    arena->cap = cap;
    arena->next_size = FIRST_BLOCK;
    return arena;
}

void xai_arena_free(xai_arena *arena)
{
    if (!arena) return;
    for (block *b = arena->blocks, *next; b; b = next) {
        next = b->next;
        free(b->data);
        free(b);
    }
    free(arena);
}

static block *add_block(xai_arena *arena, size_t need)
{
    size_t size = need > arena->next_size ? need : arena->next_size;
    block *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->data = aligned_alloc(ALIGN, size);
    if (!b->data) {
        free(b);
        return NULL;
    }
    b->size = size;
    b->next = arena->blocks;
    arena->blocks = b;
    if (arena->next_size < LARGEST_BLOCK) arena->next_size *= 2;
    return b;
}

void *xai_arena_alloc(xai_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGN) return NULL;
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (bytes == 0) bytes = ALIGN;
    if (arena->cap && (bytes > arena->cap || arena->used > arena->cap - bytes)) return NULL;
    block *b = arena->blocks;
    if (!b || b->size - b->used < bytes) b = add_block(arena, bytes);
    if (!b) return NULL;
    void *p = b->data + b->used;
    b->used += bytes;
    arena->used += bytes;
    return memset(p, 0, bytes);
}

char *xai_arena_strdup(xai_arena *arena, const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = xai_arena_alloc(arena, n, 1);
    return copy ? memcpy(copy, text, n) : NULL;
}

char *xai_arena_printf(xai_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : xai_arena_alloc(arena, (size_t)n + 1, 1);
    if (text) vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

size_t xai_arena_used(const xai_arena *arena) { return arena->used; }
