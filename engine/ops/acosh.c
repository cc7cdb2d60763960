/* Acosh: the inverse hyperbolic cosine; NaN below 1. */
#include "unary.h"

XAI_UNARY_RULE(RULE, acoshf(x), 1 / sqrtf(x * x - 1), false);
XAI_UNARY_CURVE(curve, -x / ((x * x - 1) * sqrtf(x * x - 1)))

static const xai_op_case CASES[] = {{"any_shape", {"^2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(acosh, "Acosh", RULE, CASES, XAI_SMOOTH(curve));
