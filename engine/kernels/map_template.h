/*
 * Functions of one float, element by element: exponential, logistic, hyperbolic tangent, error function.
 *
 * Plain C without branches, so that the compiler makes vectors of it; products and sums are rounded one by one (the
 * build forbids contraction), so that all instruction sets give the same bytes. The polynomials are minimax fits of
 * our own (Lawson's iteration in double precision over the intervals named below). Measured over 4e7 floats, in units
 * in the last place: exp 1.0, logistic 2.3, tanh 1.3, erf 2.4; tests/engine/kernels/test_map.c asks for 3.
 * Overflow gives infinity, underflow a subnormal or 0, NaN gives NaN.
 */
#include "vector.h"

#include <stdint.h>
#include <string.h>

static inline uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n, -126 <= n <= 127. */
static inline float power_of_two(int32_t n) { return float_of((uint32_t)(n + 127) << 23); }

/* e^x = 2^n * e^r with |r| <= ln 2 / 2; ln 2 is taken in two parts, so that n times the first is exact. */
static inline float exp_of(float x)
{
    const float to_nearest = 0x1.8p23F; /* added, leaves the nearest integer in the last bits */
    x = x < -104.0F ? -104.0F : x;
    x = x > 89.0F ? 89.0F : x;
    float shifted = x * 1.44269504F + to_nearest, n = shifted - to_nearest;
    float r = (x - n * 0x1.62ep-1F) - n * 0x1.0bfbe8p-15F;
    float q = 0.00139506003F;
    q = q * r + 0.00836895371F;
    q = q * r + 0.0416662042F;
    q = q * r + 0.166665183F;
    q = q * r + 0.5F;
    int32_t power = (int32_t)(bits_of(shifted) - bits_of(to_nearest)), half = power >> 1;
    return ((q * r * r + r) + 1) * power_of_two(half) * power_of_two(power - half);
}

static inline float logistic_of(float x) { return 1 / (1 + exp_of(-x)); }

static inline float with_sign_of(float magnitude, float x)
{
    return float_of(bits_of(magnitude) | (bits_of(x) & 0x80000000U));
}

/* x + x^3 * p(x^2) below 5/8, 1 - 2 / (e^2x + 1) above. */
static inline float tanh_of(float x)
{
    float a = fabsf(x), z = x * x, p = -0.00571703656F;
    p = p * z + 0.020650579F;
    p = p * z - 0.0537434953F;
    p = p * z + 0.133314912F;
    p = p * z - 0.333332839F;
    float near = p * z * x + x, far = with_sign_of(1 - 2 / (exp_of(2 * a) + 1), x);
    return a < 0.625F ? near : far;
}

/* x * p(x^2) below 0.9, 1 - e^-q(x) above; from 3.95 on it is 1. */
static inline float erf_of(float x)
{
    float a = fabsf(x), z = x * x, p = 8.5388392e-05F, q = 2.09095568e-05F;
    a = a > 3.95F ? 3.95F : a;
    p = p * z - 0.000818192729F;
    p = p * z + 0.00520443603F;
    p = p * z - 0.0268607528F;
    p = p * z + 0.112837197F;
    p = p * z - 0.376126353F;
    p = p * z + 1.12837917F;
    q = q * a - 0.000432303018F;
    q = q * a + 0.00416052705F;
    q = q * a - 0.0250914969F;
    q = q * a + 0.10823662F;
    q = q * a + 0.633386646F;
    q = q * a + 1.12949516F;
    q = q * a - 0.000170552048F;
    float far = with_sign_of(1 - exp_of(-q), x);
    return a < 0.9F ? p * x : far;
}

/* Through a block of its own, so that `out` may be `in` and the loop is still made of vectors. */
#define MAP(name, function)                                                                                \
    static void name(const float *in, float *out, size_t n)                                                \
    {                                                                                                      \
        float block[MAP_BLOCK];                                                                            \
        for (; n >= MAP_BLOCK; n -= MAP_BLOCK, in += MAP_BLOCK, out += MAP_BLOCK) {                        \
            for (size_t i = 0; i < MAP_BLOCK; i++) block[i] = function(in[i]);                             \
            memcpy(out, block, sizeof block);                                                              \
        }                                                                                                  \
        for (size_t i = 0; i < n; i++) block[i] = function(in[i]);                                         \
        memcpy(out, block, n * sizeof *out);                                                               \
    }

enum { MAP_BLOCK = 64 };

MAP(map_exp, exp_of)
MAP(map_logistic, logistic_of)
MAP(map_tanh, tanh_of)
MAP(map_erf, erf_of)
