/* InstanceNormalization: every plane is a row; scale and bias belong to its channel. */
#include "normalize.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const xai_shape *in = &node->in[0]->shape;
    XAI_NODE_CHECK(in->rank >= 3, node, BAD_MODEL, err, "the input has no plane");
    int64_t n = xai_shape_span(in, 2, in->rank);
    xai_normalize rows = {.rows = in->dim[0] * in->dim[1], .n = n, .period = in->dim[1], .spans = 1, .span = n,
                          .epsilon = (double)xai_attr_real(node, "epsilon", 1e-5F)};
    node->scratch = 2 * (size_t)rows.rows * sizeof(float);
    return xai_normalize_setup(node, &rows, err);
}

static const xai_op_case CASES[] = {
    {"planes", {"2x3x4x5", "~3", "~3", NULL}, "", 0},
    {"learned", {"2x3x7", "3", "3", NULL}, "epsilon=0.01", 0},
    {0},
};

const xai_op xai_op_instance_normalization = {
    .type = "InstanceNormalization",
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
