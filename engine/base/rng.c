/* Philox 4x32-10. No state beyond the caller's struct. */
#include "rng.h"

#include <math.h>
#include <string.h>

void xai_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4], k0 = key[0], k1 = key[1];
    memcpy(c, counter, sizeof c);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[1] = (uint32_t)p1;
        c[3] = (uint32_t)p0;
        c[0] = n0;
        c[2] = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof c);
}

xai_rng xai_rng_init(uint64_t seed, uint64_t stream) { return (xai_rng){.seed = seed, .stream = stream}; }

uint32_t xai_rng_u32(xai_rng *rng)
{
    if (rng->left == 0) {
        uint32_t counter[4] = {(uint32_t)rng->counter, (uint32_t)(rng->counter >> 32), (uint32_t)rng->stream,
                               (uint32_t)(rng->stream >> 32)};
        uint32_t key[2] = {(uint32_t)rng->seed, (uint32_t)(rng->seed >> 32)};
        xai_philox4x32(counter, key, rng->block);
        rng->counter++;
        rng->left = 4;
    }
    return rng->block[4 - rng->left--];
}

double xai_rng_uniform(xai_rng *rng)
{
    uint64_t high = xai_rng_u32(rng) >> 5, low = xai_rng_u32(rng) >> 6; /* 27 + 26 bits */
    return (double)(high << 26 | low) * 0x1p-53;
}

uint32_t xai_rng_below(xai_rng *rng, uint32_t bound)
{
    uint32_t threshold = -bound % bound; /* reject the incomplete last interval */
    for (;;) {
        uint64_t m = (uint64_t)xai_rng_u32(rng) * bound;
        if ((uint32_t)m >= threshold) return (uint32_t)(m >> 32);
    }
}

double xai_rng_normal(xai_rng *rng)
{
    double u = 1.0 - xai_rng_uniform(rng), v = xai_rng_uniform(rng); /* u in (0, 1] */
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
