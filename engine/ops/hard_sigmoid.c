/* HardSigmoid: alpha * x + beta, cut to [0, 1]; the derivative is alpha strictly inside. */
#include "unary.h"

XAI_UNARY_RULE(RULE, xai_clamp_apply(s->clamp, s->alpha * x + s->beta), y > 0 && y < 1 ? s->alpha : 0, false);

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_unary *s = node->state;
    s->alpha = xai_attr_real(node, "alpha", 0.2F);
    s->beta = xai_attr_real(node, "beta", 0.5F);
    s->clamp = (xai_clamp){0, 1};
    return xai_unary_setup(node, &RULE, err);
}

static const xai_op_case CASES[] = {
    {"defaults", {"2x3x4", NULL}, "", 0},
    {"steep_enough_to_saturate", {"2x3x40", NULL}, "alpha=0.8;beta=0.4", 0},
    {0},
};

XAI_UNARY_TABLE(hard_sigmoid, "HardSigmoid", CASES, XAI_STRAIGHT);
