/* Names: open addressing over FNV-1a hashes, doubled at half load. */
#include "names.h"

#include <string.h>

typedef struct slot {
    const char *key;
    void *value;
} slot;

struct xai_names {
    xai_arena *arena;
    slot *slots;
    size_t capacity, count;
};

enum { FIRST_CAPACITY = 256 };

static size_t hash_of(const char *key)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *key; key++) h = (h ^ (unsigned char)*key) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

static slot *slot_of(slot *slots, size_t capacity, const char *key)
{
    size_t i = hash_of(key) & (capacity - 1);
    while (slots[i].key && strcmp(slots[i].key, key) != 0) i = (i + 1) & (capacity - 1);
    return &slots[i];
}

xai_names *xai_names_new(xai_arena *arena)
{
    xai_names *names = XAI_NEW(arena, xai_names, 1);
    if (!names) return NULL;
    names->arena = arena;
    names->capacity = FIRST_CAPACITY;
    names->slots = XAI_NEW(arena, slot, FIRST_CAPACITY);
    return names->slots ? names : NULL;
}

static xai_status grow(xai_names *names, xai_error *err)
{
    size_t capacity = names->capacity * 2;
    slot *slots = XAI_NEW(names->arena, slot, capacity);
    if (!slots) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < names->capacity; i++)
        if (names->slots[i].key) *slot_of(slots, capacity, names->slots[i].key) = names->slots[i];
    names->slots = slots;
    names->capacity = capacity;
    return XAI_OK;
}

xai_status xai_names_put(xai_names *names, const char *key, void *value, xai_error *err)
{
    if (2 * (names->count + 1) > names->capacity) XAI_TRY(grow(names, err));
    slot *s = slot_of(names->slots, names->capacity, key);
    if (!s->key) names->count++;
    *s = (slot){key, value};
    return XAI_OK;
}

void *xai_names_get(const xai_names *names, const char *key)
{
    return slot_of(names->slots, names->capacity, key)->value;
}
