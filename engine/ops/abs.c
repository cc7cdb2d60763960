/* Abs: the absolute value; derivative 0 at 0. */
#include "unary.h"

XAI_UNARY_RULE(RULE, fabsf(x), (float)((x > 0) - (x < 0)), false);

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(abs, "Abs", RULE, CASES, XAI_STRAIGHT);
