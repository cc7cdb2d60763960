/* Asinh: the inverse hyperbolic sine. */
#include "unary.h"

XAI_UNARY_RULE(RULE, asinhf(x), 1 / sqrtf(x * x + 1), false);
XAI_UNARY_CURVE(curve, -x / ((1 + x * x) * sqrtf(1 + x * x)))

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(asinh, "Asinh", RULE, CASES, XAI_SMOOTH(curve));
