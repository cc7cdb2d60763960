/* Softsign: x / (1 + |x|). */
#include "unary.h"

XAI_UNARY_RULE(RULE, x / (1 + fabsf(x)), 1 / ((1 + fabsf(x)) * (1 + fabsf(x))), false);
XAI_UNARY_CURVE(curve, -2 * (float)((x > 0) - (x < 0)) / powf(1 + fabsf(x), 3))

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(softsign, "Softsign", RULE, CASES, XAI_SMOOTH(curve));
