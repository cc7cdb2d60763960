/*
 * Half precision: IEEE 754 binary16 ("float16") and bfloat16, as files hold them. The engine computes in float32;
 * these are its only two-byte reals.
 */
#ifndef XAI_TENSOR_HALF_H
#define XAI_TENSOR_HALF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float xai_float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t xai_bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float xai_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 1023;
    if (exponent == 31) return xai_float_of_bits(sign | 0x7f800000 | mantissa << 13);
    if (exponent) return xai_float_of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    float magnitude = (float)mantissa * 0x1p-24F; /* subnormal */
    return sign ? -magnitude : magnitude;
}

static inline float xai_bfloat_to_float(uint16_t bits) { return xai_float_of_bits((uint32_t)bits << 16); }

/* The nearest float16, ties to even; beyond 65504 infinite. */
static inline float xai_round_to_half(float value)
{
    uint32_t bits = xai_bits_of_float(value), magnitude = bits & 0x7fffffff, sign = bits & 0x80000000;
    if (magnitude >= 0x7f800000) return value;                                                /* inf, NaN */
    if (magnitude >= 0x477ff000) return xai_float_of_bits(sign | 0x7f800000);                 /* 65520 and above */
    if (magnitude < 0x38800000) return copysignf(rintf(value * 0x1p24F) * 0x1p-24F, value); /* subnormal */
    return xai_float_of_bits((bits + 0xfff + (bits >> 13 & 1)) & ~(uint32_t)0x1fff);
}

/* The nearest bfloat16, ties to even. */
static inline float xai_round_to_bfloat(float value)
{
    uint32_t bits = xai_bits_of_float(value);
    if (value != value) return value;
    return xai_float_of_bits((bits + 0x7fff + (bits >> 16 & 1)) & ~(uint32_t)0xffff);
}

#endif
