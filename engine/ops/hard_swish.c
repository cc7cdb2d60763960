/* HardSwish: x * clamp(x / 6 + 1/2, 0, 1). A rectifier: see rectifier.h. */
#include "unary.h"

static inline float gate(float x) { return xai_clamp_apply((xai_clamp){0, 1}, x / 6 + 0.5F); }

XAI_UNARY_RULE(RULE, (x * gate(x)), x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5F, true);
XAI_UNARY_CURVE(curve, x > -3 && x < 3 ? 1 / 3.0F : 0)

static const xai_op_case CASES[] = {{"any_shape", {"2x3x40", NULL}, "", 14}, {0}};

XAI_UNARY_OP(hard_swish, "HardSwish", RULE, CASES, XAI_SMOOTH(curve));
