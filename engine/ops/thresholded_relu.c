/* ThresholdedRelu: x where it is above alpha, else 0. A rectifier: see rectifier.h. */
#include "unary.h"

XAI_UNARY_RULE(RULE, x > s->alpha ? x : 0,
               x > s->alpha ? 1 : 0, true);

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

XAI_UNARY_TABLE(thresholded_relu, "ThresholdedRelu", CASES, XAI_STRAIGHT);
