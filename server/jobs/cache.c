/* An LRU list with a hash table; keys are hex digests, so their first digits are the hash. */
#include "cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 };

typedef struct entry {
    char key[65];
    jobs_bytes *body;
    struct entry *chain;        /* of the bucket */
    struct entry *older, *newer;
} entry;

struct jobs_cache {
    size_t capacity, used;
    entry *buckets[BUCKETS];
    entry *oldest, *newest;
};

jobs_cache *jobs_cache_new(size_t capacity)
{
    jobs_cache *cache = calloc(1, sizeof *cache);
    if (cache) cache->capacity = capacity;
    return cache;
}

static entry **slot_of(jobs_cache *cache, const char *key)
{
    char digits[9];
    snprintf(digits, sizeof digits, "%.8s", key);
    entry **slot = &cache->buckets[strtoul(digits, NULL, 16) % BUCKETS];
    while (*slot && strcmp((*slot)->key, key) != 0) slot = &(*slot)->chain;
    return slot;
}

static void unlink_entry(jobs_cache *cache, entry *e)
{
    if (e->older) e->older->newer = e->newer;
    else cache->oldest = e->newer;
    if (e->newer) e->newer->older = e->older;
    else cache->newest = e->older;
    e->older = e->newer = NULL;
}

static void link_newest(jobs_cache *cache, entry *e)
{
    e->older = cache->newest;
    if (cache->newest) cache->newest->newer = e;
    else cache->oldest = e;
    cache->newest = e;
}

static void drop(jobs_cache *cache, entry *e)
{
    *slot_of(cache, e->key) = e->chain;
    unlink_entry(cache, e);
    cache->used -= jobs_bytes_size(e->body);
    jobs_bytes_unref(e->body);
    free(e);
}

void jobs_cache_free(jobs_cache *cache)
{
    if (!cache) return;
    while (cache->oldest) drop(cache, cache->oldest);
    free(cache);
}

void jobs_cache_put(jobs_cache *cache, const char key[65], jobs_bytes *body)
{
    size_t size = jobs_bytes_size(body);
    if (key[0] == '\0' || size > cache->capacity / 2) return;
    entry **slot = slot_of(cache, key);
    if (*slot) drop(cache, *slot);
    while (cache->used + size > cache->capacity) drop(cache, cache->oldest);
    entry *e = calloc(1, sizeof *e);
    if (!e) return; /* a cache may forget */
    memcpy(e->key, key, sizeof e->key);
    e->body = jobs_bytes_ref(body);
    slot = slot_of(cache, key);
    e->chain = *slot;
    *slot = e;
    link_newest(cache, e);
    cache->used += size;
}

jobs_bytes *jobs_cache_get(jobs_cache *cache, const char key[65])
{
    entry *e = key[0] ? *slot_of(cache, key) : NULL;
    if (!e) return NULL;
    unlink_entry(cache, e);
    link_newest(cache, e);
    return jobs_bytes_ref(e->body);
}

size_t jobs_cache_bytes(const jobs_cache *cache) { return cache->used; }
