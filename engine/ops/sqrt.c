/* Sqrt: the square root; NaN below 0. */
#include "unary.h"

XAI_UNARY_RULE(RULE, sqrtf(x), 0.5F / y, false);
XAI_UNARY_CURVE(curve, -0.25F / (x * y))

static const xai_op_case CASES[] = {{"any_shape", {"*2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(sqrt, "Sqrt", RULE, CASES, XAI_SMOOTH(curve));
