/*
 * SHA-256 with the SHA instructions of x86-64: some six times the portable speed, which shows where a model of a
 * hundred megabytes is checked at start.
 *
 * The code is generated for its instructions by an attribute of the function, not by a flag for the file, so the rest
 * of base/ runs anywhere; xai_sha256_x86_usable says whether this CPU may call it. Thread-safe: no state.
 */
#include "sha256.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

/* CPUID: leaf 1 has SSSE3 (ECX bit 9) and SSE4.1 (ECX bit 19), leaf 7 has SHA (EBX bit 29). */
bool xai_sha256_x86_usable(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 9)) || !(c & (1u << 19))) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}

#define SHA_TARGET __attribute__((target("sha,sse4.1,ssse3")))

/* Four rounds: the message words in `w` with their constants; the state is held as ABEF and CDGH. */
SHA_TARGET static inline void four_rounds(__m128i *abef, __m128i *cdgh, __m128i w, int t)
{
    __m128i wk = _mm_add_epi32(w, _mm_loadu_si128((const __m128i *)(const void *)&XAI_SHA256_K[t]));
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, wk);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(wk, 0x0e));
}

/* The next four message words from the last sixteen (oldest first). */
SHA_TARGET static inline __m128i next_words(const __m128i w[4])
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[0], w[1]), _mm_alignr_epi8(w[3], w[2], 4));
    return _mm_sha256msg2_epu32(sum, w[3]);
}

SHA_TARGET static void one_block(__m128i *abef, __m128i *cdgh, const uint8_t *bytes)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i w[4], abef0 = *abef, cdgh0 = *cdgh;
    for (int i = 0; i < 4; i++) {
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(bytes + 16 * i)), swap);
        four_rounds(abef, cdgh, w[i], 4 * i);
    }
    for (int t = 16; t < 64; t += 4) {
        __m128i next = next_words(w);
        w[0] = w[1], w[1] = w[2], w[2] = w[3], w[3] = next;
        four_rounds(abef, cdgh, next, t);
    }
    *abef = _mm_add_epi32(*abef, abef0);
    *cdgh = _mm_add_epi32(*cdgh, cdgh0);
}

SHA_TARGET void xai_sha256_blocks_x86(uint32_t state[8], const uint8_t *bytes, size_t count)
{
    const uint32_t *s = state;
    __m128i abef = _mm_set_epi32((int)s[0], (int)s[1], (int)s[4], (int)s[5]);
    __m128i cdgh = _mm_set_epi32((int)s[2], (int)s[3], (int)s[6], (int)s[7]);
    for (; count > 0; count--, bytes += 64) one_block(&abef, &cdgh, bytes);
    uint32_t x[4], y[4];
    _mm_storeu_si128((__m128i *)(void *)x, abef);
    _mm_storeu_si128((__m128i *)(void *)y, cdgh);
    state[0] = x[3], state[1] = x[2], state[4] = x[1], state[5] = x[0];
    state[2] = y[3], state[3] = y[2], state[6] = y[1], state[7] = y[0];
}
#endif
