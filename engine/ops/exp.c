/* Exp: e to the power of x. */
#include "unary.h"

XAI_UNARY_MAP(RULE, map_exp, y, false);
XAI_UNARY_CURVE(curve, y)

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(exp, "Exp", RULE, CASES, XAI_SMOOTH(curve));
