/*
 * bfloat16 by the instruction made for it, vdpbf16ps: two multiply-adds a lane. Where a processor starts one a cycle
 * (AMD since Zen 4), that is twice the work of float32.
 */
#include "bf16.h"

#if defined(__AVX512BF16__)

#define XAI_TABLE xai_bf16_dot
#define XAI_TABLE_ISA "avx512bf16"
#include "vector.h"

enum { WORDS = 1 };
typedef __m512bh panel_x, panel_w;

static inline panel_x x_set(const float *x) { return (__m512bh)_mm512_set1_ps(*x); }
static inline panel_w w_load(const float *w) { return (__m512bh)_mm512_loadu_ps(w); }
static inline vec x_fma(panel_x x, panel_w w, vec s) { return _mm512_dpbf16_ps(s, x, w); }

/* 32 floats, then what is left: lanes beyond the end are 0. */
static void narrow(const float *in, size_t n, float *out)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        _mm512_storeu_ps(out + i / 2, (__m512)_mm512_cvtne2ps_pbh(v_load(in + i + 16), v_load(in + i)));
    for (; i < n; i += 16) {
        size_t count = n - i < 16 ? n - i : 16;
        __m256i pairs = (__m256i)_mm512_cvtneps_pbh(v_load_part(in + i, count));
        _mm256_mask_storeu_epi32(out + i / 2, (__mmask8)((1U << (count + 1) / 2) - 1), pairs);
    }
}

#include "bf16_template.h"

#endif
