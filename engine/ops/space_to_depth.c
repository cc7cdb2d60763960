/* SpaceToDepth: squares of b x b pixels become channels: DepthToSpace the other way. */
#include "depth_to_space.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    return xai_depth_setup(node, false, err);
}

static const xai_op_case CASES[] = {
    {"square_first", {"2x3x4x6", NULL}, "blocksize=2", 0},
    {"square_last", {"2x3x4x6", NULL}, "blocksize=2;mode=CRD", 25},
    {0},
};

const xai_op xai_op_space_to_depth = {
    .type = "SpaceToDepth",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(xai_nest),
    .setup = setup,
    .forward = xai_nest_forward,
    .backward = xai_nest_backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
