/* Max: the largest of any number of tensors, NaN if one is. The winners share the gradient, as in PyTorch. */
#include "variadic.h"

XAI_BINARY_ROW(max_f32, float, float, x > y || x != x ? x : y)
XAI_BINARY_ROW(max_i64, int64_t, int64_t, x > y ? x : y)
XAI_BINARY_ROW(max_i32, int32_t, int32_t, x > y ? x : y)
XAI_BINARY_ROW(max_u8, uint8_t, uint8_t, x > y ? x : y)

static const xai_variadic_rule RULE = {
    .row = {[XAI_F32] = max_f32, [XAI_I64] = max_i64, [XAI_I32] = max_i32, [XAI_U8] = max_u8},
    .picks = true,
};

static const xai_op_case CASES[] = {
    {"equal_shapes", {"2x3x4", "2x3x4", NULL}, "", 0},
    {"per_channel", {"2x3x4x5", "3x1x1", NULL}, "", 0},
    {"one_input", {"2x3", NULL}, "", 0},
    {"three_that_repeat", {"2x1x4", "3x1", "2x3x4", NULL}, "", 0},
    {"several_pieces", {"5x7001", "5x7001", "5x1", NULL}, "", 0},
    {0},
};

XAI_VARIADIC_OP(max, "Max", RULE, CASES, .flow = XAI_FLOW_ROUTE);
