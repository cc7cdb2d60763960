/* Celu: x where positive, else alpha * (exp(x / alpha) - 1). A rectifier: see rectifier.h. */
#include "unary.h"

XAI_UNARY_RULE(RULE, x > 0 ? x : s->alpha * expm1f(x / s->alpha),
               x > 0 ? 1 : y / s->alpha + 1, true);
XAI_UNARY_CURVE(curve, x > 0 ? 0 : expf(x / s->alpha) / s->alpha)

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_unary *s = node->state;
    s->alpha = xai_attr_real(node, "alpha", 1);
    return xai_unary_setup(node, &RULE, err);
}

static const xai_op_case CASES[] = {
    {"default_alpha", {"2x3x40", NULL}, "", 0},
    {"half", {"2x3x40", NULL}, "alpha=0.5", 0},
    {0},
};

XAI_UNARY_TABLE(celu, "Celu", CASES, XAI_SMOOTH(curve));
