/*
 * Memory limit: how large one thing may be that a model file asks for: a graph as read, a program, the buffers of a
 * session. A file's claim is held against it before anything is allocated, so that a hostile or unfit model is refused
 * with TOO_LARGE and the process is not killed for want of memory.
 */
#ifndef XAI_BASE_MEMORY_H
#define XAI_BASE_MEMORY_H

#include "error.h"

/* Bytes of memory that this process can hope for: the machine's, or its control group's. 16 GiB if neither is
 * known. */
size_t xai_memory_physical(void);

/* Bytes: three quarters of the physical memory, but at most 16 GiB, unless set. Any thread. */
size_t xai_memory_limit(void);

/* Another limit; 0: the default again. */
void xai_memory_set_limit(size_t bytes);

/* TOO_LARGE unless `bytes` are within the limit; `what` begins the message: "the model's buffers". */
xai_status xai_memory_check(size_t bytes, const char *what, xai_error *err);

#endif
