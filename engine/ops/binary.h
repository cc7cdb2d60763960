/*
 * Element-wise operators of two inputs with numpy's broadcasting: float32 with gradients, and the integer types that
 * shape arithmetic uses. An operator is two small functions; the loops are shared.
 */
#ifndef XAI_OPS_BINARY_H
#define XAI_OPS_BINARY_H

#include "op.h"

typedef struct xai_binary_rule {
    /* z[i] = a[i * sa] op b[i * sb] for n elements; a stride is 0 or 1. */
    void (*real)(const float *a, int64_t sa, const float *b, int64_t sb, float *z, int64_t n);
    int64_t (*integer)(int64_t a, int64_t b); /* NULL: floats only */
    /* d z / d a and d z / d b at one element, times gz. */
    void (*derivative)(float a, float b, float gz, float *ga, float *gb);
} xai_binary_rule;

typedef struct xai_binary {
    const xai_binary_rule *rule;
    int64_t stride_a[XAI_MAX_RANK], stride_b[XAI_MAX_RANK]; /* 0 where broadcast */
    xai_shape shape;                                        /* of the output, neighbouring dimensions merged */
} xai_binary;

/* The setup of such an operator: state is an xai_binary. */
xai_status xai_binary_setup(xai_node *node, const xai_binary_rule *rule, xai_error *err);
void xai_binary_forward(const xai_node *node, const xai_exec *exec);
void xai_binary_backward(const xai_node *node, const xai_exec *exec);

#endif
