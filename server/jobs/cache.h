/* Result cache: finished bodies by key, bounded by bytes, the least recently used first out. Guarded by the owner. */
#ifndef EXPLAIND_JOBS_CACHE_H
#define EXPLAIND_JOBS_CACHE_H

#include "bytes.h"

typedef struct jobs_cache jobs_cache;

/* `capacity` in bytes; 0 keeps nothing. NULL when memory is out. */
jobs_cache *jobs_cache_new(size_t capacity);
void jobs_cache_free(jobs_cache *cache);

/* Takes a reference of its own. What is larger than half the cache is not kept. */
void jobs_cache_put(jobs_cache *cache, const char key[65], jobs_bytes *body);

/* A new reference, or NULL. */
jobs_bytes *jobs_cache_get(jobs_cache *cache, const char key[65]);

size_t jobs_cache_bytes(const jobs_cache *cache);

#endif
