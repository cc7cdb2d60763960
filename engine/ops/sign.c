/* Sign: -1, 0 or 1; derivative 0. */
#include "unary.h"

XAI_UNARY_RULE(RULE, (float)((x > 0) - (x < 0)), 0, false);

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(sign, "Sign", RULE, CASES, XAI_STRAIGHT);
