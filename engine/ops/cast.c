/*
 * Cast: between the element types that the engine knows. Reals are cut towards zero; what an integer type cannot hold
 * becomes its nearest value, and NaN 0. Differentiable from float32 to float32, where it does nothing.
 */
#include "op.h"

/* By TensorProto.DataType. */
static xai_dtype target_of(int64_t onnx_type)
{
    switch (onnx_type) {
    case 1: return XAI_F32;
    case 2: return XAI_U8;
    case 6: return XAI_I32;
    case 7: return XAI_I64;
    case 9: return XAI_BOOL;
    case 11: return XAI_F64;
    default: return XAI_DTYPE_COUNT;
    }
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    int64_t to = xai_attr_int(node, "to", 0);
    XAI_NODE_CHECK(target_of(to) != XAI_DTYPE_COUNT, node, UNSUPPORTED_OP, err,
                   "attribute to = %lld: this element type is not served", (long long)to);
    return xai_node_output(node, 0, target_of(to), &node->in[0]->shape, err);
}

static bool is_real(xai_dtype dtype) { return dtype == XAI_F32 || dtype == XAI_F64; }

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
    return is_real(in->dtype) ? to_integer(xai_tensor_real(in, i), low, high) : xai_tensor_int(in, i);
}

static void store(xai_dtype dtype, void *out, int64_t i, const xai_tensor *in)
{
    bool real = is_real(in->dtype);
    switch (dtype) {
    case XAI_F32: ((float *)out)[i] = real ? (float)xai_tensor_real(in, i) : (float)xai_tensor_int(in, i); return;
    case XAI_F64: ((double *)out)[i] = xai_tensor_real(in, i); return;
    case XAI_I64: ((int64_t *)out)[i] = integer_of(in, i, -0x1p63, 0x1p63); return;
    case XAI_I32: ((int32_t *)out)[i] = (int32_t)integer_of(in, i, INT32_MIN, INT32_MAX); return;
    case XAI_U8: ((uint8_t *)out)[i] = (uint8_t)integer_of(in, i, 0, UINT8_MAX); return;
    default: ((uint8_t *)out)[i] = real ? xai_tensor_real(in, i) != 0 : xai_tensor_int(in, i) != 0;
    }
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    xai_tensor in = {node->in[0]->dtype, node->in[0]->shape, xai_in_data(exec, node, 0)};
    void *out = xai_out_data(exec, node, 0);
    int64_t count = xai_tensor_count(&in);
    for (int64_t i = 0; i < count; i++) store(node->out[0]->dtype, out, i, &in);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    float *gx = xai_grad_in(exec, node, 0);
    const float *gy = xai_grad_out(exec, node, 0);
    if (!gx || !gy || node->out[0]->dtype != XAI_F32 || node->in[0]->dtype != XAI_F32) return;
    int64_t count = xai_value_count(node->in[0]);
    for (int64_t i = 0; i < count; i++) gx[i] += gy[i];
}

static const xai_op_case CASES[] = {{"float_to_float", {"2x3", NULL}, "to=1", 0}, {0}};

const xai_op xai_op_cast = {
    .type = "Cast",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
