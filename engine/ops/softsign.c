/* Softsign: x / (1 + |x|). */
#include "unary.h"

XAI_UNARY_RULE(RULE, x / (1 + fabsf(x)), 1 / ((1 + fabsf(x)) * (1 + fabsf(x))), false);

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(softsign, "Softsign", RULE, CASES);
