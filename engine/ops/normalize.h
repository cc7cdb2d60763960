/*
 * Normalisation of rows: y = (x - mean) / sqrt(variance + epsilon) * scale + bias, with the mean and variance of the
 * row. Layers, instances and groups differ in what a row is, and which scale an element gets.
 */
#ifndef XAI_OPS_NORMALIZE_H
#define XAI_OPS_NORMALIZE_H

#include "op.h"

typedef struct xai_normalize {
    int64_t rows, n; /* the input is rows x n, each row contiguous */
    /* Element i of row r has scale and bias number r % period * spans + i / span. */
    int64_t period, spans, span;
    double epsilon;
} xai_normalize;

/* Checks types, and that scale and bias (inputs 1 and 2) have as many elements as the rows ask for; sets output 0. */
xai_status xai_normalize_setup(xai_node *node, const xai_normalize *rows, xai_error *err);

/* Inputs: x, scale (may be absent), bias (may be absent). Outputs: y, and if wanted the means and the reciprocal
 * standard deviations of the rows. */
void xai_normalize_forward(const xai_node *node, const xai_exec *exec);
void xai_normalize_backward(const xai_node *node, const xai_exec *exec);
void xai_normalize_tangent(const xai_node *node, const xai_exec *exec);
void xai_normalize_curve(const xai_node *node, const xai_exec *exec);

#endif
