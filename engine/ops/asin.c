/* Asin: the angle whose sine is x; NaN outside of [-1, 1]. */
#include "unary.h"

XAI_UNARY_RULE(RULE, asinf(x), 1 / sqrtf(1 - x * x), false);
XAI_UNARY_CURVE(curve, x / ((1 - x * x) * sqrtf(1 - x * x)))

static const xai_op_case CASES[] = {{"any_shape", {"%2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(asin, "Asin", RULE, CASES, XAI_SMOOTH(curve));
