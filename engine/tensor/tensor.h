/*
 * Tensors: shape, type and data. Data is 64-byte aligned and belongs to an arena, a plan or a model, never to the
 * tensor. Logical order is ONNX's NCHW, C order. Shapes come from files, so every product is overflow-checked.
 */
#ifndef XAI_TENSOR_TENSOR_H
#define XAI_TENSOR_TENSOR_H

#include "base/arena.h"

typedef struct xai_shape {
    int rank;
    int64_t dim[XAI_MAX_RANK];
} xai_shape;

typedef struct xai_tensor {
    xai_dtype dtype;
    xai_shape shape;
    void *data;
} xai_tensor;

/* 2^40 elements: more than any machine holds, and far from overflow when multiplied by an element's size. */
#define XAI_MAX_ELEMENTS ((int64_t)1 << 40)

size_t xai_dtype_size(xai_dtype dtype);
const char *xai_dtype_name(xai_dtype dtype); /* "float32" */

/* Number of elements, or -1 when a dimension is negative or the product of those that are not 0 exceeds
 * XAI_MAX_ELEMENTS: so no product of some of them overflows, even where the tensor is empty. */
int64_t xai_shape_count(const xai_shape *shape);
/* Product of dim[from..to); 1 for an empty range. The shape must have passed xai_shape_count. */
int64_t xai_shape_span(const xai_shape *shape, int from, int to);
bool xai_shape_equal(const xai_shape *a, const xai_shape *b);
/* "1x3x224x224", "scalar"; the text is written to `buffer`. */
const char *xai_shape_text(const xai_shape *shape, char *buffer, size_t size);
/* Axis in [-rank, rank) made non-negative, or -1. */
int xai_shape_axis(const xai_shape *shape, int64_t axis);

static inline xai_shape xai_shape_4d(int64_t n, int64_t c, int64_t h, int64_t w)
{
    return (xai_shape){4, {n, c, h, w}};
}

/* Elements and bytes of a tensor whose shape has been checked. */
int64_t xai_tensor_count(const xai_tensor *tensor);
size_t xai_tensor_bytes(const xai_tensor *tensor);

/* A zeroed tensor in an arena. */
xai_status xai_tensor_new(xai_arena *arena, xai_dtype dtype, const xai_shape *shape, xai_tensor **out,
                          xai_error *err);

/* Element `index` of an integer or boolean or float tensor as an integer or a double. */
int64_t xai_tensor_int(const xai_tensor *tensor, int64_t index);
double xai_tensor_real(const xai_tensor *tensor, int64_t index);

#endif
