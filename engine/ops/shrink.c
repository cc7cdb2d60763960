/* Shrink: x + bias below -lambd, x - bias above lambd, 0 between. */
#include "unary.h"

XAI_UNARY_RULE(RULE, x < -s->alpha ? x + s->beta : x > s->alpha ? x - s->beta : 0,
               x < -s->alpha || x > s->alpha ? 1 : 0, false);

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    xai_unary *s = node->state;
    s->alpha = xai_attr_real(node, "lambd", 0.5F);
    s->beta = xai_attr_real(node, "bias", 0);
    return xai_unary_setup(node, &RULE, err);
}

static const xai_op_case CASES[] = {
    {"defaults", {"2x3x40", NULL}, "", 0},
    {"soft", {"2x3x40", NULL}, "lambd=0.4;bias=0.4", 0},
    {0},
};

XAI_UNARY_TABLE(shrink, "Shrink", CASES, XAI_STRAIGHT);
