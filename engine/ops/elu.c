/* Elu: x where positive, else alpha * (exp(x) - 1). A rectifier: see rectifier.h. */
#include "unary.h"

XAI_UNARY_RULE(RULE, x < 0 ? s->alpha * expm1f(x) : x, x < 0 ? y + s->alpha : 1, true);
XAI_UNARY_CURVE(curve, x < 0 ? y + s->alpha : 0)

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    ((xai_unary *)node->state)->alpha = xai_attr_real(node, "alpha", 1);
    return xai_unary_setup(node, &RULE, err);
}

static const xai_op_case CASES[] = {
    {"default_alpha", {"2x3x4", NULL}, "", 0},
    {"half", {"2x3x4", NULL}, "alpha=0.5", 0},
    {0},
};

XAI_UNARY_TABLE(elu, "Elu", CASES, XAI_SMOOTH(curve));
