/* Shapes and tensors: checked sizes, names of types, element access by type. Pure functions. */
#include "tensor.h"

#include <stdio.h>

static const struct {
    const char *name;
    size_t size;
} DTYPES[XAI_DTYPE_COUNT] = {
    [XAI_F32] = {"float32", 4}, [XAI_I64] = {"int64", 8}, [XAI_I32] = {"int32", 4},
    [XAI_U8] = {"uint8", 1},    [XAI_BOOL] = {"bool", 1}, [XAI_F64] = {"float64", 8},
};

size_t xai_dtype_size(xai_dtype dtype) { return DTYPES[dtype].size; }
const char *xai_dtype_name(xai_dtype dtype) { return DTYPES[dtype].name; }

int64_t xai_shape_count(const xai_shape *shape)
{
    int64_t count = 1;
    bool empty = false;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0) return -1;
        if (shape->dim[i] == 0) empty = true;
        else if (__builtin_mul_overflow(count, shape->dim[i], &count) || count > XAI_MAX_ELEMENTS) return -1;
    }
    return empty ? 0 : count;
}

int64_t xai_shape_span(const xai_shape *shape, int from, int to)
{
    int64_t product = 1;
    for (int i = from; i < to; i++) product *= shape->dim[i];
    return product;
}

bool xai_shape_equal(const xai_shape *a, const xai_shape *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

const char *xai_shape_text(const xai_shape *shape, char *buffer, size_t size)
{
    size_t used = 0;
    if (shape->rank == 0) snprintf(buffer, size, "scalar");
    for (int i = 0; i < shape->rank && used < size; i++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%lld", i ? "x" : "", (long long)shape->dim[i]);
    return buffer;
}

int xai_shape_axis(const xai_shape *shape, int64_t axis)
{
    if (axis < 0) axis += shape->rank;
    return axis >= 0 && axis < shape->rank ? (int)axis : -1;
}

int64_t xai_tensor_count(const xai_tensor *tensor) { return xai_shape_count(&tensor->shape); }

size_t xai_tensor_bytes(const xai_tensor *tensor)
{
    return (size_t)xai_tensor_count(tensor) * xai_dtype_size(tensor->dtype);
}

xai_status xai_tensor_new(xai_arena *arena, xai_dtype dtype, const xai_shape *shape, xai_tensor **out, xai_error *err)
{
    int64_t count = xai_shape_count(shape);
    char text[128];
    XAI_CHECK(count >= 0, err, TOO_LARGE, "", "a tensor of shape %s is too large",
              xai_shape_text(shape, text, sizeof text));
    xai_tensor *t = XAI_NEW(arena, xai_tensor, 1);
    if (!t) XAI_NO_MEMORY(err);
    t->dtype = dtype;
    t->shape = *shape;
    t->data = xai_arena_alloc(arena, (size_t)count, xai_dtype_size(dtype));
    if (!t->data) XAI_NO_MEMORY(err);
    *out = t;
    return XAI_OK;
}

/* Cut towards zero; what does not fit becomes the nearest number that does, and NaN 0. */
static int64_t nearest_int(double value)
{
    if (value >= 0x1p63) return INT64_MAX;
    if (value < -0x1p63) return INT64_MIN;
    return value == value ? (int64_t)value : 0;
}

int64_t xai_tensor_int(const xai_tensor *tensor, int64_t index)
{
    switch (tensor->dtype) {
    case XAI_I64: return ((const int64_t *)tensor->data)[index];
    case XAI_I32: return ((const int32_t *)tensor->data)[index];
    case XAI_U8:
    case XAI_BOOL: return ((const uint8_t *)tensor->data)[index];
    default: return nearest_int(xai_tensor_real(tensor, index));
    }
}

double xai_tensor_real(const xai_tensor *tensor, int64_t index)
{
    switch (tensor->dtype) {
    case XAI_F32: return (double)((const float *)tensor->data)[index];
    case XAI_F64: return ((const double *)tensor->data)[index];
    default: return (double)xai_tensor_int(tensor, index);
    }
}
