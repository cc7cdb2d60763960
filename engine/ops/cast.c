/*
 * Cast: between the element types that the engine knows. Reals are cut towards zero; what an integer type cannot hold
 * becomes its nearest value, and NaN 0. To float16 and bfloat16, numbers are rounded as these types would, and kept
 * as float32; double is float32. The gradient passes through from real to real, rounding or not, as in PyTorch.
 */
#include "cast.h"

#include "tensor/half.h"

enum { TO_FLOAT16 = 10, TO_BFLOAT16 = 16 };

/* By TensorProto.DataType. */
static xai_dtype target_of(int64_t onnx_type)
{
    switch (onnx_type) {
    case 1:
    case TO_FLOAT16:
    case 11: /* double */
    case TO_BFLOAT16: return XAI_F32;
    case 2: return XAI_U8;
    case 6: return XAI_I32;
    case 7: return XAI_I64;
    case 9: return XAI_BOOL;
    default: return XAI_DTYPE_COUNT;
    }
}

xai_status xai_cast_target(const xai_node *node, const char *attribute, xai_dtype *out, xai_error *err)
{
    int64_t to = xai_attr_int(node, attribute, 0);
    *out = target_of(to);
    XAI_NODE_CHECK(*out != XAI_DTYPE_COUNT, node, UNSUPPORTED_OP, err,
                   "attribute %s = %lld: this element type is not served", attribute, (long long)to);
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_dtype to = XAI_F32;
    XAI_TRY(xai_cast_target(node, "to", &to, err));
    return xai_node_output(node, 0, to, &node->in[0]->shape, err);
}

/* A real as an integer of [low, high]; both are exact in double, or one beyond the type for int64. */
static int64_t to_integer(double v, double low, double high)
{
    if (v != v) return 0;
    if (v <= low) return (int64_t)low;
    if (v >= high) return high >= 0x1p63 ? INT64_MAX : (int64_t)high;
    return (int64_t)v;
}

static int64_t integer_of(const xai_tensor *in, int64_t i, double low, double high)
{
    return in->dtype == XAI_F32 ? to_integer(xai_tensor_real(in, i), low, high) : xai_tensor_int(in, i);
}

void xai_cast_store(xai_dtype dtype, void *out, int64_t i, int64_t value)
{
    switch (dtype) {
    case XAI_F32: ((float *)out)[i] = (float)value; return;
    case XAI_I64: ((int64_t *)out)[i] = value; return;
    case XAI_I32: ((int32_t *)out)[i] = (int32_t)value; return;
    case XAI_U8: ((uint8_t *)out)[i] = (uint8_t)value; return;
    default: ((uint8_t *)out)[i] = value != 0;
    }
}

static void store(xai_dtype dtype, void *out, int64_t i, const xai_tensor *in)
{
    bool real = in->dtype == XAI_F32;
    switch (dtype) {
    case XAI_F32: ((float *)out)[i] = real ? (float)xai_tensor_real(in, i) : (float)xai_tensor_int(in, i); return;
    case XAI_I64: xai_cast_store(dtype, out, i, integer_of(in, i, -0x1p63, 0x1p63)); return;
    case XAI_I32: xai_cast_store(dtype, out, i, integer_of(in, i, INT32_MIN, INT32_MAX)); return;
    case XAI_U8: xai_cast_store(dtype, out, i, integer_of(in, i, 0, UINT8_MAX)); return;
    default: ((uint8_t *)out)[i] = real ? xai_tensor_real(in, i) != 0 : xai_tensor_int(in, i) != 0;
    }
}

static void round_all(int64_t to, float *y, int64_t count)
{
    for (int64_t i = 0; to == TO_FLOAT16 && i < count; i++) y[i] = xai_round_to_half(y[i]);
    for (int64_t i = 0; to == TO_BFLOAT16 && i < count; i++) y[i] = xai_round_to_bfloat(y[i]);
}

void xai_cast_forward(const xai_node *node, const xai_exec *exec)
{
    xai_tensor in = {node->in[0]->dtype, node->in[0]->shape, xai_in_data(exec, node, 0)};
    void *out = xai_out_data(exec, node, 0);
    int64_t count = xai_tensor_count(&in);
    for (int64_t i = 0; i < count; i++) store(node->out[0]->dtype, out, i, &in);
    round_all(xai_attr_int(node, "to", 0), out, count);
}

void xai_cast_backward(const xai_node *node, const xai_exec *exec)
{
    float *gx = xai_grad_in(exec, node, 0);
    const float *gy = xai_grad_out(exec, node, 0);
    if (!gx || !gy || node->out[0]->dtype != XAI_F32 || node->in[0]->dtype != XAI_F32) return;
    int64_t count = xai_value_count(node->in[0]);
    for (int64_t i = 0; i < count; i++) gx[i] += gy[i];
}

static const xai_op_case CASES[] = {
    {"float_to_float", {"2x3", NULL}, "to=1", 0},
    {"float_to_integer", {"2x3", NULL}, "to=7", 0},
    {0},
};

const xai_op xai_op_cast = {
    .type = "Cast",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .setup = setup,
    .forward = xai_cast_forward,
    .backward = xai_cast_backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
