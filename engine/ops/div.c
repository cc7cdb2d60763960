/* Div: a / b. Integers are cut towards zero; what ONNX leaves open is defined: x / 0 = 0, and min / -1 = min. */
#include "binary.h"

XAI_BINARY_ROW(div_f32, float, float, x / y)
XAI_BINARY_ROW(div_i64, int64_t, int64_t, y == 0 ? 0 : y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y)
XAI_BINARY_ROW(div_i32, int32_t, int32_t, y == 0 ? 0 : y == -1 ? (int32_t)(0 - (uint32_t)x) : x / y)
XAI_BINARY_ROW(div_u8, uint8_t, uint8_t, y == 0 ? 0 : x / y)
XAI_BINARY_SLOPE(slope_a, g / y)
XAI_BINARY_SLOPE(slope_b, -g * x / (y * y))
XAI_BINARY_BEND(bend_a, -g * dy / (y * y))
XAI_BINARY_BEND(bend_b, g * (2 * x * dy / y - dx) / (y * y))

static const xai_binary_rule RULE = {
    .row = {[XAI_F32] = div_f32, [XAI_I64] = div_i64, [XAI_I32] = div_i32, [XAI_U8] = div_u8},
    .slope = {slope_a, slope_b},
    .bend = {bend_a, bend_b},
};

static const xai_op_case CASES[] = {
    {"equal_shapes", {"2x3x4", "*2x3x4", NULL}, "", 0},
    {"per_channel", {"2x3x4x5", "*3x1x1", NULL}, "", 0},
    {"scalar_divided", {"1", "*2x3", NULL}, "", 0},
    {0},
};

XAI_BINARY_OP(div, "Div", RULE, CASES, .flow = XAI_FLOW_GATE);
