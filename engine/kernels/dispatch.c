/*
 * Which kernel table is used: asked of the processor once, at the first use, on any thread; constant from then on.
 */
#include "../xai.h"
#include "kernels.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

extern const xai_kernels xai_kernels_scalar;
#if defined(__x86_64__)
extern const xai_kernels xai_kernels_avx2, xai_kernels_avx512;
#endif

static const xai_kernels *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The tables that this processor can run, best first. */
static size_t usable(const xai_kernels *tables[3])
{
    size_t n = 0;
#if defined(__x86_64__)
    bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (fma && wide) tables[n++] = &xai_kernels_avx512;
    if (fma) tables[n++] = &xai_kernels_avx2;
#endif
    tables[n++] = &xai_kernels_scalar;
    return n;
}

const xai_kernels *xai_kernels_for(const char *isa)
{
    const xai_kernels *tables[3];
    size_t n = usable(tables);
    for (size_t i = 0; i < n; i++)
        if (strcmp(tables[i]->isa, isa) == 0) return tables[i];
    return NULL;
}

static void choose(void)
{
    const xai_kernels *tables[3];
    usable(tables);
    const char *forced = getenv("XAI_ISA");
    chosen = forced ? xai_kernels_for(forced) : NULL;
    if (!chosen) chosen = tables[0];
}

const xai_kernels *xai_kernels_get(void)
{
    pthread_once(&once, choose);
    return chosen;
}

const char *xai_isa_name(void) { return xai_kernels_get()->isa; }
