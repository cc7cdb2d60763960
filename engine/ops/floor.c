/* Floor: the largest integer that is not above x; derivative 0. */
#include "unary.h"

XAI_UNARY_RULE(RULE, floorf(x), 0, false);

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(floor, "Floor", RULE, CASES, XAI_STRAIGHT);
