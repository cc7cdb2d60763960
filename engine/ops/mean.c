/* Mean: of any number of tensors. */
#include "variadic.h"

XAI_BINARY_ROW(mean_f32, float, float, x + y)

static const xai_variadic_rule RULE = {
    .row = {[XAI_F32] = mean_f32},
    .mean = true,
};

static const xai_op_case CASES[] = {
    {"equal_shapes", {"2x3x4", "2x3x4", NULL}, "", 0},
    {"per_channel", {"2x3x4x5", "3x1x1", NULL}, "", 0},
    {"one_input", {"2x3", NULL}, "", 0},
    {"three_that_repeat", {"2x1x4", "3x1", "2x3x4", NULL}, "", 0},
    {"several_pieces", {"5x7001", "5x7001", "5x1", NULL}, "", 0},
    {0},
};

XAI_VARIADIC_OP(mean, "Mean", RULE, CASES, .flow = XAI_FLOW_SHARE);
