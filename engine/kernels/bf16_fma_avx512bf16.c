/*
 * bfloat16 by multiply-adds of float32: rounded inputs stay floats, pairs of weights are taken apart as they are
 * loaded. For processors that start vdpbf16ps every other cycle, but two multiply-adds a cycle (Intel since Sapphire
 * Rapids): it is twice as fast as the instruction there, and the numbers are the same.
 */
#include "bf16.h"

#if defined(__AVX512BF16__)

#define XAI_TABLE xai_bf16_fma
#define XAI_TABLE_ISA "avx512"
#include "vector.h"

enum { WORDS = 2 };
typedef struct pair {
    vec even, odd;
} panel_x, panel_w;

static inline panel_x x_set(const float *x) { return (panel_x){v_set(x[0]), v_set(x[1])}; }
static inline panel_w w_load(const float *w)
{
    __m512i words = _mm512_loadu_si512(w);
    return (panel_w){_mm512_castsi512_ps(_mm512_slli_epi32(words, 16)),
                   _mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32((int)0xffff0000)))};
}
static inline vec x_fma(panel_x x, panel_w w, vec s) { return v_fma(x.even, w.even, v_fma(x.odd, w.odd, s)); }

static inline vec rounded(vec v)
{
    __m512i wide = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(v));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static void narrow(const float *in, size_t n, float *out)
{
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) v_store(out + i, rounded(v_load(in + i)));
    if (i < n) v_store_part(out + i, rounded(v_load_part(in + i, n - i)), (n - i + 1) / 2 * 2);
}

#include "bf16_template.h"

#endif
