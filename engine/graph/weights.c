/*
 * Weights: reads TensorProto in its three places: raw bytes, typed lists, another file. The number of elements that
 * the dimensions claim must be the number that is there, before anything is allocated. Every real becomes a float32,
 * every integer an int32 or int64: the engine computes in no other types. Pure but for the other file.
 */
#include "weights.h"

#include "base/memory.h"
#include "tensor/half.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ONNX's TensorProto.DataType */
enum {
    ONNX_FLOAT = 1, ONNX_UINT8 = 2, ONNX_INT8 = 3, ONNX_UINT16 = 4, ONNX_INT16 = 5, ONNX_INT32 = 6, ONNX_INT64 = 7,
    ONNX_BOOL = 9, ONNX_FLOAT16 = 10, ONNX_DOUBLE = 11, ONNX_BFLOAT16 = 16,
    ONNX_EXTERNAL = 1 /* TensorProto.DataLocation */
};

typedef struct format {
    xai_dtype dtype;
    size_t raw_size; /* bytes an element in raw_data or in another file */
} format;

static format format_of(int onnx_type)
{
    switch (onnx_type) {
    case ONNX_FLOAT: return (format){XAI_F32, 4};
    case ONNX_FLOAT16:
    case ONNX_BFLOAT16: return (format){XAI_F32, 2};
    case ONNX_DOUBLE: return (format){XAI_F32, 8};
    case ONNX_INT64: return (format){XAI_I64, 8};
    case ONNX_INT32: return (format){XAI_I32, 4};
    case ONNX_INT16:
    case ONNX_UINT16: return (format){XAI_I32, 2};
    case ONNX_INT8: return (format){XAI_I32, 1};
    case ONNX_UINT8: return (format){XAI_U8, 1};
    case ONNX_BOOL: return (format){XAI_BOOL, 1};
    default: return (format){XAI_DTYPE_COUNT, 0};
    }
}

xai_dtype xai_weights_dtype(int onnx_type) { return format_of(onnx_type).dtype; }

static uint16_t two_bytes(const uint8_t *raw, size_t i)
{
    uint16_t bits;
    memcpy(&bits, raw + 2 * i, sizeof bits);
    return bits;
}

static float narrow(const uint8_t *raw, size_t i)
{
    double value;
    memcpy(&value, raw + sizeof value * i, sizeof value);
    return (float)value;
}

/* Elements that are stored in another width. */
static void convert(int onnx_type, const uint8_t *raw, size_t count, xai_tensor *t)
{
    float *real = t->data;
    int32_t *integer = t->data;
    for (size_t i = 0; i < count; i++) {
        switch (onnx_type) {
        case ONNX_FLOAT16: real[i] = xai_half_to_float(two_bytes(raw, i)); break;
        case ONNX_BFLOAT16: real[i] = xai_bfloat_to_float(two_bytes(raw, i)); break;
        case ONNX_DOUBLE: real[i] = narrow(raw, i); break;
        case ONNX_INT16: integer[i] = (int16_t)two_bytes(raw, i); break;
        case ONNX_UINT16: integer[i] = two_bytes(raw, i); break;
        default: integer[i] = (int8_t)raw[i]; break; /* INT8 */
        }
    }
}

static bool is_plain(format f) { return f.raw_size == xai_dtype_size(f.dtype); }

static void from_raw(const Onnx__TensorProto *p, format f, size_t count, xai_tensor *t)
{
    if (is_plain(f)) memcpy(t->data, p->raw_data.data, count * f.raw_size);
    else convert(p->data_type, p->raw_data.data, count, t);
}

static xai_status from_file(const Onnx__TensorProto *p, format f, const xai_external_part *part, const char *where,
                            xai_external *external, xai_tensor *t, xai_error *err)
{
    if (is_plain(f)) return xai_external_read(external, part, where, t->data, err);
    uint8_t *raw = malloc(part->size + 1);
    if (!raw) {
        xai_external_drop(part);
        XAI_NO_MEMORY(err);
    }
    xai_status status = xai_external_read(external, part, where, raw, err);
    if (status == XAI_OK) convert(p->data_type, raw, part->size / f.raw_size, t);
    free(raw);
    return status;
}

/* Elements in the typed list that belongs to the type. */
static size_t list_length(const Onnx__TensorProto *p)
{
    switch (p->data_type) {
    case ONNX_FLOAT: return p->n_float_data;
    case ONNX_DOUBLE: return p->n_double_data;
    case ONNX_INT64: return p->n_int64_data;
    default: return p->n_int32_data;
    }
}

