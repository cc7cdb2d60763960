/* Equal: a == b, element by element. Not differentiable. */
#include "binary.h"

XAI_BINARY_ROW(equal_f32, float, uint8_t, x == y)
XAI_BINARY_ROW(equal_i64, int64_t, uint8_t, x == y)
XAI_BINARY_ROW(equal_i32, int32_t, uint8_t, x == y)
XAI_BINARY_ROW(equal_bool, uint8_t, uint8_t, (x != 0) == (y != 0))
XAI_BINARY_ROW(equal_u8, uint8_t, uint8_t, x == y)

static const xai_binary_rule RULE = {
    .row = {[XAI_F32] = equal_f32, [XAI_I64] = equal_i64, [XAI_I32] = equal_i32,
            [XAI_BOOL] = equal_bool, [XAI_U8] = equal_u8},
    .is_test = true,
};

static const xai_op_case CASES[] = {{"broadcast", {"2x3", "3", NULL}, "", 0}, {0}};

XAI_TEST_OP(equal, "Equal", RULE, CASES);
