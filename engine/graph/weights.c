/*
 * Weights: reads TensorProto in its three spellings (raw bytes, typed lists, widened types). The number of elements
 * that the dimensions claim must be the number that is there, before anything is allocated. Pure.
 */
#include "weights.h"

#include <string.h>

/* ONNX's TensorProto.DataType */
enum {
    ONNX_FLOAT = 1, ONNX_UINT8 = 2, ONNX_INT8 = 3, ONNX_UINT16 = 4, ONNX_INT16 = 5, ONNX_INT32 = 6, ONNX_INT64 = 7,
    ONNX_BOOL = 9, ONNX_FLOAT16 = 10, ONNX_DOUBLE = 11, ONNX_BFLOAT16 = 16,
    ONNX_EXTERNAL = 1 /* TensorProto.DataLocation */
};

typedef struct format {
    xai_dtype dtype;
    size_t raw_size; /* bytes an element in raw_data */
} format;

static format format_of(int onnx_type)
{
    switch (onnx_type) {
    case ONNX_FLOAT: return (format){XAI_F32, 4};
    case ONNX_FLOAT16:
    case ONNX_BFLOAT16: return (format){XAI_F32, 2};
    case ONNX_DOUBLE: return (format){XAI_F64, 8};
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

static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 1023;
    uint32_t bits;
    if (exponent == 31) bits = sign | 0x7f800000 | mantissa << 13;
    else if (exponent) bits = sign | (exponent + 112) << 23 | mantissa << 13;
    else {
        float magnitude = (float)mantissa * 0x1p-24f; /* subnormal */
        return sign ? -magnitude : magnitude;
    }
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float wide_float(int onnx_type, uint16_t bits)
{
    if (onnx_type == ONNX_FLOAT16) return half_to_float(bits);
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static int32_t wide_int(int onnx_type, const uint8_t *p)
{
    uint16_t u;
    if (onnx_type == ONNX_INT8) return (int8_t)p[0];
    memcpy(&u, p, sizeof u);
    return onnx_type == ONNX_INT16 ? (int16_t)u : (int32_t)u;
}

static void widen(int onnx_type, const uint8_t *raw, size_t raw_size, size_t count, xai_tensor *t)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        if (t->dtype == XAI_F32) {
            memcpy(&bits, raw + 2 * i, sizeof bits);
            ((float *)t->data)[i] = wide_float(onnx_type, bits);
        } else {
            ((int32_t *)t->data)[i] = wide_int(onnx_type, raw + raw_size * i);
        }
    }
}

static void from_raw(const Onnx__TensorProto *p, format f, size_t count, xai_tensor *t)
{
    if (f.raw_size == xai_dtype_size(f.dtype)) memcpy(t->data, p->raw_data.data, count * f.raw_size);
    else widen(p->data_type, p->raw_data.data, f.raw_size, count, t);
}

/* Elements in the typed list that belongs to the type. */
static size_t list_length(const Onnx__TensorProto *p, xai_dtype dtype)
{
    switch (dtype) {
    case XAI_F32: return p->data_type == ONNX_FLOAT ? p->n_float_data : p->n_int32_data;
    case XAI_F64: return p->n_double_data;
    case XAI_I64: return p->n_int64_data;
    default: return p->n_int32_data;
    }
}

static void from_list(const Onnx__TensorProto *p, size_t count, xai_tensor *t)
{
    for (size_t i = 0; i < count; i++) {
        switch (t->dtype) {
        case XAI_F32:
            ((float *)t->data)[i] = p->data_type == ONNX_FLOAT
                                        ? p->float_data[i]
                                        : wide_float(p->data_type, (uint16_t)p->int32_data[i]);
            break;
        case XAI_F64: ((double *)t->data)[i] = p->double_data[i]; break;
        case XAI_I64: ((int64_t *)t->data)[i] = p->int64_data[i]; break;
        case XAI_I32: ((int32_t *)t->data)[i] = p->int32_data[i]; break;
        default: ((uint8_t *)t->data)[i] = (uint8_t)p->int32_data[i]; break;
        }
    }
}

static xai_status shape_of(const Onnx__TensorProto *p, const char *where, xai_shape *shape, int64_t *count,
                           xai_error *err)
{
    XAI_CHECK(p->n_dims <= XAI_MAX_RANK, err, BAD_MODEL, where, "tensor '%s' has %zu dimensions, the limit is %d",
              where, p->n_dims, XAI_MAX_RANK);
    shape->rank = (int)p->n_dims;
    for (size_t i = 0; i < p->n_dims; i++) shape->dim[i] = p->dims[i];
    *count = xai_shape_count(shape);
    XAI_CHECK(*count >= 0, err, BAD_MODEL, where, "tensor '%s' claims an impossible shape", where);
    return XAI_OK;
}

xai_status xai_weights_read(const Onnx__TensorProto *p, const char *where, xai_arena *arena, xai_tensor **out,
                            xai_error *err)
{
    xai_shape shape = {.rank = 0};
    int64_t count = 0;
    XAI_TRY(shape_of(p, where, &shape, &count, err));
    format f = format_of(p->data_type);
    XAI_CHECK(f.dtype != XAI_DTYPE_COUNT, err, UNSUPPORTED_OP, where, "tensor '%s' has the unsupported element type %d",
              where, p->data_type);
    XAI_CHECK(p->data_location != ONNX_EXTERNAL, err, UNSUPPORTED_OP, where,
              "tensor '%s' is stored in another file; save the model with its weights inside "
              "(onnx.save(..., save_as_external_data=False))", where);
    bool raw = p->has_raw_data;
    size_t have = raw ? p->raw_data.len : list_length(p, f.dtype);
    size_t want = (size_t)count * (raw ? f.raw_size : 1);
    XAI_CHECK(have == want, err, BAD_MODEL, where, "tensor '%s' claims %lld elements but holds %zu %s of %zu", where,
              (long long)count, have, raw ? "bytes" : "values", want);
    XAI_TRY(xai_tensor_new(arena, f.dtype, &shape, out, err));
    if (count == 0) return XAI_OK;
    if (raw) from_raw(p, f, (size_t)count, *out);
    else from_list(p, (size_t)count, *out);
    return XAI_OK;
}
