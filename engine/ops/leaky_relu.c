/* LeakyRelu: x where positive, else alpha * x. A rectifier: see rectifier.h. */
#include "unary.h"

XAI_UNARY_RULE(RULE, x < 0 ? s->alpha * x : x, x < 0 ? s->alpha : 1, true);

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    ((xai_unary *)node->state)->alpha = xai_attr_real(node, "alpha", 0.01F);
    return xai_unary_setup(node, &RULE, err);
}

static const xai_op_case CASES[] = {
    {"default_slope", {"2x3x4", NULL}, "", 0},
    {"steep", {"2x3x4", NULL}, "alpha=0.3", 0},
    {0},
};

XAI_UNARY_TABLE(leaky_relu, "LeakyRelu", CASES, XAI_STRAIGHT);
