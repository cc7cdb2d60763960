/* Relu: max(x, 0), the clamp to [0, inf). */
#include "clip.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    ((xai_unary *)node->state)->clamp = (xai_clamp){0, INFINITY};
    return xai_unary_setup(node, &xai_clamp_rule, err);
}

static const xai_op_case CASES[] = {
    {"small", {"2x3x5", NULL}, "", 0},
    {"several_pieces", {"3x9001", NULL}, "", 0},
    {0},
};

XAI_UNARY_TABLE(relu, "Relu", CASES, XAI_STRAIGHT);
