/* Pow: x ^ y in float32. The gradient by y is 0 where x is not positive, as the logarithm is undefined there. */
#include "binary.h"

/* Squares, the common case, without the rounding of powf. */
XAI_BINARY_ROW(pow_f32, float, float, y == 2 ? x * x : powf(x, y))
XAI_BINARY_SLOPE(slope_base, y == 0 ? 0 : y == 2 ? g * 2 * x : g * y * powf(x, y - 1))
XAI_BINARY_SLOPE(slope_exponent, x > 0 ? g * powf(x, y) * logf(x) : 0)

static const xai_binary_rule RULE = {.row = {[XAI_F32] = pow_f32}, .slope = {slope_base, slope_exponent}};

static const xai_op_case CASES[] = {
    {"positive_base", {"*2x3", "2x3", NULL}, "", 0},
    {"one_exponent", {"*2x3x4", "~1", NULL}, "", 0},
    {0},
};

XAI_BINARY_OP(pow, "Pow", RULE, CASES);
