/*
 * Swish, also known as SiLU: x * s with s = 1 / (1 + exp(-alpha * x)). A smooth rectifier: see rectifier.h. Files of
 * older opsets write it as Sigmoid and Mul; the fusion pass makes it of them, so that it has one backward rule.
 */
#include "unary.h"

enum { BLOCK = 256 };

/* Up to BLOCK elements of s. */
static void gates(float alpha, const float *x, float *s, size_t n)
{
    for (size_t i = 0; i < n; i++) s[i] = alpha * x[i];
    xai_kernels_get()->map_logistic(s, s, n);
}

static void swish_forward(const xai_unary *u, const float *x, float *y, size_t n)
{
    float s[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t part = n - at < BLOCK ? n - at : BLOCK;
        gates(u->alpha, x + at, s, part);
        for (size_t i = 0; i < part; i++) y[at + i] = x[at + i] * s[i];
    }
}

static void swish_backward(const xai_unary *u, xai_policy policy, const float *x, const float *y, const float *gy,
                           float *gx, size_t n)
{
    (void)y;
    float s[BLOCK];
    bool cut = policy != XAI_POLICY_PLAIN;
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t part = n - at < BLOCK ? n - at : BLOCK;
        gates(u->alpha, x + at, s, part);
        for (size_t i = 0; i < part; i++) {
            float g = cut && gy[at + i] < 0 ? 0 : gy[at + i];
            gx[at + i] += g * (s[i] + u->alpha * x[at + i] * s[i] * (1 - s[i]));
        }
    }
}

static inline float bend_at(float alpha, float x)
{
    float s = 1 / (1 + expf(-alpha * x));
    return alpha * s * (1 - s) * (2 + alpha * x * (1 - 2 * s));
}

XAI_UNARY_CURVE(curve, bend_at(s->alpha, x))

static const xai_unary_rule RULE = {swish_forward, swish_backward};

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    ((xai_unary *)node->state)->alpha = xai_attr_real(node, "alpha", 1);
    return xai_unary_setup(node, &RULE, err);
}

static const xai_op_case CASES[] = {
    {"any_shape", {"2x3x40", NULL}, "", 24},
    {"other_alpha", {"2x3x40", NULL}, "alpha=1.7", 24},
    {"several_pieces", {"2x9001", NULL}, "", 24},
    {0},
};

XAI_UNARY_TABLE(swish, "Swish", CASES, XAI_SMOOTH(curve));
