/*
 * Counter-based random numbers: a draw depends on (seed, stream, counter) alone, never on order, threads or batch.
 *
 * Generator: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 */
#ifndef XAI_BASE_RNG_H
#define XAI_BASE_RNG_H

#include <stdint.h>

typedef struct xai_rng {
    uint64_t seed, stream, counter;
    uint32_t block[4];
    int left; /* unused words in block */
} xai_rng;

/* `stream` is what the draw belongs to, usually the index of the sample. */
xai_rng xai_rng_init(uint64_t seed, uint64_t stream);

uint32_t xai_rng_u32(xai_rng *rng);
double xai_rng_uniform(xai_rng *rng);                  /* [0, 1), 53 bits */
uint32_t xai_rng_below(xai_rng *rng, uint32_t bound);  /* [0, bound), without bias; bound > 0 */
double xai_rng_normal(xai_rng *rng);                   /* mean 0, variance 1 (Box-Muller) */

/* The raw block function, for known-answer tests. */
void xai_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
