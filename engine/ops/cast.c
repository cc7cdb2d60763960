/* Cast: between the types that the engine knows. float to float is differentiable; nothing else is. */
#include "op.h"

static xai_dtype target_of(int64_t onnx_type)
{
    switch (onnx_type) { /* ONNX's TensorProto.DataType */
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
    xai_dtype dtype = target_of(to);
    XAI_NODE_CHECK(dtype != XAI_DTYPE_COUNT, node, UNSUPPORTED_OP, err, "element type %lld is not supported",
                   (long long)to);
    return xai_node_output(node, 0, dtype, &node->in[0]->shape, err);
}

static void store(xai_dtype dtype, void *out, int64_t i, const xai_tensor *in)
{
    bool real = in->dtype == XAI_F32 || in->dtype == XAI_F64;
    switch (dtype) {
    case XAI_F32: ((float *)out)[i] = real ? (float)xai_tensor_real(in, i) : (float)xai_tensor_int(in, i); break;
    case XAI_F64: ((double *)out)[i] = real ? xai_tensor_real(in, i) : (double)xai_tensor_int(in, i); break;
    case XAI_I64: ((int64_t *)out)[i] = xai_tensor_int(in, i); break;
    case XAI_I32: ((int32_t *)out)[i] = (int32_t)xai_tensor_int(in, i); break;
    case XAI_U8: ((uint8_t *)out)[i] = (uint8_t)xai_tensor_int(in, i); break;
    default: ((uint8_t *)out)[i] = real ? xai_tensor_real(in, i) != 0 : xai_tensor_int(in, i) != 0; break;
    }
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    xai_tensor in = {node->in[0]->dtype, node->in[0]->shape, xai_in_data(exec, node, 0)};
    int64_t count = xai_tensor_count(&in);
    for (int64_t i = 0; i < count; i++) store(node->out[0]->dtype, xai_out_data(exec, node, 0), i, &in);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    float *gx = xai_grad_in(exec, node, 0);
    const float *gy = xai_grad_out(exec, node, 0);
    int64_t count = xai_value_count(node->in[0]);
    for (int64_t i = 0; gx && gy && i < count; i++) gx[i] += gy[i];
}

static const xai_op_case CASES[] = {{"float_to_float", {"2x3", NULL}, "to=1", 0}, {0}};

const xai_op xai_op_cast = {
    .type = "Cast", .min_in = 1, .max_in = 1, .max_out = 1, .setup = setup, .forward = forward, .backward = backward,
    .cases = CASES,
};
