/* Ceil: the smallest integer that is not below x; derivative 0. */
#include "unary.h"

XAI_UNARY_RULE(RULE, ceilf(x), 0, false);

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(ceil, "Ceil", RULE, CASES, XAI_STRAIGHT);
