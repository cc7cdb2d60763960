/* Atan: the angle whose tangent is x. */
#include "unary.h"

XAI_UNARY_RULE(RULE, atanf(x), 1 / (1 + x * x), false);
XAI_UNARY_CURVE(curve, -2 * x / ((1 + x * x) * (1 + x * x)))

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(atan, "Atan", RULE, CASES, XAI_SMOOTH(curve));