static float real_of(const Onnx__TensorProto *p, size_t i)
{
    switch (p->data_type) {
    case ONNX_FLOAT: return p->float_data[i];
    case ONNX_DOUBLE: return (float)p->double_data[i];
    case ONNX_FLOAT16: return xai_half_to_float((uint16_t)p->int32_data[i]);
    default: return xai_bfloat_to_float((uint16_t)p->int32_data[i]);
    }
}

static void from_list(const Onnx__TensorProto *p, size_t count, xai_tensor *t)
{
    for (size_t i = 0; i < count; i++) {
        switch (t->dtype) {
        case XAI_F32: ((float *)t->data)[i] = real_of(p, i); break;
        case XAI_I64: ((int64_t *)t->data)[i] = p->int64_data[i]; break;
        case XAI_I32: ((int32_t *)t->data)[i] = p->int32_data[i]; break;
        default: ((uint8_t *)t->data)[i] = (uint8_t)p->int32_data[i]; break;
        }
    }
}

static xai_status shape_of(const Onnx__TensorProto *p, const char *where, xai_shape *shape, xai_error *err)
{
    XAI_CHECK(p->n_dims <= XAI_MAX_RANK, err, BAD_MODEL, where, "tensor '%s' has %zu dimensions, the limit is %d",
              where, p->n_dims, XAI_MAX_RANK);
    shape->rank = (int)p->n_dims;
    for (size_t i = 0; i < p->n_dims; i++) shape->dim[i] = p->dims[i];
    XAI_CHECK(xai_shape_count(shape) >= 0, err, BAD_MODEL, where, "tensor '%s' claims an impossible shape", where);
    return XAI_OK;
}

static xai_status make_tensor(xai_arena *arena, xai_dtype dtype, const xai_shape *shape, xai_tensor **out,
                              xai_error *err)
{
    size_t bytes = (size_t)xai_shape_count(shape) * xai_dtype_size(dtype);
    XAI_TRY(xai_memory_check(xai_arena_used(arena) + bytes, "the model's weights", err));
    return xai_tensor_new(arena, dtype, shape, out, err);
}

static xai_status read_inside(const Onnx__TensorProto *p, format f, const xai_shape *shape, const char *where,
                              xai_arena *arena, xai_tensor **out, xai_error *err)
{
    bool raw = p->has_raw_data;
    size_t count = (size_t)xai_shape_count(shape), want = count * (raw ? f.raw_size : 1);
    size_t have = raw ? p->raw_data.len : list_length(p);
    XAI_CHECK(have == want, err, BAD_MODEL, where, "tensor '%s' claims %zu elements but holds %zu %s of %zu", where,
              count, have, raw ? "bytes" : "values", want);
    XAI_TRY(make_tensor(arena, f.dtype, shape, out, err));
    if (count == 0) return XAI_OK;
    if (raw) from_raw(p, f, count, *out);
    else from_list(p, count, *out);
    return XAI_OK;
}

static xai_status read_outside(const Onnx__TensorProto *p, format f, const xai_shape *shape, const char *where,
                               xai_external *external, xai_arena *arena, xai_tensor **out, xai_error *err)
{
    xai_external_part part;
    size_t size = (size_t)xai_shape_count(shape) * f.raw_size;
    XAI_TRY(xai_external_find(external, p, where, size, &part, err));
    xai_status status = make_tensor(arena, f.dtype, shape, out, err);
    if (status == XAI_OK) return from_file(p, f, &part, where, external, *out, err);
    xai_external_drop(&part);
    return status;
}

/* A double that no float32 can hold would become infinite without a word. */
static xai_status check_range(const Onnx__TensorProto *p, const char *where, const xai_tensor *t, xai_error *err)
{
    int64_t count = p->data_type == ONNX_DOUBLE ? xai_tensor_count(t) : 0;
    for (int64_t i = 0; i < count; i++)
        XAI_CHECK(!isinf(((const float *)t->data)[i]), err, UNSUPPORTED_OP, where,
                  "tensor '%s' holds a double that is infinite or beyond float32, in which the engine computes", where);
    return XAI_OK;
}

xai_status xai_weights_read(const Onnx__TensorProto *p, const char *where, xai_external *external, xai_arena *arena,
                            xai_tensor **out, xai_error *err)
{
    xai_shape shape = {.rank = 0};
    XAI_TRY(shape_of(p, where, &shape, err));
    format f = format_of(p->data_type);
    XAI_CHECK(f.dtype != XAI_DTYPE_COUNT, err, UNSUPPORTED_OP, where, "tensor '%s' has the unsupported element type %d",
              where, p->data_type);
    bool outside = p->data_location == ONNX_EXTERNAL;
    XAI_TRY(outside ? read_outside(p, f, &shape, where, external, arena, out, err)
                    : read_inside(p, f, &shape, where, arena, out, err));
    return check_range(p, where, *out, err);
}
