/*
 * Mish: x * tanh(log(1 + e^x)), which is x * n / (n + 2) with n = e^x * (e^x + 2). A smooth rectifier: see
 * rectifier.h.
 *
 * From x = 20 on the fraction is 1 in float32.
 */
#include "unary.h"

enum { BLOCK = 64 };

/* e^x of up to BLOCK elements. */
static void powers(const float *x, float *e, size_t n)
{
    for (size_t i = 0; i < n; i++) e[i] = x[i] > 20 ? 20 : x[i];
    xai_kernels_get()->map_exp(e, e, n);
}

static void mish_forward(const xai_unary *s, const float *x, float *y, size_t n)
{
    (void)s;
    float e[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t part = n - at < BLOCK ? n - at : BLOCK;
        powers(x + at, e, part);
        for (size_t i = 0; i < part; i++) {
            float t = e[i] * (e[i] + 2);
            y[at + i] = x[at + i] * (t / (t + 2));
        }
    }
}

/* The fraction t has the derivative (1 - t^2) * e^x / (1 + e^x). */
static void mish_backward(const xai_unary *s, xai_policy policy, const float *x, const float *y, const float *gy,
                          float *gx, size_t n)
{
    (void)s, (void)y;
    float e[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t part = n - at < BLOCK ? n - at : BLOCK;
        powers(x + at, e, part);
        for (size_t i = 0; i < part; i++) {
            float t = e[i] * (e[i] + 2), g = policy != XAI_POLICY_PLAIN && gy[at + i] < 0 ? 0 : gy[at + i];
            t = t / (t + 2);
            gx[at + i] += g * (t + x[at + i] * (1 - t * t) * (e[i] / (1 + e[i])));
        }
    }
}

/* With t the fraction and s = e^x / (1 + e^x): t' = (1 - t^2) s, and the second derivative is 2 t' + x t''. */
static inline float bend_at(float x)
{
    float e = expf(x > 20 ? 20 : x), n = e * (e + 2), t = n / (n + 2), s = e / (1 + e), slope = (1 - t * t) * s;
    return 2 * slope + x * ((1 - s) * slope - 2 * t * s * slope);
}

XAI_UNARY_CURVE(curve, bend_at(x))

static const xai_unary_rule RULE = {mish_forward, mish_backward};

static const xai_op_case CASES[] = {
    {"any_shape", {"2x3x40", NULL}, "", 18},
    {"several_pieces", {"2x9001", NULL}, "", 18},
    {0},
};

XAI_UNARY_OP(mish, "Mish", RULE, CASES, XAI_SMOOTH(curve));
