/* Shared bytes with an atomic count. */
#include "bytes.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct jobs_bytes {
    atomic_int refs;
    size_t size;
    uint8_t data[];
};

jobs_bytes *jobs_bytes_new(const void *bytes, size_t size)
{
    if (size > SIZE_MAX - sizeof(jobs_bytes) - 1) return NULL;
    jobs_bytes *b = malloc(sizeof *b + size + 1);
    if (!b) return NULL;
    atomic_init(&b->refs, 1);
    b->size = size;
    if (bytes && size) memcpy(b->data, bytes, size);
    b->data[size] = '\0';
    return b;
}

jobs_bytes *jobs_bytes_ref(jobs_bytes *bytes)
{
    if (bytes) atomic_fetch_add(&bytes->refs, 1);
    return bytes;
}

void jobs_bytes_unref(jobs_bytes *bytes)
{
    if (bytes && atomic_fetch_sub(&bytes->refs, 1) == 1) free(bytes);
}

uint8_t *jobs_bytes_data(jobs_bytes *bytes) { return bytes->data; }
size_t jobs_bytes_size(const jobs_bytes *bytes) { return bytes->size; }
