/*
 * GroupNormalization: the planes of num_groups groups of channels are a row each. Scale and bias belong to the group
 * in opset 18, to the channel since opset 21.
 *
 * Wu and He, "Group Normalization", 2018.
 */
#include "normalize.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const xai_shape *in = &node->in[0]->shape;
    int64_t groups = xai_attr_int(node, "num_groups", 0);
    XAI_NODE_CHECK(in->rank >= 3, node, BAD_MODEL, err, "the input has no plane");
    XAI_NODE_CHECK(groups >= 1 && in->dim[1] % groups == 0, node, BAD_MODEL, err,
                   "%lld channels do not divide into %lld groups", (long long)in->dim[1], (long long)groups);
    int64_t plane = xai_shape_span(in, 2, in->rank), channels = in->dim[1] / groups;
    bool by_group = node->opset < 21;
    xai_normalize rows = {.rows = in->dim[0] * groups, .n = channels * plane, .period = groups,
                          .spans = by_group ? 1 : channels, .span = by_group ? channels * plane : plane,
                          .epsilon = (double)xai_attr_real(node, "epsilon", 1e-5F)};
    node->scratch = 2 * (size_t)rows.rows * sizeof(float);
    return xai_normalize_setup(node, &rows, err);
}

static const xai_op_case CASES[] = {
    {"scale_by_group", {"2x6x3x4", "~2", "~2", NULL}, "num_groups=2", 18},
    {"scale_by_channel", {"2x6x3x4", "~6", "~6", NULL}, "num_groups=2", 21},
    {"learned", {"2x4x5", "4", "4", NULL}, "num_groups=2;epsilon=0.01", 21},
    {"one_pixel", {"2x6x1x1", "6", "6", NULL}, "num_groups=2;epsilon=0.1", 21},
    {0},
};

const xai_op xai_op_group_normalization = {
    .type = "GroupNormalization",
    .min_in = 3,
    .max_in = 3,
    .max_out = 1,
    .state_size = sizeof(xai_normalize),
    .setup = setup,
    .forward = xai_normalize_forward,
    .backward = xai_normalize_backward,
    .tangent = xai_normalize_tangent,
    .curve = xai_normalize_curve,
    .cases = CASES,
};
