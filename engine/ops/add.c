/* Add: a + b. Integers wrap around. Two dense float inputs go through the vector kernel. */
#include "binary.h"
#include "kernels/kernels.h"

XAI_BINARY_ROW(add_spread, float, float, x + y)
XAI_BINARY_ROW(add_i64, uint64_t, uint64_t, x + y)
XAI_BINARY_ROW(add_i32, uint32_t, uint32_t, x + y)
XAI_BINARY_ROW(add_u8, uint8_t, uint8_t, x + y)
XAI_BINARY_SLOPE(slope, g)

static void add_f32(const void *a, int64_t sa, const void *b, int64_t sb, void *z, int64_t n)
{
    if (sa == 1 && sb == 1) xai_kernels_get()->add_clamp(a, b, xai_clamp_none(), z, (size_t)n);
    else add_spread(a, sa, b, sb, z, n);
}

static const xai_binary_rule RULE = {
    .row = {[XAI_F32] = add_f32, [XAI_I64] = add_i64, [XAI_I32] = add_i32, [XAI_U8] = add_u8},
    .slope = {slope, slope},
};

static const xai_op_case CASES[] = {
    {"equal_shapes", {"2x3x40", "2x3x40", NULL}, "", 0},
    {"long_enough_for_several_pieces", {"5x7001", "5x7001", NULL}, "", 0},
    {"per_channel", {"2x3x4x5", "3x1x1", NULL}, "", 0},
    {"per_channel_of_many_samples", {"90x3x15x15", "3x1x1", NULL}, "", 0},
    {"both_repeat", {"2x1x4", "3x1", NULL}, "", 0},
    {"first_repeats", {"1x3", "4x3", NULL}, "", 0},
    {"scalar", {"2x5", "1", NULL}, "", 0},
    {"axis_of_old_opset", {"2x3x4x5", "3", NULL}, "axis=1;broadcast=1", 6},
    {0},
};

XAI_BINARY_OP(add, "Add", RULE, CASES, .flow = XAI_FLOW_SHARE);
