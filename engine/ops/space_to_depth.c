/* SpaceToDepth: squares of b x b pixels become channels, the square's place being the slow part of their number. */
#include "depth_to_space.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    return xai_depth_setup(node, false, XAI_DEPTH_FIRST, err);
}

static const xai_op_case CASES[] = {{"squares", {"2x3x4x6", NULL}, "blocksize=2", 0}, {0}};

const xai_op xai_op_space_to_depth = {
    .type = "SpaceToDepth",
    .min_in = 1,
    .max_in = 1,
    .max_out = 1,
    .state_size = sizeof(xai_nest),
    .setup = setup,
    .forward = xai_nest_forward,
    .backward = xai_nest_backward,
    .cases = CASES,
};
