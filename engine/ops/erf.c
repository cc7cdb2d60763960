/* Erf: the error function; its derivative is 2 / sqrt(pi) * exp(-x^2). */
#include "unary.h"

XAI_UNARY_MAP(RULE, map_erf, 1.12837917F * expf(-x * x), false);
XAI_UNARY_CURVE(curve, -2.25675833F * x * expf(-x * x))

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(erf, "Erf", RULE, CASES, XAI_SMOOTH(curve));
