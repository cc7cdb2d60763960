/* Strided copies: what Transpose, Slice, Expand and the like have in common. */
#ifndef XAI_OPS_STRIDED_H
#define XAI_OPS_STRIDED_H

#include "tensor/tensor.h"

/* A walk over `shape`: element i of the dense side is element offset + sum(index * stride) of the strided side.
 * Strides are in elements and may be negative or 0. */
typedef struct xai_strided {
    xai_shape shape;
    int64_t stride[XAI_MAX_RANK];
    int64_t offset;
} xai_strided;

/* Strides of a dense tensor of this shape. */
void xai_dense_strides(const xai_shape *shape, int64_t stride[XAI_MAX_RANK]);

/* dense[i] = strided[...]; elements of `size` bytes (1, 4 or 8). */
void xai_strided_read(const xai_strided *walk, const void *strided, void *dense, size_t size);

/* strided[...] += dense[i], in order: the backward of reading. */
void xai_strided_add(const xai_strided *walk, const float *dense, float *strided);

#endif
