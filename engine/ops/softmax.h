/* Softmax and LogSoftmax: the axis as both opsets understand it, and runs along it. */
#ifndef XAI_OPS_SOFTMAX_H
#define XAI_OPS_SOFTMAX_H

#include "op.h"

/* One vector of n elements, `step` floats apart. The backward functions add to gx. */
typedef struct xai_softmax_row {
    const float *x;
    float *y;
    const float *gy;
    float *gx;
    const float *dx; /* tangents */
    float *dy;
    int64_t n, step;
} xai_softmax_row;

typedef void (*xai_softmax_fn)(const xai_softmax_row *row);

typedef struct xai_softmax {
    int64_t outer, n, inner; /* before opset 13 all axes from `axis` on are one; since then the axis alone counts */
} xai_softmax;

xai_status xai_softmax_setup(xai_node *node, xai_setup *setup, xai_error *err);
void xai_softmax_run_forward(const xai_node *node, const xai_exec *exec, xai_softmax_fn fn);
void xai_softmax_run_backward(const xai_node *node, const xai_exec *exec, xai_softmax_fn fn);
void xai_softmax_run_tangent(const xai_node *node, const xai_exec *exec, xai_softmax_fn fn);
void xai_softmax_run_curve(const xai_node *node, const xai_exec *exec, xai_softmax_fn fn); /* gy: the gradient itself */

/* The largest of the vector and, relative to it, the sum of exponentials; summed in double, in order. */
double xai_softmax_sum(const xai_softmax_row *row, float *largest);

#endif
