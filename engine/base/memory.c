/* The memory limit: one number, read and set atomically; what the machine has is asked once. */
#include "memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define DEFAULT_MOST ((size_t)16 << 30)

static _Atomic size_t chosen; /* 0: none */
static size_t physical;
static pthread_once_t physical_once = PTHREAD_ONCE_INIT;

/* What a container may use; SIZE_MAX: as much as there is. */
static size_t group_limit(void)
{
    unsigned long long bytes;
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "re");
    bool known = f && fscanf(f, "%llu", &bytes) == 1; /* "max": no limit */
    if (f) fclose(f);
    return known && bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
}

static void find_physical(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t machine = pages > 0 && page > 0 ? (size_t)pages * (size_t)page : DEFAULT_MOST, group = group_limit();
    physical = group < machine ? group : machine;
}

size_t xai_memory_physical(void)
{
    pthread_once(&physical_once, find_physical);
    return physical;
}

static size_t default_limit(void)
{
    size_t share = xai_memory_physical() / 4 * 3;
    return share < DEFAULT_MOST ? share : DEFAULT_MOST;
}

size_t xai_memory_limit(void)
{
    size_t limit = atomic_load_explicit(&chosen, memory_order_relaxed);
    return limit ? limit : default_limit();
}

void xai_memory_set_limit(size_t bytes) { atomic_store_explicit(&chosen, bytes, memory_order_relaxed); }

xai_status xai_memory_check(size_t bytes, const char *what, xai_error *err)
{
    size_t limit = xai_memory_limit();
    XAI_CHECK(bytes <= limit, err, TOO_LARGE, "", "%s would take %zu MiB; the limit is %zu MiB", what, bytes >> 20,
              limit >> 20);
    return XAI_OK;
}
