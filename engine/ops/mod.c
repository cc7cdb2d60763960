/*
 * Mod: the remainder of a / b. With fmod = 1 it has the sign of a, as in C; else, for integers alone, that of b, as
 * in Python. What ONNX leaves open is defined: the remainder of a division by 0 is 0. The gradient by a is that of
 * the result, the gradient by b takes the quotient, cut to an integer, as fixed.
 */
#include "binary.h"

XAI_BINARY_ROW(cut_f32, float, float, fmodf(x, y))
XAI_BINARY_ROW(cut_i64, int64_t, int64_t, y == 0 || y == -1 ? 0 : x % y)
XAI_BINARY_ROW(cut_i32, int32_t, int32_t, y == 0 || y == -1 ? 0 : x % y)
XAI_BINARY_ROW(cut_u8, uint8_t, uint8_t, y == 0 ? 0 : x % y)
XAI_BINARY_ROW(floor_i64, int64_t, int64_t,
               y == 0 || y == -1 ? 0 : x % y != 0 && (x % y < 0) != (y < 0) ? x % y + y : x % y)
XAI_BINARY_ROW(floor_i32, int32_t, int32_t,
               y == 0 || y == -1 ? 0 : x % y != 0 && (x % y < 0) != (y < 0) ? x % y + y : x % y)
XAI_BINARY_SLOPE(slope_a, g)
XAI_BINARY_SLOPE(slope_b, -g * truncf(x / y))

static const xai_binary_rule CUT = {
    .row = {[XAI_F32] = cut_f32, [XAI_I64] = cut_i64, [XAI_I32] = cut_i32, [XAI_U8] = cut_u8},
    .slope = {slope_a, slope_b},
};

static const xai_binary_rule FLOOR = {.row = {[XAI_I64] = floor_i64, [XAI_I32] = floor_i32, [XAI_U8] = cut_u8}};

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    return xai_binary_setup(node, xai_attr_int(node, "fmod", 0) ? &CUT : &FLOOR, err);
}

static const xai_op_case CASES[] = {
    {"reals", {"2x3x4", "*2x3x4", NULL}, "fmod=1", 0},
    {"one_divisor", {"2x3x4", "*1", NULL}, "fmod=1", 0},
    {0},
};

const xai_op xai_op_mod = {
    .type = "Mod",
    .min_in = 2,
    .max_in = 2,
    .max_out = 1,
    .state_size = sizeof(xai_binary),
    .setup = setup,
    .forward = xai_binary_forward,
    .backward = xai_binary_backward,
    .tangent = xai_binary_tangent,
    .cases = CASES,
};
