/* Compress: the slices of an axis, or of the flattened input, where a constant condition holds; data of any type. */
#include "pick.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_pick *pick = node->state;
    const xai_shape *in = &node->in[0]->shape;
    const xai_tensor *keep = node->in[1]->constant;
    bool flat = xai_attr_find(node, "axis") == NULL;
    int axis = flat ? 0 : xai_shape_axis(in, xai_attr_int(node, "axis", 0));
    XAI_NODE_CHECK(keep, node, UNSUPPORTED_OP, err, "the condition depends on the image; only constants are served");
    XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    int64_t length = flat ? xai_shape_count(in) : in->dim[axis], kept = 0, conditions = xai_tensor_count(keep);
    int64_t outer = flat ? 1 : xai_shape_span(in, 0, axis);
    XAI_NODE_CHECK(conditions <= length, node, BAD_MODEL, err, "the condition is longer than the axis");
    for (int64_t i = 0; i < conditions; i++) kept += xai_tensor_int(keep, i) != 0;
    xai_shape out = flat ? (xai_shape){1, {kept}} : *in;
    out.dim[axis] = kept;
    pick->block = flat ? 1 : xai_shape_span(in, axis + 1, in->rank);
    int64_t *from = XAI_NEW(setup->arena, int64_t, (size_t)(outer * kept));
    if (!from) XAI_NO_MEMORY(err);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < conditions; i++)
            if (xai_tensor_int(keep, i)) from[pick->count++] = o * length + i;
    pick->from = from;
    return xai_node_output(node, 0, node->in[0]->dtype, &out, err);
}

static const xai_op_case CASES[] = {
    {"axis", {"2x7x3", "?7", NULL}, "axis=1", 0},
    {"flat", {"2x5", "?9", NULL}, "", 0},
    {0},
};

const xai_op xai_op_compress = {
    .type = "Compress",
    .min_in = 2,
    .max_in = 2,
    .max_out = 1,
    .state_size = sizeof(xai_pick),
    .setup = setup,
    .forward = xai_pick_forward,
    .backward = xai_pick_backward,
    .linear = 1,
    .flow = XAI_FLOW_ROUTE,
    .cases = CASES,
};
