/* Cos: the cosine. */
#include "unary.h"

XAI_UNARY_RULE(RULE, cosf(x), -sinf(x), false);
XAI_UNARY_CURVE(curve, -y)

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(cos, "Cos", RULE, CASES, XAI_SMOOTH(curve));
