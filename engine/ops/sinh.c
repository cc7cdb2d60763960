/* Sinh: the hyperbolic sine. */
#include "unary.h"

XAI_UNARY_RULE(RULE, sinhf(x), coshf(x), false);
XAI_UNARY_CURVE(curve, y)

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(sinh, "Sinh", RULE, CASES, XAI_SMOOTH(curve));
