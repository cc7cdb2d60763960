/* Log: the natural logarithm. */
#include "unary.h"

XAI_UNARY_RULE(RULE, logf(x), 1 / x, false);
XAI_UNARY_CURVE(curve, -1 / (x * x))

static const xai_op_case CASES[] = {{"any_shape", {"*2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(log, "Log", RULE, CASES, XAI_SMOOTH(curve));
