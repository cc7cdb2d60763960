/*
 * Gelu: x * P(x), where P is the normal distribution: exactly, by erf, or approximated by tanh. A smooth rectifier:
 * see rectifier.h.
 *
 *     none  P = (1 + erf(x / sqrt(2))) / 2
 *     tanh  P = (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2
 *
 * Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
 */
#include "unary.h"

#include <string.h>

enum { BLOCK = 64 };
#define ROOT_HALF 0.707106781F        /* 1 / sqrt(2) */
#define DENSITY 0.398942280F          /* 1 / sqrt(2 pi) */
#define ROOT_TWO_BY_PI 0.797884561F   /* sqrt(2 / pi) */

typedef void (*block_fn)(const float *x, float *p, size_t n);

/* p = P(x) for up to BLOCK elements. */
static void exact(const float *x, float *p, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = ROOT_HALF * x[i];
    xai_kernels_get()->map_erf(p, p, n);
    for (size_t i = 0; i < n; i++) p[i] = 0.5F + 0.5F * p[i];
}

static void approximate(const float *x, float *p, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = ROOT_TWO_BY_PI * (x[i] + 0.044715F * x[i] * x[i] * x[i]);
    xai_kernels_get()->map_tanh(p, p, n);
    for (size_t i = 0; i < n; i++) p[i] = 0.5F + 0.5F * p[i];
}

/* d = P(x) + x * P'(x). */
static void exact_slope(const float *x, float *d, size_t n)
{
    float density[BLOCK];
    for (size_t i = 0; i < n; i++) density[i] = -0.5F * x[i] * x[i];
    xai_kernels_get()->map_exp(density, density, n);
    exact(x, d, n);
    for (size_t i = 0; i < n; i++) d[i] += x[i] * (DENSITY * density[i]);
}

static void approximate_slope(const float *x, float *d, size_t n)
{
    approximate(x, d, n);
    for (size_t i = 0; i < n; i++) {
        float inner = ROOT_TWO_BY_PI * (1 + 3 * 0.044715F * x[i] * x[i]);
        d[i] += x[i] * 2 * d[i] * (1 - d[i]) * inner;
    }
}

static void run_forward(block_fn fn, const float *x, float *y, size_t n)
{
    float p[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t part = n - at < BLOCK ? n - at : BLOCK;
        fn(x + at, p, part);
        for (size_t i = 0; i < part; i++) y[at + i] = x[at + i] * p[i];
    }
}

static void run_backward(block_fn slope, bool cut, const float *x, const float *gy, float *gx, size_t n)
{
    float d[BLOCK];
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t part = n - at < BLOCK ? n - at : BLOCK;
        slope(x + at, d, part);
        for (size_t i = 0; i < part; i++) gx[at + i] += (cut && gy[at + i] < 0 ? 0 : gy[at + i]) * d[i];
    }
}

#define GELU_RULE(name, value, slope)                                                                      \
    static void name##_forward(const xai_unary *s, const float *x, float *y, size_t n)                     \
    {                                                                                                      \
        (void)s;                                                                                           \
        run_forward(value, x, y, n);                                                                       \
    }                                                                                                      \
    static void name##_backward(const xai_unary *s, xai_policy policy, const float *x, const float *y,     \
                                const float *gy, float *gx, size_t n)                                      \
    {                                                                                                      \
        (void)s, (void)y;                                                                                  \
        run_backward(slope, policy != XAI_POLICY_PLAIN, x, gy, gx, n);                                     \
    }                                                                                                      \
    static const xai_unary_rule name = {name##_forward, name##_backward}

GELU_RULE(ERF_RULE, exact, exact_slope);
GELU_RULE(TANH_RULE, approximate, approximate_slope);

/* The second derivatives, 2 P' + x P''. */
static inline float exact_bend(float x) { return DENSITY * expf(-0.5F * x * x) * (2 - x * x); }

static inline float approximate_bend(float x)
{
    float cube = 0.044715F, t = tanhf(ROOT_TWO_BY_PI * (x + cube * x * x * x));
    float inner = ROOT_TWO_BY_PI * (1 + 3 * cube * x * x), bend = ROOT_TWO_BY_PI * 6 * cube * x;
    return (1 - t * t) * (inner + 0.5F * x * (bend - 2 * t * inner * inner));
}

XAI_UNARY_CURVE(curve, s->rule == &ERF_RULE ? exact_bend(x) : approximate_bend(x))

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const char *mode = xai_attr_text(node, "approximate", "none");
    bool by_tanh = strcmp(mode, "tanh") == 0;
    XAI_NODE_CHECK(by_tanh || strcmp(mode, "none") == 0, node, BAD_MODEL, err, "approximate is \"%s\"", mode);
    return xai_unary_setup(node, by_tanh ? &TANH_RULE : &ERF_RULE, err);
}

static const xai_op_case CASES[] = {
    {"by_erf", {"2x3x40", NULL}, "", 20},
    {"by_tanh", {"2x3x40", NULL}, "approximate=tanh", 20},
    {"several_pieces", {"2x9001", NULL}, "", 20},
    {0},
};

XAI_UNARY_TABLE(gelu, "Gelu", CASES, XAI_SMOOTH(curve));
