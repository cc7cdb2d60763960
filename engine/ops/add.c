/* Add: a + b. */
#include "binary.h"

static void real(const float *a, int64_t sa, const float *b, int64_t sb, float *z, int64_t n)
{
    for (int64_t i = 0; i < n; i++) z[i] = a[i * sa] + b[i * sb];
}

static int64_t integer(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

static void derivative(float a, float b, float gz, float *ga, float *gb)
{
    (void)a;
    (void)b;
    *ga = gz;
    *gb = gz;
}

static const xai_binary_rule RULE = {real, integer, derivative};

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    return xai_binary_setup(node, &RULE, err);
}

static const xai_op_case CASES[] = {
    {"equal_shapes", {"2x3x4", "2x3x4", NULL}, "", 0},
    {"per_channel", {"2x3x4x5", "3x1x1", NULL}, "", 0},
    {"both_repeat", {"2x1x4", "3x1", NULL}, "", 0},
    {"repeated_first", {"1x3", "4x3", NULL}, "", 0},
    {0},
};

const xai_op xai_op_add = {
    .type = "Add", .min_in = 2, .max_in = 2, .max_out = 1, .state_size = sizeof(xai_binary), .setup = setup,
    .forward = xai_binary_forward, .backward = xai_binary_backward, .cases = CASES,
};
