/* Softplus: log(1 + exp(x)), without overflow. A smooth rectifier: see rectifier.h. */
#include "unary.h"

XAI_UNARY_RULE(RULE, (x > 0 ? x : 0) + log1pf(expf(-fabsf(x))), 1 / (1 + expf(-x)), true);
XAI_UNARY_CURVE(curve, expf(-fabsf(x)) / ((1 + expf(-fabsf(x))) * (1 + expf(-fabsf(x)))))

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(softplus, "Softplus", RULE, CASES, XAI_SMOOTH(curve));
