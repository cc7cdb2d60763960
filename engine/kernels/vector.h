/*
 * One vector of floats, as wide as the instruction set of the including file has it: the only difference between the
 * kernels of different instruction sets. Included by kernels_<isa>.c alone.
 *
 * WIDTH is the number of lanes. v_fma rounds once where the processor can (AVX2, AVX-512), twice in the scalar build.
 * v_even takes every other float: p[0], p[2], ..., p[2 * WIDTH - 2], and reads no further than that.
 * v_load_lanes reads the lanes that v_lanes(first, n) names, first <= lane < first + n, from p + lane, the others
 * being 0; p itself may lie outside of any buffer. v_join puts two such vectors together. v_weave_low and
 * v_weave_high are the halves of a[0], b[0], a[1], b[1], ... v_most is the larger of each pair, and NaN where one of
 * them is. v_clamp lets a NaN pass, as xai_clamp_apply does: x86 min and max return their second operand then.
 */
#ifndef XAI_KERNELS_VECTOR_H
#define XAI_KERNELS_VECTOR_H

#include "kernels.h"

/* For functions whose constant arguments must be unrolled into registers; the tests' model in plain C has none. */
#if defined(XAI_VECTOR_WIDE)
#define INLINE static
#else
#define INLINE static inline __attribute__((always_inline))
#endif

#if defined(XAI_VECTOR_WIDE)
#include XAI_VECTOR_WIDE
#elif defined(__AVX512F__)

#include <immintrin.h>

#define WIDTH 16
typedef __m512 vec;

static inline vec v_zero(void) { return _mm512_setzero_ps(); }
static inline vec v_set(float x) { return _mm512_set1_ps(x); }
static inline vec v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vec v) { _mm512_storeu_ps(p, v); }
static inline vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec v_clamp(vec v, vec lo, vec hi) { return _mm512_min_ps(hi, _mm512_max_ps(lo, v)); }
static inline vec v_most(vec a, vec b)
{
    return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
}
static inline vec v_even(const float *p)
{
    __m512i pick = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_permutex2var_ps(_mm512_loadu_ps(p), pick, _mm512_loadu_ps(p + 15));
}
static inline __mmask16 v_first(size_t n) { return (__mmask16)((1u << n) - 1); }
typedef __mmask16 vmask;
static inline vmask v_lanes(size_t first, size_t n) { return (vmask)(v_first(n) << first); }
static inline vec v_load_lanes(const float *p, vmask l) { return _mm512_maskz_loadu_ps(l, p); }
static inline vec v_join(vec a, vec b) { return _mm512_or_ps(a, b); }
static inline vec v_weave_low(vec a, vec b)
{
    __m512i pick = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return _mm512_permutex2var_ps(a, pick, b);
}
static inline vec v_weave_high(vec a, vec b)
{
    __m512i pick = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    return _mm512_permutex2var_ps(a, pick, b);
}
/* The first n lanes, n <= WIDTH, the others 0; nothing beyond is touched. */
static inline vec v_load_part(const float *p, size_t n) { return _mm512_maskz_loadu_ps(v_first(n), p); }
static inline void v_store_part(float *p, vec v, size_t n) { _mm512_mask_storeu_ps(p, v_first(n), v); }
/* v where lo < x < hi, else 0. */
static inline vec v_inside(vec v, vec x, vec lo, vec hi)
{
    __mmask16 above = _mm512_cmp_ps_mask(x, lo, _CMP_GT_OQ);
    return _mm512_maskz_mov_ps(_mm512_mask_cmp_ps_mask(above, x, hi, _CMP_LT_OQ), v);
}

#elif defined(__AVX2__)

#include <immintrin.h>

#define WIDTH 8
typedef __m256 vec;

static inline vec v_zero(void) { return _mm256_setzero_ps(); }
static inline vec v_set(float x) { return _mm256_set1_ps(x); }
static inline vec v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vec v) { _mm256_storeu_ps(p, v); }
static inline vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec v_clamp(vec v, vec lo, vec hi) { return _mm256_min_ps(hi, _mm256_max_ps(lo, v)); }

static inline vec v_most(vec a, vec b)
{
    return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
static inline vec v_even(const float *p)
{
    __m256 mixed = _mm256_shuffle_ps(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 7), _MM_SHUFFLE(3, 1, 2, 0));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(mixed), _MM_SHUFFLE(3, 1, 2, 0)));
}
static inline __m256i v_first(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
typedef __m256i vmask;
static inline vmask v_lanes(size_t first, size_t n)
{
    return _mm256_andnot_si256(v_first(first), v_first(first + n));
}
static inline vec v_load_lanes(const float *p, vmask l) { return _mm256_maskload_ps(p, l); }
static inline vec v_join(vec a, vec b) { return _mm256_or_ps(a, b); }
static inline vec v_weave_low(vec a, vec b)
{
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}
static inline vec v_weave_high(vec a, vec b)
{
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}
/* The first n lanes, n <= WIDTH, the others 0; nothing beyond is touched. */
static inline vec v_load_part(const float *p, size_t n) { return _mm256_maskload_ps(p, v_first(n)); }
/* By halves: a masked store of AVX2 takes some twenty micro-operations on AMD processors. */
static inline void v_store_part(float *p, vec v, size_t n)
{
    __m128 half = _mm256_castps256_ps128(v);
    if (n >= 8) {
        _mm256_storeu_ps(p, v);
        return;
    }
    if (n & 4) {
        _mm_storeu_ps(p, half);
        half = _mm256_extractf128_ps(v, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(void *)p, half);
        half = _mm_movehl_ps(half, half);
        p += 2;
    }
    if (n & 1) _mm_store_ss(p, half);
}
/* v where lo < x < hi, else 0. */
static inline vec v_inside(vec v, vec x, vec lo, vec hi)
{
    __m256 above = _mm256_cmp_ps(x, lo, _CMP_GT_OQ), below = _mm256_cmp_ps(x, hi, _CMP_LT_OQ);
    return _mm256_and_ps(v, _mm256_and_ps(above, below));
}

#else

#define WIDTH 1
typedef float vec;

static inline vec v_zero(void) { return 0; }
static inline vec v_set(float x) { return x; }
static inline vec v_load(const float *p) { return *p; }
static inline void v_store(float *p, vec v) { *p = v; }
static inline vec v_most(vec a, vec b) { return a > b || a != a ? a : b; }
static inline vec v_even(const float *p) { return *p; }
static inline vec v_add(vec a, vec b) { return a + b; }
static inline vec v_fma(vec a, vec b, vec c) { return a * b + c; }
static inline vec v_clamp(vec v, vec lo, vec hi) { return xai_clamp_apply((xai_clamp){lo, hi}, v); }
typedef bool vmask;
static inline vmask v_lanes(size_t first, size_t n) { return first == 0 && n > 0; }
static inline vec v_load_lanes(const float *p, vmask l) { return l ? *p : 0; }
static inline vec v_join(vec a, vec b) { return a != 0 ? a : b; }
static inline vec v_weave_low(vec a, vec b)
{
    (void)b;
    return a;
}
static inline vec v_weave_high(vec a, vec b)
{
    (void)a;
    return b;
}
static inline vec v_load_part(const float *p, size_t n) { return n ? *p : 0; }
static inline void v_store_part(float *p, vec v, size_t n)
{
    if (n) *p = v;
}
static inline vec v_inside(vec v, vec x, vec lo, vec hi) { return x > lo && x < hi ? v : 0; }

#endif

#endif
