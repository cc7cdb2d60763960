/* Sub: a - b. Integers wrap around. */
#include "binary.h"

XAI_BINARY_ROW(sub_f32, float, float, x - y)
XAI_BINARY_ROW(sub_i64, uint64_t, uint64_t, x - y)
XAI_BINARY_ROW(sub_i32, uint32_t, uint32_t, x - y)
XAI_BINARY_ROW(sub_u8, uint8_t, uint8_t, x - y)
XAI_BINARY_SLOPE(slope_a, g)
XAI_BINARY_SLOPE(slope_b, -g)

static const xai_binary_rule RULE = {
    .row = {[XAI_F32] = sub_f32, [XAI_I64] = sub_i64, [XAI_I32] = sub_i32, [XAI_U8] = sub_u8},
    .slope = {slope_a, slope_b},
};

static const xai_op_case CASES[] = {
    {"equal_shapes", {"2x3x4", "2x3x4", NULL}, "", 0},
    {"per_channel", {"2x3x4x5", "3x1x1", NULL}, "", 0},
    {"scalar_minus_tensor", {"1", "2x3", NULL}, "", 0},
    {0},
};

XAI_BINARY_OP(sub, "Sub", RULE, CASES, .flow = XAI_FLOW_SHARE);
