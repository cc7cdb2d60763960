/* GatherElements: each element of the result is one along the axis, chosen by constant indices; data of any type. */
#include "pick.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_pick *pick = node->state;
    const xai_shape *data = &node->in[0]->shape;
    const xai_tensor *indices;
    int axis = xai_shape_axis(data, xai_attr_int(node, "axis", 0));
    XAI_NODE_CHECK(axis >= 0, node, BAD_MODEL, err, "axis is out of range");
    XAI_TRY(xai_pick_indices(node, 1, &indices, err));
    XAI_TRY(xai_pick_elements(node, setup, data, indices, axis, &pick->from, err));
    pick->count = xai_tensor_count(indices);
    pick->block = 1;
    return xai_node_output(node, 0, node->in[0]->dtype, &indices->shape, err);
}

static const xai_op_case CASES[] = {
    {"one_axis", {"5", "=4,-1,0,0", NULL}, "", 0},
    {"last_of_two", {"3x4", "=0,3,-1,2,2,2:3x2", NULL}, "axis=1", 0},
    {0},
};

const xai_op xai_op_gather_elements = {
    .type = "GatherElements",
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
