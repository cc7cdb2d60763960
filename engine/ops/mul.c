/* Mul: a * b. Integers wrap around. */
#include "binary.h"

XAI_BINARY_ROW(mul_f32, float, float, (x * y))
XAI_BINARY_ROW(mul_i64, uint64_t, uint64_t, (x * y))
XAI_BINARY_ROW(mul_i32, uint32_t, uint32_t, (x * y))
XAI_BINARY_ROW(mul_u8, uint8_t, uint8_t, (x * y))
XAI_BINARY_SLOPE(slope_a, (g * y))
XAI_BINARY_SLOPE(slope_b, (g * x))
XAI_BINARY_BEND(bend_a, (g * dy))
XAI_BINARY_BEND(bend_b, (g * dx))

static const xai_binary_rule RULE = {
    .row = {[XAI_F32] = mul_f32, [XAI_I64] = mul_i64, [XAI_I32] = mul_i32, [XAI_U8] = mul_u8},
    .slope = {slope_a, slope_b},
    .bend = {bend_a, bend_b},
};

static const xai_op_case CASES[] = {
    {"equal_shapes", {"2x3x4", "2x3x4", NULL}, "", 0},
    {"channel_gate", {"2x3x4x5", "2x3x1x1", NULL}, "", 0},
    {"spatial_gate", {"2x3x4x5", "2x1x4x5", NULL}, "", 0},
    {"both_repeat", {"2x1x4", "3x1", NULL}, "", 0},
    {"many_pieces_and_a_gate_that_repeats", {"3x4x70x70", "70x70", NULL}, "", 0},
    {0},
};

XAI_BINARY_OP(mul, "Mul", RULE, CASES, .flow = XAI_FLOW_GATE);
