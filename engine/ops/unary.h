/*
 * Element-wise functions of one float32 input.
 *
 * An operator is a rule: a loop for y = f(x) and one that adds g * f'(x) to the gradient. XAI_UNARY_RULE makes both
 * from expressions in x, in s (its xai_unary) and, for the derivative, y.
 */
#ifndef XAI_OPS_UNARY_H
#define XAI_OPS_UNARY_H

#include "kernels/kernels.h"
#include "op.h"

typedef struct xai_unary xai_unary;

typedef struct xai_unary_rule {
    void (*forward)(const xai_unary *s, const float *x, float *y, size_t n);
    /* gx[i] += gradient of gy[i]. */
    void (*backward)(const xai_unary *s, xai_policy policy, const float *x, const float *y, const float *gy,
                     float *gx, size_t n);
} xai_unary_rule;

/* gx[i] += gy[i] * f''(x[i]) * dx[i]. */
typedef void (*xai_unary_bend)(const xai_unary *s, const float *x, const float *y, const float *dx, const float *gy,
                               float *gx, size_t n);

struct xai_unary {
    const xai_unary_rule *rule;
    float alpha, beta; /* attributes, where the function has them */
    xai_clamp clamp;   /* Relu and Clip */
};

/* Setup (after which the operator reads its attributes), forward, whole or in part, and backward; the state is an
 * xai_unary. */
xai_status xai_unary_setup(xai_node *node, const xai_unary_rule *rule, xai_error *err);
void xai_unary_forward(const xai_node *node, const xai_exec *exec);
void xai_unary_backward(const xai_node *node, const xai_exec *exec);
void xai_unary_reach(const xai_node *node, int i, const xai_box *in, xai_box *out);
void xai_unary_forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box);
void xai_unary_curve(const xai_node *node, const xai_exec *exec, xai_unary_bend bend);

/*
 * XAI_UNARY_RULE makes a rule from expressions of its value and its slope, XAI_UNARY_MAP one whose value is made by a
 * kernel (kernels/map_template.h). `rectifies`: under guided and deconv the negative part of the incoming gradient is
 * cut off (rectifier.h).
 */
#define XAI_UNARY_RULE(name, value, slope, rectifies)                                                      \
    static void name##_forward(const xai_unary *s, const float *in, float *out, size_t n)                  \
    {                                                                                                      \
        (void)s;                                                                                           \
        for (size_t i = 0; i < n; i++) {                                                                   \
            const float x = in[i];                                                                         \
            out[i] = (value);                                                                              \
        }                                                                                                  \
    }                                                                                                      \
    XAI_UNARY_SLOPE(name, slope, rectifies)                                                                \
    static const xai_unary_rule name = {name##_forward, name##_backward}

#define XAI_UNARY_MAP(name, kernel, slope, rectifies)                                                      \
    static void name##_forward(const xai_unary *s, const float *in, float *out, size_t n)                  \
    {                                                                                                      \
        (void)s;                                                                                           \
        xai_kernels_get()->kernel(in, out, n);                                                             \
    }                                                                                                      \
    XAI_UNARY_SLOPE(name, slope, rectifies)                                                                \
    static const xai_unary_rule name = {name##_forward, name##_backward}

#define XAI_UNARY_SLOPE(name, slope, rectifies)                                                            \
    static void name##_backward(const xai_unary *s, xai_policy policy, const float *in, const float *out,  \
                                const float *gy, float *gx, size_t n)                                      \
    {                                                                                                      \
        (void)s;                                                                                           \
        const bool cut = (rectifies) && policy != XAI_POLICY_PLAIN;                                        \
        for (size_t i = 0; i < n; i++) {                                                                   \
            const float x = in[i], y = out[i], g = cut && gy[i] < 0 ? 0 : gy[i];                           \
            (void)x, (void)y;                                                                              \
            gx[i] += g * (slope);                                                                          \
        }                                                                                                  \
    }

/* `name`, an operator's curve (op.h), from an expression of the second derivative in x, y and s. */
#define XAI_UNARY_CURVE(name, bend)                                                                        \
    static void name##_bend(const xai_unary *s, const float *in, const float *out, const float *dx,        \
                            const float *gy, float *gx, size_t n)                                          \
    {                                                                                                      \
        (void)s;                                                                                           \
        for (size_t i = 0; i < n; i++) {                                                                   \
            const float x = in[i], y = out[i];                                                             \
            (void)x, (void)y;                                                                              \
            gx[i] += gy[i] * dx[i] * (bend);                                                               \
        }                                                                                                  \
    }                                                                                                      \
    static void name(const xai_node *node, const xai_exec *exec) { xai_unary_curve(node, exec, name##_bend); }

/* What may follow an operator's cases: made of straight pieces, or bent as its curve says. Without, no tangents. */
#define XAI_STRAIGHT .symmetric = true
#define XAI_SMOOTH(curve_) .symmetric = true, .curve = (curve_)

/* An operator without attributes; its cases, and whatever else its table shall say. */
#define XAI_UNARY_OP(name, type_, rule, ...)                                                               \
    static xai_status setup(xai_node *node, xai_setup *setup_, xai_error *err)                             \
    {                                                                                                      \
        (void)setup_;                                                                                      \
        return xai_unary_setup(node, &(rule), err);                                                        \
    }                                                                                                      \
    XAI_UNARY_TABLE(name, type_, __VA_ARGS__)

#define XAI_UNARY_TABLE(name, type_, ...)                                                                  \
    const xai_op xai_op_##name = {                                                                         \
        .type = (type_), .min_in = 1, .max_in = 1, .max_out = 1, .state_size = sizeof(xai_unary),          \
        .setup = setup, .forward = xai_unary_forward, .backward = xai_unary_backward,                      \
        .flow = XAI_FLOW_PASS, .order = xai_order_elementwise, .reach = xai_unary_reach,                   \
        .forward_box = xai_unary_forward_box, .cases = __VA_ARGS__,                                        \
    }

#endif
