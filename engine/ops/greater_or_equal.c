/* GreaterOrEqual: a >= b, element by element. Not differentiable. */
#include "binary.h"

XAI_BINARY_ROW(greater_or_equal_f32, float, uint8_t, x >= y)
XAI_BINARY_ROW(greater_or_equal_i64, int64_t, uint8_t, x >= y)
XAI_BINARY_ROW(greater_or_equal_i32, int32_t, uint8_t, x >= y)

static const xai_binary_rule RULE = {
    .row = {[XAI_F32] = greater_or_equal_f32, [XAI_I64] = greater_or_equal_i64, [XAI_I32] = greater_or_equal_i32},
    .is_test = true,
};

static const xai_op_case CASES[] = {{"broadcast", {"2x3", "3", NULL}, "", 0}, {0}};

XAI_TEST_OP(greater_or_equal, "GreaterOrEqual", RULE, CASES);
