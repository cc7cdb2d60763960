/*
 * Element-wise operators of two inputs with numpy's broadcasting.
 *
 * An operator is a rule: one loop for each element type that it serves, and one for the derivative by each input. The
 * loops are made by the macros below from an expression in x and y (and g, the gradient of the result), so that the
 * compiler sees the whole loop.
 */
#ifndef XAI_OPS_BINARY_H
#define XAI_OPS_BINARY_H

#include "nest.h"

/* z[i] = x op y with x = a[i * sa] and y = b[i * sb]. */
typedef void (*xai_binary_row)(const void *a, int64_t sa, const void *b, int64_t sb, void *z, int64_t n);

/* The operands of a derivative's loop. */
typedef struct xai_slope_row {
    const float *a, *b, *gz;
    int64_t sa, sb, sz;
    float *g;   /* gradient of the input in question: added to */
    int64_t sg; /* 0: all n terms go into one element, summed in double */
    int64_t n;
} xai_slope_row;

typedef void (*xai_binary_slope)(const xai_slope_row *row);

/* The operands of a curve's loop: adds to the gradient of one input how it changes when both move. */
typedef struct xai_bend_row {
    xai_slope_row slope;
    const float *da, *db; /* tangents, with the strides of a and b; NULL: stands still */
} xai_bend_row;

typedef void (*xai_binary_bend)(const xai_bend_row *row);

typedef struct xai_binary_rule {
    xai_binary_row row[XAI_DTYPE_COUNT]; /* NULL: the type is refused */
    bool is_test;                        /* the result is boolean */
    xai_binary_slope slope[2];           /* by input; NULL: not differentiable */
    xai_binary_slope rectified;          /* replaces slope[0] under guided and deconv; NULL: no rectifier */
    xai_binary_bend bend[2];             /* by input; NULL: the slope is piecewise constant */
} xai_binary_rule;

typedef struct xai_binary {
    const xai_binary_rule *rule;
    xai_nest nest; /* output, a, b */
    xai_shape second; /* of b, as it is broadcast */
} xai_binary;

/*
 * Setup, forward, whole or in part, and backward of such an operator, whose state is an xai_binary. Before opset 7 the
 * second input began at an axis of the first, or ended with it: `axis` is that attribute, and what a file without it
 * means.
 */
xai_status xai_binary_setup(xai_node *node, const xai_binary_rule *rule, xai_error *err);
xai_status xai_binary_prepare(xai_node *node, xai_setup *setup, xai_error *err);
xai_order xai_binary_order(const xai_node *node);
xai_status xai_binary_setup_at(xai_node *node, const xai_binary_rule *rule, int64_t axis, xai_error *err);
void xai_binary_forward(const xai_node *node, const xai_exec *exec);
void xai_binary_backward(const xai_node *node, const xai_exec *exec);
void xai_binary_reach(const xai_node *node, int i, const xai_box *in, xai_box *out);
void xai_binary_forward_box(const xai_node *node, const xai_exec *exec, const xai_box *box);
void xai_binary_tangent(const xai_node *node, const xai_exec *exec);
void xai_binary_curve(const xai_node *node, const xai_exec *exec);

/* A row of `type` whose results are `result`. The case of two dense inputs has a loop of its own, without strides. */
#define XAI_BINARY_ROW(name, type, result, expression)                                                     \
    static void name(const void *a_, int64_t sa, const void *b_, int64_t sb, void *z_, int64_t n)          \
    {                                                                                                      \
        const type *a = a_, *b = b_;                                                                       \
        result *z = z_;                                                                                    \
        if (sa == 1 && sb == 1) {                                                                          \
            for (int64_t i = 0; i < n; i++) {                                                              \
                const type x = a[i], y = b[i];                                                             \
                z[i] = (result)(expression);                                                               \
            }                                                                                              \
            return;                                                                                        \
        }                                                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                                  \
            const type x = a[i * sa], y = b[i * sb];                                                       \
            z[i] = (result)(expression);                                                                   \
        }                                                                                                  \
    }

#define XAI_BINARY_SLOPE(name, expression)                                                                 \
    static void name(const xai_slope_row *r)                                                               \
    {                                                                                                      \
        double sum = 0;                                                                                    \
        for (int64_t i = 0; i < r->n; i++) {                                                               \
            const float x = r->a[i * r->sa], y = r->b[i * r->sb], g = r->gz[i * r->sz];                    \
            (void)x, (void)y;                                                                              \
            const float term = (expression);                                                               \
            if (r->sg == 0) sum += (double)term;                                                           \
            else r->g[i * r->sg] += term;                                                                  \
        }                                                                                                  \
        if (r->sg == 0) *r->g += (float)sum;                                                               \
    }

/* The tangent of a slope g * f_x: an expression in x, y, g and the tangents dx, dy. */
#define XAI_BINARY_BEND(name, expression)                                                                  \
    static void name(const xai_bend_row *row)                                                              \
    {                                                                                                      \
        const xai_slope_row *r = &row->slope;                                                              \
        double sum = 0;                                                                                    \
        for (int64_t i = 0; i < r->n; i++) {                                                               \
            const float x = r->a[i * r->sa], y = r->b[i * r->sb], g = r->gz[i * r->sz];                    \
            const float dx = row->da ? row->da[i * r->sa] : 0, dy = row->db ? row->db[i * r->sb] : 0;      \
            (void)x, (void)y, (void)dx, (void)dy;                                                          \
            const float term = (expression);                                                               \
            if (r->sg == 0) sum += (double)term;                                                           \
            else r->g[i * r->sg] += term;                                                                  \
        }                                                                                                  \
        if (r->sg == 0) *r->g += (float)sum;                                                               \
    }

/* The operator itself, from its rule, its cases and whatever else its table shall say; a test has no derivative. */
#define XAI_BINARY_OP(name, type_, rule, ...)                                                              \
    XAI_BINARY_ANY(name, type_, rule, __VA_ARGS__, .backward = xai_binary_backward,                        \
                   .tangent = xai_binary_tangent, .curve = xai_binary_curve)
#define XAI_TEST_OP(name, type_, rule, cases_) XAI_BINARY_ANY(name, type_, rule, cases_)
#define XAI_BINARY_ANY(name, type_, rule, ...)                                                             \
    static xai_status setup(xai_node *node, xai_setup *setup_, xai_error *err)                             \
    {                                                                                                      \
        (void)setup_;                                                                                      \
        return xai_binary_setup(node, &(rule), err);                                                       \
    }                                                                                                      \
    const xai_op xai_op_##name = {                                                                         \
        .type = (type_), .min_in = 2, .max_in = 2, .max_out = 1, .state_size = sizeof(xai_binary),         \
        .setup = setup, .prepare = xai_binary_prepare, .forward = xai_binary_forward,                      \
        .order = xai_binary_order, .reach = xai_binary_reach, .forward_box = xai_binary_forward_box,       \
        .cases = __VA_ARGS__,                                                                              \
    }

#endif
