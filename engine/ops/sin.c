/* Sin: the sine. */
#include "unary.h"

XAI_UNARY_RULE(RULE, sinf(x), cosf(x), false);

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(sin, "Sin", RULE, CASES);
