/* Bytes: shared, immutable, reference-counted: images on their way in, documents on their way out. Any thread. */
#ifndef EXPLAIND_JOBS_BYTES_H
#define EXPLAIND_JOBS_BYTES_H

#include <stddef.h>
#include <stdint.h>

typedef struct jobs_bytes jobs_bytes;

/* A copy of `size` bytes, or with bytes NULL room for them; a NUL follows. NULL when memory is out. */
jobs_bytes *jobs_bytes_new(const void *bytes, size_t size);
jobs_bytes *jobs_bytes_ref(jobs_bytes *bytes);
void jobs_bytes_unref(jobs_bytes *bytes); /* NULL is fine */

uint8_t *jobs_bytes_data(jobs_bytes *bytes); /* written only by who made it, before it is shared */
size_t jobs_bytes_size(const jobs_bytes *bytes);

#endif
