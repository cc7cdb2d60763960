/*
 * Sobol's sequence, dimension by dimension: a dimension is a primitive polynomial over the integers modulo 2, of
 * which the direction numbers follow from the first few. The polynomials are found here, in rising order, so that
 * only the first numbers are a table. Pure.
 */
#include "sobol_sequence.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum { BITS = 17 }; /* one more than a point's index has: what further bits would add is never reached */

static const uint16_t INITIAL[] = {
#include "sobol_numbers.def"
};

/* ---------------------------------------------------------------- polynomials: bit i is the coefficient of x^i */

static int degree(uint32_t polynomial) { return 31 - __builtin_clz(polynomial); }

static uint32_t multiply(uint32_t a, uint32_t b, uint32_t modulus)
{
    uint32_t product = 0, top = 1U << degree(modulus);
    for (; b; b >>= 1) {
        if (b & 1) product ^= a;
        a <<= 1;
        if (a & top) a ^= modulus;
    }
    return product;
}

static uint32_t power_of_x(uint32_t exponent, uint32_t modulus)
{
    uint32_t power = 1, square = degree(modulus) > 1 ? 2 : 1;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1) power = multiply(power, square, modulus);
        square = multiply(square, square, modulus);
    }
    return power;
}

/* Whether x generates every polynomial but 0: its order is 2^degree - 1 and no proper part of that. */
static bool is_primitive(uint32_t polynomial)
{
    uint32_t order = (1U << degree(polynomial)) - 1, left = order;
    if (power_of_x(order, polynomial) != 1) return false;
    for (uint32_t prime = 2; left > 1; prime++) {
        if (left % prime) continue;
        if (prime < order && power_of_x(order / prime, polynomial) == 1) return false;
        while (left % prime == 0) left /= prime;
    }
    return true;
}

/* ---------------------------------------------------------------- directions */

/* directions[k] is the k-th binary digit's, as a fraction of 2^32. */
static void expand(uint32_t polynomial, const uint16_t *initial, uint32_t *directions)
{
    int s = degree(polynomial);
    directions[0] = 1U << 31;
    for (int k = 1; k < s && k < BITS; k++) directions[k] = (uint32_t)initial[k - 1] << (31 - k);
    for (int k = s; k < BITS; k++) {
        directions[k] = directions[k - s] ^ (directions[k - s] >> s);
        for (int i = 1; i < s; i++)
            if (polynomial >> (s - i) & 1) directions[k] ^= directions[k - i];
    }
}

/* One coordinate of every point: from one to the next, the direction of the lowest 0 of the index is flipped. */
static void fill(const uint32_t *directions, size_t count, size_t stride, float *out)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value ^= directions[__builtin_ctzll(~(unsigned long long)i)];
        out[i * stride] = (float)value * 0x1p-32F;
    }
}

void xai_sobol_points(size_t dimensions, size_t count, float *points)
{
    assert(dimensions <= XAI_SOBOL_DIMENSIONS && count <= XAI_SOBOL_POINTS);
    const uint16_t *initial = INITIAL;
    uint32_t polynomial = 1, directions[BITS];
    for (int k = 0; k < BITS; k++) directions[k] = 1U << (31 - k); /* the first dimension has no polynomial */
    for (size_t d = 0; d < dimensions; d++) {
        fill(directions, count, dimensions, points + d);
        if (d + 1 == dimensions) return;
        do polynomial += 2;
        while (!is_primitive(polynomial));
        expand(polynomial, initial, directions);
        initial += degree(polynomial) - 1;
    }
}
