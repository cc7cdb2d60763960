/* Round: the nearest integer, halves to the even one; derivative 0. */
#include "unary.h"

XAI_UNARY_RULE(RULE, rintf(x), 0, false);

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(round, "Round", RULE, CASES, XAI_STRAIGHT);
