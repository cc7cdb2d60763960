/*
 * Pow: x ^ y. A constant exponent of another type becomes one of the type of x, if that changes none of its values;
 * an integer to a negative power is cut towards zero. The gradient by y is 0 where x is not positive, as the
 * logarithm is undefined there.
 */
#include "binary.h"

static int64_t integer_power(int64_t x, int64_t y)
{
    uint64_t power = 1, base = (uint64_t)x;
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
    for (; y > 0; y >>= 1, base *= base)
        if (y & 1) power *= base;
    return (int64_t)power;
}

/* Squares, the common case, without the rounding of powf. */
XAI_BINARY_ROW(pow_f32, float, float, y == 2 ? x * x : powf(x, y))
XAI_BINARY_ROW(pow_i64, int64_t, int64_t, integer_power(x, y))
XAI_BINARY_ROW(pow_i32, int32_t, int32_t, integer_power(x, y))
XAI_BINARY_SLOPE(slope_base, y == 0 ? 0 : y == 2 ? g * 2 * x : g * y * powf(x, y - 1))
XAI_BINARY_SLOPE(slope_exponent, x > 0 ? g * powf(x, y) * logf(x) : 0)

/* y (y - 1) x^(y - 2); 0 for a straight line. */
static inline float bend_of_base(float x, float y)
{
    return y == 0 || y == 1 ? 0 : y == 2 ? 2 : y * (y - 1) * powf(x, y - 2);
}
/* x^(y - 1) (1 + y log x): what an exponent that moves does to the slope by the base, and the other way round. */
static inline float cross(float x, float y) { return x > 0 ? powf(x, y - 1) * (1 + y * logf(x)) : 0; }

XAI_BINARY_BEND(bend_base, g * (dx * bend_of_base(x, y) + (dy != 0 ? dy * cross(x, y) : 0)))
XAI_BINARY_BEND(bend_exponent, x > 0 ? g * (dx * cross(x, y) + dy * powf(x, y) * logf(x) * logf(x)) : 0)

static const xai_binary_rule RULE = {
    .row = {[XAI_F32] = pow_f32, [XAI_I64] = pow_i64, [XAI_I32] = pow_i32},
    .slope = {slope_base, slope_exponent},
    .bend = {bend_base, bend_exponent},
};

/* Writes element i, and says whether it is still the same number. */
static bool convert(const xai_tensor *from, xai_tensor *to, int64_t i)
{
    double real = xai_tensor_real(from, i);
    if (to->dtype == XAI_F32) ((float *)to->data)[i] = (float)real;
    else if (!(fabs(real) < 0x1p31)) return false;
    else if (to->dtype == XAI_I64) ((int64_t *)to->data)[i] = (int64_t)real;
    else ((int32_t *)to->data)[i] = (int32_t)real;
    return xai_tensor_real(to, i) == real || to->dtype == XAI_F32;
}

/* The exponent takes the type of the base. */
static xai_status convert_exponent(xai_node *node, xai_setup *setup, xai_error *err)
{
    const xai_tensor *from = node->in[1]->constant;
    xai_dtype dtype = node->in[0]->dtype;
    xai_value *v = XAI_NEW(setup->arena, xai_value, 1);
    xai_tensor *to;
    if (!v) XAI_NO_MEMORY(err);
    XAI_NODE_CHECK(from && RULE.row[dtype], node, UNSUPPORTED_OP, err, "the inputs are %s and %s",
                   xai_dtype_name(dtype), xai_dtype_name(node->in[1]->dtype));
    XAI_TRY(xai_tensor_new(setup->arena, dtype, &from->shape, &to, err));
    for (int64_t i = 0; i < xai_tensor_count(from); i++)
        XAI_NODE_CHECK(convert(from, to, i), node, UNSUPPORTED_OP, err, "%s to the power of %g",
                       xai_dtype_name(dtype), xai_tensor_real(from, i));
    *v = (xai_value){.name = node->in[1]->name, .id = -1, .dtype = dtype, .shape = from->shape, .constant = to};
    node->in[1] = v;
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    if (node->in[0]->dtype != node->in[1]->dtype) XAI_TRY(convert_exponent(node, setup, err));
    return xai_binary_setup(node, &RULE, err);
}

static const xai_op_case CASES[] = {
    {"positive_base", {"*2x3", "2x3", NULL}, "", 0},
    {"one_exponent", {"*2x3x4", "~1", NULL}, "", 0},
    {"integer_exponent", {"2x3x4", "=3", NULL}, "", 0},
    {0},
};

const xai_op xai_op_pow = {
    .type = "Pow",
    .min_in = 2,
    .max_in = 2,
    .max_out = 1,
    .state_size = sizeof(xai_binary),
    .setup = setup,
    .forward = xai_binary_forward,
    .backward = xai_binary_backward,
    .tangent = xai_binary_tangent,
    .curve = xai_binary_curve,
    .flow = XAI_FLOW_PASS,
    .cases = CASES,
};
