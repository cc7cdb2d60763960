/* Selu: gamma * x where positive, else gamma * alpha * (exp(x) - 1). A rectifier: see rectifier.h. */
#include "unary.h"

XAI_UNARY_RULE(RULE, x > 0 ? s->beta * x : s->beta * s->alpha * expm1f(x),
               x > 0 ? s->beta : y + s->beta * s->alpha, true);
XAI_UNARY_CURVE(curve, x > 0 ? 0 : s->beta * s->alpha * expf(x))

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_unary *s = node->state;
    s->alpha = xai_attr_real(node, "alpha", 1.67326319F);
    s->beta = xai_attr_real(node, "gamma", 1.05070102F);
    return xai_unary_setup(node, &RULE, err);
}

static const xai_op_case CASES[] = {
    {"defaults", {"2x3x40", NULL}, "", 0},
    {"others", {"2x3x40", NULL}, "alpha=1.2;gamma=0.7", 0},
    {0},
};

XAI_UNARY_TABLE(selu, "Selu", CASES, XAI_SMOOTH(curve));
