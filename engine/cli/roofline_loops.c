/*
 * Loops of the roofline: independent sums in registers, and the sum of two streams, for each instruction set.
 *
 * Twelve sums hide a latency of four cycles on two units, and fit sixteen registers. They begin at zero and stay
 * there, which no processor of these instruction sets is quicker at. An empty asm after every round keeps the compiler
 * from doing less. Pure; any thread.
 */
#include "roofline_loops.h"

#include "xai.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { SUMS = 12 };

/* clang-format off */
#define ALL_SUMS(do_one) do_one(0) do_one(1) do_one(2) do_one(3) do_one(4) do_one(5) do_one(6) do_one(7) \
                         do_one(8) do_one(9) do_one(10) do_one(11)
/* clang-format on */

/*
 * type: a vector of float, `lanes` of them; fma(x, y, z) = x * y + z; reg: its register class for asm.
 * The sums are variables of their own: an array might be kept in memory.
 */
#define DECLARE(i) sum##i = zero,
#define STEP(i) sum##i = FMA(x, y, sum##i);
#define HOLD(i) __asm__ volatile("" : "+" REG(sum##i));
#define DEFINE_LOOPS(isa, type, lanes, target)                                                                    \
    target static double multiply_add_##isa(size_t rounds)                                                        \
    {                                                                                                             \
        type zero = {0}, x = zero, y = zero;                                                                      \
        type ALL_SUMS(DECLARE) unused = zero;                                                                     \
        __asm__ volatile("" : "+" REG(x), "+" REG(y));                                                            \
        for (size_t r = 0; r < rounds; r++) {                                                                     \
            ALL_SUMS(STEP)                                                                                        \
            ALL_SUMS(HOLD)                                                                                        \
        }                                                                                                         \
        (void)unused;                                                                                             \
        return 2.0 * SUMS * (lanes) * (double)rounds;                                                             \
    }                                                                                                             \
    target static void stream_##isa(float *a, const float *b, const float *c, size_t n)                           \
    {                                                                                                             \
        type *to = (type *)a;                                                                                     \
        const type *x = (const type *)b, *y = (const type *)c;                                                    \
        for (size_t i = 0; i < n / (lanes); i++) {                                                                \
            to[i] = x[i] + y[i];                                                                                  \
            __asm__ volatile("" ::: "memory");                                                                    \
        }                                                                                                         \
    }                                                                                                             \
    static const roofline_loops LOOPS_##isa = {#isa, multiply_add_##isa, stream_##isa};

typedef float vector4 __attribute__((vector_size(16), may_alias));

#if defined(__x86_64__)
#define REG(v) "x"(v)
#else
#define REG(v) "m"(v)
#endif
#define FMA(x, y, z) ((x) * (y) + (z))
DEFINE_LOOPS(scalar, vector4, 4, )

#if defined(__x86_64__)
#undef FMA
#define FMA _mm256_fmadd_ps
DEFINE_LOOPS(avx2, __m256, 8, __attribute__((target("avx2,fma"))))
#undef FMA
#define FMA _mm512_fmadd_ps
#undef REG
#define REG(v) "v"(v)
DEFINE_LOOPS(avx512, __m512, 16, __attribute__((target("avx512f"))))
#endif

const roofline_loops *roofline_loops_get(void)
{
#if defined(__x86_64__)
    if (strcmp(xai_isa_name(), "avx512") == 0) return &LOOPS_avx512;
    if (strcmp(xai_isa_name(), "avx2") == 0) return &LOOPS_avx2;
#endif
    return &LOOPS_scalar;
}
