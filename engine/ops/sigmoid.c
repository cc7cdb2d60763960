/* Sigmoid: 1 / (1 + exp(-x)). */
#include "unary.h"

XAI_UNARY_MAP(RULE, map_logistic, y * (1 - y), false);
XAI_UNARY_CURVE(curve, y * (1 - y) * (1 - 2 * y))

static const xai_op_case CASES[] = {{"any_shape", {"2x3x4", NULL}, "", 0}, {0}};

XAI_UNARY_OP(sigmoid, "Sigmoid", RULE, CASES, XAI_SMOOTH(curve));
