/* The memory limit: one number, read and set atomically. */
#include "memory.h"

#include <stdatomic.h>
#include <unistd.h>

#define DEFAULT_MOST ((size_t)16 << 30)

static _Atomic size_t chosen; /* 0: none */

static size_t default_limit(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page <= 0) return DEFAULT_MOST;
    size_t share = (size_t)pages / 4 * 3 * (size_t)page;
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
