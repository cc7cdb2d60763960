/* Reciprocal: 1 / x. */
#include "unary.h"

XAI_UNARY_RULE(RULE, 1 / x, -y * y, false);
XAI_UNARY_CURVE(curve, 2 * y * y * y)

static const xai_op_case CASES[] = {{"any_shape", {"*2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(reciprocal, "Reciprocal", RULE, CASES, XAI_SMOOTH(curve));
