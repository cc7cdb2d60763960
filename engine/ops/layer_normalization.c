/*
 * LayerNormalization: all axes from `axis` on are one row, whose elements each have their own scale and bias. Further
 * outputs are the rows' means and reciprocal standard deviations.
 */
#include "normalize.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const xai_shape *in = &node->in[0]->shape;
    int axis = xai_shape_axis(in, xai_attr_int(node, "axis", -1));
    XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    int64_t n = xai_shape_span(in, axis, in->rank);
    xai_normalize rows = {.rows = xai_shape_span(in, 0, axis), .n = n, .period = 1, .spans = n, .span = 1,
                          .epsilon = (double)xai_attr_real(node, "epsilon", 1e-5F)};
    xai_shape kept = *in;
    for (int i = axis; i < kept.rank; i++) kept.dim[i] = 1;
    XAI_TRY(xai_normalize_setup(node, &rows, err));
    XAI_TRY(xai_node_output(node, 1, XAI_F32, &kept, err));
    node->scratch = 2 * (size_t)rows.rows * sizeof(float);
    return xai_node_output(node, 2, XAI_F32, &kept, err);
}

static const xai_op_case CASES[] = {
    {"tokens", {"2x5x12", "~12", "~12", NULL}, "", 17},
    {"without_bias", {"3x9", "~9", NULL}, "epsilon=0.01", 17},
    {"two_axes", {"2x3x4x5", "~4x5", "~4x5", NULL}, "axis=2", 17},
    {"learned", {"4x7", "7", "7", NULL}, "", 17},
    {"all_outputs", {"2x3x6", "~6", "~6", NULL}, "outputs=3", 17},
    {0},
};

const xai_op xai_op_layer_normalization = {
    .type = "LayerNormalization",
    .min_in = 2,
    .max_in = 3,
    .max_out = 3,
    .state_size = sizeof(xai_normalize),
    .setup = setup,
    .forward = xai_normalize_forward,
    .backward = xai_normalize_backward,
    .tangent = xai_normalize_tangent,
    .curve = xai_normalize_curve,
    .cases = CASES,
};
