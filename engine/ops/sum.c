/* Sum: of any number of tensors. Two dense float inputs go through the vector kernel. */
#include "kernels/kernels.h"
#include "variadic.h"

XAI_BINARY_ROW(sum_spread, float, float, x + y)

static void sum_f32(const void *a, int64_t sa, const void *b, int64_t sb, void *z, int64_t n)
{
    if (sa == 1 && sb == 1) xai_kernels_get()->add_clamp(a, b, xai_clamp_none(), z, (size_t)n);
    else sum_spread(a, sa, b, sb, z, n);
}

static const xai_variadic_rule RULE = {
    .row = {[XAI_F32] = sum_f32},
};

static const xai_op_case CASES[] = {
    {"equal_shapes", {"2x3x4", "2x3x4", NULL}, "", 0},
    {"per_channel", {"2x3x4x5", "3x1x1", NULL}, "", 0},
    {"one_input", {"2x3", NULL}, "", 0},
    {"three_that_repeat", {"2x1x4", "3x1", "2x3x4", NULL}, "", 0},
    {"several_pieces", {"5x7001", "5x7001", "5x1", NULL}, "", 0},
    {0},
};

XAI_VARIADIC_OP(sum, "Sum", RULE, CASES, .flow = XAI_FLOW_SHARE);
