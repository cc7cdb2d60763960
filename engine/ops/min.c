/* Min: the smaller of two tensors, NaN if one is. The gradient goes to the winner; a tie shares it, as in PyTorch. */
#include "binary.h"

XAI_BINARY_ROW(min_f32, float, float, x < y || x != x ? x : y)
XAI_BINARY_ROW(min_i64, int64_t, int64_t, x < y ? x : y)
XAI_BINARY_ROW(min_i32, int32_t, int32_t, x < y ? x : y)
XAI_BINARY_SLOPE(slope_a, x < y ? g : x == y ? g * 0.5F : 0)
XAI_BINARY_SLOPE(slope_b, y < x ? g : x == y ? g * 0.5F : 0)

static const xai_binary_rule RULE = {
    .row = {[XAI_F32] = min_f32, [XAI_I64] = min_i64, [XAI_I32] = min_i32},
    .slope = {slope_a, slope_b},
};

static const xai_op_case CASES[] = {
    {"equal_shapes", {"2x3x4", "2x3x4", NULL}, "", 0},
    {"per_channel", {"2x3x4x5", "3x1x1", NULL}, "", 0},
    {0},
};

XAI_BINARY_OP(min, "Min", RULE, CASES, .flow = XAI_FLOW_ROUTE);
