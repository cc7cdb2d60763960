/* Tan: the tangent. */
#include "unary.h"

XAI_UNARY_RULE(RULE, tanf(x), 1 + y * y, false);
XAI_UNARY_CURVE(curve, 2 * y * (1 + y * y))

static const xai_op_case CASES[] = {{"any_shape", {"%2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(tan, "Tan", RULE, CASES, XAI_SMOOTH(curve));
