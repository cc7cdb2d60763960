/*
 * Which kernel tables are used: asked of the processor once, at the first use, on any thread; constant from then on.
 */
#include "../xai.h"
#include "bf16.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

extern const xai_kernels xai_kernels_scalar;
extern const xai_bf16 xai_bf16_scalar;
#if defined(__x86_64__)
#include <cpuid.h>
extern const xai_kernels xai_kernels_avx2, xai_kernels_avx512;
extern const xai_bf16 xai_bf16_dot, xai_bf16_fma;
#endif

static const xai_kernels *chosen;
static const xai_bf16 *chosen_bf16;
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

/* The ways to bfloat16 that this processor has, best first; the last is for tests alone. */
static size_t usable_bf16(const xai_bf16 *tables[3])
{
    size_t n = 0;
#if defined(__x86_64__)
    if (xai_kernels_for("avx512") && __builtin_cpu_supports("avx512bf16")) {
        /* The processors that have AVX512-FP16 are those on which the instruction is the slower way. */
        unsigned a, b, c, d = 0;
        bool slow = __get_cpuid_count(7, 0, &a, &b, &c, &d) && d >> 23 & 1;
        tables[n++] = slow ? &xai_bf16_fma : &xai_bf16_dot;
        tables[n++] = slow ? &xai_bf16_dot : &xai_bf16_fma;
    }
#endif
    tables[n++] = &xai_bf16_scalar;
    return n;
}

const xai_bf16 *xai_bf16_for(const char *isa)
{
    const xai_bf16 *tables[3];
    size_t n = usable_bf16(tables);
    for (size_t i = 0; i < n; i++)
        if (strcmp(tables[i]->isa, isa) == 0) return tables[i];
    return NULL;
}

static void choose(void)
{
    const xai_kernels *tables[3];
    const xai_bf16 *bf16[3];
    usable(tables);
    const char *forced = getenv("XAI_ISA");
    chosen = forced ? xai_kernels_for(forced) : NULL;
    if (!chosen) chosen = tables[0];
    bool has = usable_bf16(bf16) > 1 && chosen->width == bf16[0]->width;
    chosen_bf16 = has ? bf16[0] : NULL;
}

const xai_kernels *xai_kernels_get(void)
{
    pthread_once(&once, choose);
    return chosen;
}

const xai_bf16 *xai_bf16_get(void)
{
    pthread_once(&once, choose);
    return chosen_bf16;
}

const char *xai_isa_name(void) { return xai_kernels_get()->isa; }
