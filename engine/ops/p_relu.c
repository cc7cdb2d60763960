/* PRelu: x where positive, else slope * x; the slope broadcasts. A rectifier: see rectifier.h. */
#include "binary.h"

XAI_BINARY_ROW(p_relu_f32, float, float, x < 0 ? x * y : x)
XAI_BINARY_SLOPE(slope_x, x < 0 ? g * y : g)
XAI_BINARY_SLOPE(slope_slope, x < 0 ? g * x : 0)
XAI_BINARY_SLOPE(rectified, g < 0 ? 0 : x < 0 ? g * y : g)
XAI_BINARY_BEND(bend_a, x < 0 ? g * dy : 0)
XAI_BINARY_BEND(bend_b, x < 0 ? g * dx : 0)

static const xai_binary_rule RULE = {
    .row = {[XAI_F32] = p_relu_f32}, .slope = {slope_x, slope_slope}, .rectified = rectified,
    .bend = {bend_a, bend_b}};

static const xai_op_case CASES[] = {
    {"per_channel", {"2x3x4x5", "~3x1x1", NULL}, "", 0},
    {"learned_slope", {"2x3x4", "3x1", NULL}, "", 0},
    {"list_of_old_opset", {"2x3x4x5", "~3", NULL}, "", 6},
    {0},
};

/* Before opset 7 a list of slopes has one for each channel. */
static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    bool channels = node->in[0]->shape.rank > 1 && node->in[1]->shape.rank == 1;
    return channels ? xai_binary_setup_at(node, &RULE, 1, err) : xai_binary_setup(node, &RULE, err);
}

const xai_op xai_op_p_relu = {
    .type = "PRelu",
    .min_in = 2,
    .max_in = 2,
    .max_out = 1,
    .state_size = sizeof(xai_binary),
    .setup = setup,
    .forward = xai_binary_forward,
    .backward = xai_binary_backward,
    .tangent = xai_binary_tangent,
    .curve = xai_binary_curve,
    .flow = XAI_FLOW_PASS,
    .cases = CASES,
};
