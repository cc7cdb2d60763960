/*
 * The fused activation: clamp to [lo, hi]. ReLU is (0, +inf), ReLU6 (0, 6), none (-inf, +inf): one kind for all,
 * so that no kernel branches on it. Its derivative is 1 strictly inside the interval, as PyTorch's hardtanh has it.
 */
#ifndef XAI_KERNELS_ACTIVATION_H
#define XAI_KERNELS_ACTIVATION_H

#include <math.h>
#include <stdbool.h>

typedef struct xai_clamp {
    float lo, hi;
} xai_clamp;

static inline xai_clamp xai_clamp_none(void) { return (xai_clamp){-INFINITY, INFINITY}; }

static inline bool xai_clamp_is_none(xai_clamp c) { return c.lo == -INFINITY && c.hi == INFINITY; }

static inline float xai_clamp_apply(xai_clamp c, float v)
{
    v = v < c.lo ? c.lo : v; /* a NaN passes through */
    return v > c.hi ? c.hi : v;
}

#endif
