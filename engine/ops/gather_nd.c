/* GatherND: blocks of the data, named by constant rows of coordinates; data of any type. */
#include "pick.h"

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    xai_pick *pick = node->state;
    const xai_shape *data = &node->in[0]->shape;
    const xai_tensor *indices;
    int64_t batch = xai_attr_int(node, "batch_dims", 0);
    XAI_TRY(xai_pick_indices(node, 1, &indices, err));
    XAI_NODE_CHECK(batch >= 0 && batch < data->rank, node, BAD_MODEL, err, "batch_dims is out of range");
    XAI_TRY(xai_pick_rows(node, setup, data, indices, (int)batch, pick, err));
    const xai_shape *rows = &indices->shape;
    int64_t first = batch + rows->dim[rows->rank - 1];
    xai_shape out = {.rank = 0};
    XAI_NODE_CHECK(rows->rank - 1 + data->rank - first <= XAI_MAX_RANK, node, UNSUPPORTED_OP, err,
                   "the result has more than %d dimensions", XAI_MAX_RANK);
    for (int i = 0; i + 1 < rows->rank; i++) out.dim[out.rank++] = rows->dim[i];
    for (int i = (int)first; i < data->rank; i++) out.dim[out.rank++] = data->dim[i];
    return xai_node_output(node, 0, node->in[0]->dtype, &out, err);
}

static const xai_op_case CASES[] = {
    {"first_axis", {"4x3", "=2", NULL}, "", 0},
    {"element", {"4x3", "=2,-1", NULL}, "", 0},
    {"batches", {"2x3x4", "=2,-1:2x1", NULL}, "batch_dims=1", 0},
    {"two_rows", {"4x3x2", "=2,-1,0,0:2x2", NULL}, "", 0},
    {0},
};

const xai_op xai_op_gather_nd = {
    .type = "GatherND",
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
