/*
 * Products in bfloat16: float32 numbers cut to their upper 16 bits, sums in float32.
 *
 * Inputs are rounded to nearest, ties to even; what is below 2^-126 becomes 0, and a NaN stays one. They go by pairs,
 * along the sum. The product of two is exact in float32, and to a sum s a pair adds
 *
 *     s = fl(s + x[2i+1] w[2i+1]);  s = fl(s + x[2i] w[2i])
 *
 * the odd one first, as the instruction vdpbf16ps does. It takes sums below 2^-126 for 0; the ways that use
 * multiply-adds of float32 in its place keep them, and are equal to it in everything else.
 *
 * A pair of weights is a word of 32 bits, the even one in the lower half, in every table. A pair of inputs is what
 * `narrow` makes of two floats: one word, or where multiply-adds are used two floats. Words are stored as floats, so
 * that one struct describes the panels of both precisions: xai_pixel_panel counts pairs in `k`, and words in x_at.
 */
#ifndef XAI_KERNELS_BF16_H
#define XAI_KERNELS_BF16_H

#include "kernels.h"
#include "tensor/half.h"

typedef struct xai_bf16 {
    const char *isa; /* as results name it */
    size_t width;    /* floats of a vector: that of the float32 kernels in use beside it */
    size_t words;    /* of a pair of inputs: 1 or 2 */
    /* n floats become (n + 1) / 2 pairs, the last filled up with 0. */
    void (*narrow)(const float *in, size_t n, float *out);
    void (*panel)(const xai_pixel_panel *panel);
} xai_bf16;

/* What precision bf16 runs on here; NULL: this processor has no bfloat16, or XAI_ISA has forced it down. */
const xai_bf16 *xai_bf16_get(void);

/* One table by its isa, "scalar" on any machine; NULL: not here. For tests. */
const xai_bf16 *xai_bf16_for(const char *isa);

/* The upper half of a float, rounded. */
static inline uint32_t xai_bf16_of(float value)
{
    uint32_t bits = xai_bits_of_float(value), magnitude = bits & 0x7fffffff;
    if (magnitude < 0x00800000) return bits >> 16 & 0x8000;
    if (magnitude > 0x7f800000) return bits >> 16 | 0x40;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* A pair as a word. */
static inline float xai_bf16_pair(float even, float odd)
{
    return xai_float_of_bits(xai_bf16_of(odd) << 16 | xai_bf16_of(even));
}

#endif
