/*
 * Arena: memory that lives as long as a job, a model or a program, released at once.
 *
 * Allocations are 64-byte aligned and zeroed; there is a hard cap; the high-water mark is reported with the result.
 * Not thread-safe: an arena belongs to one thread at a time.
 */
#ifndef XAI_BASE_ARENA_H
#define XAI_BASE_ARENA_H

#include "error.h"

typedef struct xai_arena xai_arena;

/* A new arena that refuses to hold more than `cap` bytes (0: no cap). NULL when memory is out. */
xai_arena *xai_arena_new(size_t cap);
void xai_arena_free(xai_arena *arena);

/* `count * size` zeroed bytes (overflow-checked), or NULL when the cap or the memory is reached. */
void *xai_arena_alloc(xai_arena *arena, size_t count, size_t size);
char *xai_arena_strdup(xai_arena *arena, const char *text);
char *xai_arena_printf(xai_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes handed out so far. */
size_t xai_arena_used(const xai_arena *arena);

/* T *p = XAI_NEW(arena, T, n): typed allocation. */
#define XAI_NEW(arena, type, count) ((type *)xai_arena_alloc((arena), (count), sizeof(type)))

#endif
